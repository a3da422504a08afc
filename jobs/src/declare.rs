//! A job's queues on the broker: their arguments, making them and removing them.
//!
//! Only these functions declare: a role that finds a queue gone must ask why, not make a new one.

use std::time::Duration;

use gristmill_common::crash;
use gristmill_common::job::JobRun;
use gristmill_rabbitmq::{
    AMQPValue, Broker, FieldTable, QueueError, REPLICAS, close, declare, delete, depth, flush,
    is_headless, persistently,
};

use crate::queue::{Queue, queue_name, queues_of};

/// How often a chunk may be handed over before it is suspected of killing its mappers.
pub const CHUNK_DELIVERIES: u32 = 3;
/// For queues that no count of restarts may empty. RabbitMQ 4 limits to 20 unless told otherwise.
const NO_LIMIT: i64 = 1_000_000_000;
/// The least room of one partition's results, in bytes: a queue below one message never moves.
const LEAST_RESULTS: u64 = 16 << 20;

/// Queues that nobody has used for so long go by themselves: the log has forgotten their job (it
/// keeps 30 days), or never knew it, as when a producer died before it had entered its run.
const EXPIRES: Duration = Duration::from_secs(31 * 24 * 60 * 60);

/// How often queues are deleted when connections are lost meanwhile: about a minute.
const ATTEMPTS: u32 = 16;

/// How many bytes of messages the queues of a job may hold before its producers (and then its
/// mappers) wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backlog {
    /// Of chunks.
    pub chunks: u64,
    /// Of results, over all partitions.
    pub results: u64,
    /// How long a mapper may hold a chunk, where that is longer than the broker usually lets it.
    pub hold: Option<Duration>,
}

impl Backlog {
    /// So much for chunks, half of it for results.
    #[must_use]
    pub fn of(chunks: u64) -> Self {
        Self {
            chunks,
            results: chunks / 2,
            hold: None,
        }
    }
}

/// Declares all queues of a job. Those that have lost their leader are made anew; all others that
/// are there stay: another producer may be at work on the same run. A connection that is lost on
/// the way is waited for, and so is a broker that does not have them ready.
///
/// # Errors
/// When one exists with other settings, or the broker refuses.
pub async fn declare_job(
    broker: &Broker,
    job: &JobRun,
    partitions: u32,
    backlog: Backlog,
) -> Result<(), QueueError> {
    let name = queue_name(job, Queue::Chunks);
    // After a lost connection all are looked at again: the broker may have been killed.
    persistently(broker, &name, u32::MAX, async || {
        for queue in queues_of(partitions) {
            let name = queue_name(job, queue);
            let remake = is_headless(broker, &name).await?;
            let channel = broker.channel().await?;
            if remake {
                delete(&channel, &name).await?;
            }
            let arguments = arguments(job, queue, partitions, backlog);
            declare(&channel, &name, arguments).await?;
            close(&channel).await;
        }
        let channel = broker.channel().await?;
        flush(&channel, &scratch(job)).await?;
        close(&channel).await;
        Ok(())
    })
    .await
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
        close(&channel).await;
        Ok(())
    })
    .await
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
    depth(broker, &queue_name(job, queue)).await
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
    set(
        "x-quorum-initial-group-size",
        AMQPValue::LongLongInt(REPLICAS),
    );
    set("x-expires", number(EXPIRES.as_millis() as u64));
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
    if let (Queue::Chunks | Queue::Suspect, Some(hold)) = (queue, backlog.hold) {
        let millis = u64::try_from(hold.as_millis()).unwrap_or(u64::MAX);
        table.insert("x-consumer-timeout".into(), number(millis));
    }
    table
}
