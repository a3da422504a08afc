//! Queues on the broker, by name: making and removing them, asking for them, and what goes wrong.

use std::time::Duration;

use lapin::options::{QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, ErrorKind};

use super::backoff::Backoff;
use super::connection::unless_closed;
use super::{Broker, BrokerEvent};

/// On how many nodes of a cluster a queue or stream is kept: any one of three may be lost. On fewer
/// nodes there are fewer.
pub const REPLICAS: i64 = 3;
/// A queue that a node does not know for so long is gone. A node of a cluster that was cut off or
/// has just started may learn of a queue later than its clients, who read of it in the log.
pub(super) const UNKNOWN: Duration = Duration::from_secs(2);
/// How many failures people need not hear of: a broker that starts is ready within seconds.
const PATIENCE: u32 = 4;
/// What the broker says when something in it has failed that is not the client's doing.
const INTERNAL_ERROR: &str = "INTERNAL_ERROR";
/// So many of these, and another node is tried: one that has lost a part of itself (seen with 4.0.5
/// after kills: the supervisor of dead lettering) answers nothing else.
const FAULTS: u32 = 3;
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Why queues are not as they should be.
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
    /// The connection was lost on the way, or the broker does not have the queue ready: do it
    /// again.
    #[error("the connection to the broker was lost: {0}")]
    Lost(String),
    /// This process has closed its connections.
    #[error("the connection to the broker was closed")]
    Closed,
}

/// Declares and deletes one more quorum queue, so that the others are safe.
///
/// RabbitMQ registers a quorum queue's Raft member in a table (dets) that is written 3 s later, or
/// when the next queue is looked up in it. Measured with 3.10.8 and 4.0.5: a node killed within
/// those 3 s starts the queue that was declared last anew, empty and without a leader, confirmed
/// messages or not; with one more queue declared after it, nothing is lost.
///
/// # Errors
/// When the broker refuses or the connection is lost.
pub async fn flush(channel: &Channel, name: &str) -> Result<(), QueueError> {
    let mut table = FieldTable::default();
    table.insert(
        "x-queue-type".into(),
        AMQPValue::LongString("quorum".into()),
    );
    declare(channel, name, table).await?;
    delete(channel, name).await
}

/// Tries up to `attempts` times while the connection is lost or the broker has no leader for a
/// queue yet, and says once what it waits for. A node that fails again and again is left for
/// another.
pub async fn persistently<T>(
    broker: &Broker,
    queue: &str,
    attempts: u32,
    attempt: impl AsyncFn() -> Result<T, QueueError>,
) -> Result<T, QueueError> {
    let mut backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT);
    let mut failures: u32 = 0;
    let mut faults: u32 = 0;
    loop {
        failures = failures.saturating_add(1);
        match attempt().await {
            Err(QueueError::Lost(reason)) if failures < attempts => {
                faults += u32::from(reason.contains(INTERNAL_ERROR));
                if faults == FAULTS {
                    faults = 0;
                    broker.leave().await;
                }
                if failures == PATIENCE {
                    let queue = queue.to_owned();
                    broker.say(&BrokerEvent::Unready { queue, reason });
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
pub async fn depth(broker: &Broker, name: &str) -> Result<Option<u32>, QueueError> {
    let channel = broker.channel().await?;
    let depth = match passive(&channel, name).await {
        Ok(queue) => Some(queue.message_count()),
        Err(error) if is_missing(&error) => return Ok(None),
        Err(error) => return Err(classify(name, &error)),
    };
    close(&channel).await;
    Ok(depth)
}

/// Closes a channel in order; one that the broker has closed is no error.
pub async fn close(channel: &Channel) {
    let _ = unless_closed(channel, channel.close(200, "done".into())).await;
}

pub(super) async fn passive(channel: &Channel, name: &str) -> lapin::Result<lapin::Queue> {
    let options = QueueDeclareOptions {
        passive: true,
        ..QueueDeclareOptions::default()
    };
    let asking = channel.queue_declare(name.into(), options, FieldTable::default());
    unless_closed(channel, asking).await
}

/// Deletes a queue with everything in it; one that does not exist is no error.
///
/// # Errors
/// When the broker refuses or the connection is lost.
pub async fn delete(channel: &Channel, name: &str) -> Result<(), QueueError> {
    let asking = channel.queue_delete(name.into(), QueueDeleteOptions::default());
    unless_closed(channel, asking)
        .await
        .map(drop)
        .map_err(|error| classify(name, &error))
}

/// Declares a durable queue; one that exists as it should is left alone.
///
/// # Errors
/// When one exists with other settings, the broker refuses or the connection is lost.
pub async fn declare(
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
