//! A job's queues on the broker: their names and arguments, making them and removing them.
//!
//! Only these functions declare: a role that finds a queue gone must ask why, not make a new one.

use std::time::Duration;

use lapin::options::{QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, ErrorKind};

use super::backoff::Backoff;
use super::link::unless_closed;
use super::{Broker, Notice};
use crate::crash;
use crate::job::JobRun;
use crate::transport::Queue;

/// How often a chunk may be handed over before it is suspected of killing its mappers.
pub const CHUNK_DELIVERIES: u32 = 3;
/// For queues that no count of restarts may empty. RabbitMQ 4 limits to 20 unless told otherwise.
const NO_LIMIT: i64 = 1_000_000_000;
/// The least room of one partition's results, in bytes: a queue below one message never moves.
const LEAST_RESULTS: u64 = 16 << 20;

/// How often queues are deleted when connections are lost meanwhile: about a minute.
const ATTEMPTS: u32 = 16;
/// How many failures people need not hear of: a broker that starts is ready within seconds.
const PATIENCE: u32 = 4;
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// How many bytes of messages the queues of a job may hold before its producers (and then its
/// mappers) wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backlog {
    /// Of chunks.
    pub chunks: u64,
    /// Of results, over all partitions.
    pub results: u64,
}

impl Backlog {
    /// So much for chunks, half of it for results.
    #[must_use]
    pub fn of(chunks: u64) -> Self {
        Self {
            chunks,
            results: chunks / 2,
        }
    }
}

/// What becomes of queues that are there before they are declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leftovers {
    /// They are the job's: for one that goes on.
    Keep,
    /// Those without messages and consumers are made anew: for a job that failed. A broker that was
    /// killed within a declaration keeps a queue without a leader, which never confirms a message.
    Idle,
    /// All are made anew: for a run that the log does not know.
    All,
}

/// Why a job's queues are not as they should be.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// A queue of that name exists with other arguments.
    #[error("the queue {queue} exists with other settings: {reason}")]
    Conflict {
        /// Its name on the broker.
        queue: String,
        /// What the broker says.
        reason: String,
    },
    /// The broker does not allow it.
    #[error("the broker refuses: {0}")]
    Refused(String),
    /// The connection was lost on the way, or the broker does not have the queue ready: do it again.
    #[error("the connection to the broker was lost: {0}")]
    Lost(String),
    /// This process has closed its connections.
    #[error("the connection to the broker was closed")]
    Closed,
}

/// A queue's name on the broker, which names the run: a queue of an earlier run can be deleted at any
/// time, by anybody, without harm to a later one.
#[must_use]
pub fn queue_name(job: &JobRun, queue: Queue) -> String {
    match queue {
        Queue::Chunks => format!("gristmill.{job}.chunks"),
        Queue::Suspect => format!("gristmill.{job}.suspect"),
        Queue::Dead => format!("gristmill.{job}.dead"),
        Queue::Results(partition) => format!("gristmill.{job}.results.{partition}"),
        Queue::Files => format!("gristmill.{job}.files"),
    }
}

/// The queues of every job with so many partitions; a job that needs files has a stream too.
pub fn queues_of(partitions: u32) -> impl Iterator<Item = Queue> {
    [Queue::Dead, Queue::Suspect]
        .into_iter()
        .chain((0..partitions).map(Queue::Results))
        // The one that work comes from is made last.
        .chain([Queue::Chunks])
}

/// Declares all queues of a job. A connection that
/// is lost on the way is waited for, and so is a broker that does not have them ready.
///
/// # Errors
/// When one exists with other settings, or the broker refuses.
pub async fn declare_job(
    broker: &Broker,
    job: &JobRun,
    partitions: u32,
    backlog: Backlog,
    leftovers: Leftovers,
) -> Result<(), QueueError> {
    let name = queue_name(job, Queue::Chunks);
    persistently(broker, &name, u32::MAX, async || {
        let channel = broker.channel().await?;
        for queue in queues_of(partitions) {
            let name = queue_name(job, queue);
            let remake = match leftovers {
                Leftovers::Keep => false,
                Leftovers::Idle => is_idle(broker, &name).await?,
                Leftovers::All => true,
            };
            if remake {
                delete(&channel, &name).await?;
            }
            let arguments = arguments(job, queue, partitions, backlog);
            declare(&channel, &name, arguments).await?;
        }
        flush(&channel, job).await?;
        let _ = unless_closed(&channel, channel.close(200, "done".into())).await;
        Ok(())
    })
    .await
}

/// Declares and deletes one more quorum queue, so that the others are safe.
///
/// RabbitMQ registers a quorum queue's Raft member in a table (dets) that is written 3 s later, or
/// when the next queue is looked up in it. Measured with 3.10.8 and 4.0.5: a node killed within those 3 s
/// starts the queue that was declared last anew, empty and without a leader, confirmed messages
/// or not; with one more queue declared after it, nothing is lost.
async fn flush(channel: &Channel, job: &JobRun) -> Result<(), QueueError> {
    let name = scratch(job);
    let mut table = FieldTable::default();
    table.insert("x-queue-type".into(), text("quorum"));
    declare(channel, &name, table).await?;
    delete(channel, &name).await
}

fn scratch(job: &JobRun) -> String {
    format!("gristmill.{job}.scratch")
}

/// Deletes all queues of a job with everything in them; those that do not exist are no error. A
/// connection that is lost on the way is waited for (deleting a queue without a leader closes it).
///
/// # Errors
/// When the broker refuses or connections keep being lost.
pub async fn delete_job(broker: &Broker, job: &JobRun, partitions: u32) -> Result<(), QueueError> {
    let name = queue_name(job, Queue::Chunks);
    persistently(broker, &name, ATTEMPTS, async || {
        let channel = broker.channel().await?;
        // Work stops first.
        let first = [Queue::Chunks, Queue::Files];
        for queue in first.into_iter().chain(queues_of(partitions)) {
            delete(&channel, &queue_name(job, queue)).await?;
            crash::point("queue-deleted");
        }
        // A producer that died while it declared left it behind.
        delete(&channel, &scratch(job)).await?;
        let _ = unless_closed(&channel, channel.close(200, "done".into())).await;
        Ok(())
    })
    .await
}

/// Does it again when the connection was lost or the broker has no leader for a queue yet, so many
/// times, and says once what it waits for.
pub(crate) async fn persistently<T>(
    broker: &Broker,
    queue: &str,
    attempts: u32,
    attempt: impl AsyncFn() -> Result<T, QueueError>,
) -> Result<T, QueueError> {
    let mut backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT);
    let mut failures: u32 = 0;
    loop {
        failures = failures.saturating_add(1);
        match attempt().await {
            Err(QueueError::Lost(reason)) if failures < attempts => {
                if failures == PATIENCE {
                    let queue = queue.to_owned();
                    broker.say(&Notice::Unready { queue, reason });
                }
                tokio::time::sleep(backoff.next()).await;
            }
            done => return done,
        }
    }
}

/// How many messages of a queue wait, or `None` when it does not exist.
///
/// # Errors
/// When the broker refuses or the connection is lost.
pub async fn queue_depth(
    broker: &Broker,
    job: &JobRun,
    queue: Queue,
) -> Result<Option<u32>, QueueError> {
    let channel = broker.channel().await?;
    let name = queue_name(job, queue);
    let depth = match passive(&channel, &name).await {
        Ok(queue) => Some(queue.message_count()),
        Err(error) if is_missing(&error) => return Ok(None),
        Err(error) => return Err(classify(&name, &error)),
    };
    let _ = unless_closed(&channel, channel.close(200, "done".into())).await;
    Ok(depth)
}

pub(super) async fn passive(channel: &Channel, name: &str) -> lapin::Result<lapin::Queue> {
    let options = QueueDeclareOptions {
        passive: true,
        ..QueueDeclareOptions::default()
    };
    let asking = channel.queue_declare(name.into(), options, FieldTable::default());
    unless_closed(channel, asking).await
}

/// Whether a queue is there with neither messages nor consumers.
async fn is_idle(broker: &Broker, name: &str) -> Result<bool, QueueError> {
    // The broker closes a channel that asks for a queue that is not there.
    let channel = broker.channel().await?;
    let idle = match passive(&channel, name).await {
        Ok(queue) => queue.message_count() == 0 && queue.consumer_count() == 0,
        Err(error) if is_missing(&error) => return Ok(false),
        Err(error) => return Err(classify(name, &error)),
    };
    let _ = unless_closed(&channel, channel.close(200, "done".into())).await;
    Ok(idle)
}

async fn delete(channel: &Channel, name: &str) -> Result<(), QueueError> {
    let asking = channel.queue_delete(name.into(), QueueDeleteOptions::default());
    unless_closed(channel, asking)
        .await
        .map(drop)
        .map_err(|error| classify(name, &error))
}

pub(super) async fn declare(
    channel: &Channel,
    name: &str,
    arguments: FieldTable,
) -> Result<(), QueueError> {
    let options = QueueDeclareOptions {
        durable: true,
        ..QueueDeclareOptions::default()
    };
    unless_closed(
        channel,
        channel.queue_declare(name.into(), options, arguments),
    )
    .await
    .map(drop)
    .map_err(|error| classify(name, &error))
}

/// Whether the broker says that a queue does not exist, rather than that it is not there yet.
pub(super) fn is_missing(error: &lapin::Error) -> bool {
    match error.kind() {
        ErrorKind::ProtocolError(error) => {
            error.get_id() == 404 && !error.get_message().as_str().contains("inaccessible")
        }
        _ => false,
    }
}

pub(super) fn classify(queue: &str, error: &lapin::Error) -> QueueError {
    match error.kind() {
        ErrorKind::ProtocolError(fault) if fault.get_id() == 406 => QueueError::Conflict {
            queue: queue.to_owned(),
            reason: error.to_string(),
        },
        ErrorKind::ProtocolError(fault) if fault.get_id() == 403 => {
            QueueError::Refused(error.to_string())
        }
        _ => QueueError::Lost(error.to_string()),
    }
}

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(value.into())
}

fn number(value: u64) -> AMQPValue {
    AMQPValue::LongLongInt(i64::try_from(value).unwrap_or(i64::MAX))
}

fn arguments(job: &JobRun, queue: Queue, partitions: u32, backlog: Backlog) -> FieldTable {
    let mut table = FieldTable::default();
    let mut set = |key: &str, value| {
        table.insert(key.into(), value);
    };
    // Classic queues have not been synced to disk since 3.13.
    set("x-queue-type", text("quorum"));
    match queue {
        Queue::Chunks => {
            set(
                "x-delivery-limit",
                AMQPValue::LongLongInt(CHUNK_DELIVERIES.into()),
            );
            set("x-dead-letter-exchange", text(""));
            let suspect = queue_name(job, Queue::Suspect);
            set("x-dead-letter-routing-key", text(&suspect));
            // At least once holds only together with reject-publish.
            set("x-dead-letter-strategy", text("at-least-once"));
            set("x-overflow", text("reject-publish"));
            set("x-max-length-bytes", number(backlog.chunks));
        }
        Queue::Results(_) => {
            set("x-delivery-limit", AMQPValue::LongLongInt(NO_LIMIT));
            set("x-single-active-consumer", AMQPValue::Boolean(true));
            set("x-overflow", text("reject-publish"));
            let share = backlog.results / u64::from(partitions.max(1));
            set("x-max-length-bytes", number(share.max(LEAST_RESULTS)));
        }
        // A stream has arguments of its own, see `declare_stream`.
        Queue::Files => {}
        Queue::Suspect | Queue::Dead => {
            set("x-delivery-limit", AMQPValue::LongLongInt(NO_LIMIT));
        }
    }
    table
}
