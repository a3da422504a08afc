//! Quorum queues that have lost their leader for good. A broker that is killed within a declaration
//! keeps the queue's name and nothing behind it, or a replica that started empty and waits for a
//! leader for ever: such a queue confirms no message and hands none over.

use std::time::Duration;

use lapin::options::BasicGetOptions;
use lapin::{Channel, ErrorKind};
use tokio::time::timeout;

use super::Broker;
use super::connection::{ManagedConnection, closed, unless_closed, unless_lost};
use super::queues::{QueueError, classify, close, is_missing, passive};

/// A leader answers within that time; one may be being elected.
const ANSWER: Duration = Duration::from_secs(10);
/// A queue that is just being declared has no leader either: it is asked again after that time.
const BEING_MADE: Duration = Duration::from_secs(2);

/// Whether a queue is there that has lost its leader. A queue that answers is left as it is, also
/// when it holds nothing: another may be about to fill it. The connection is lost where it is so.
///
/// # Errors
/// When the broker refuses or the connection is lost.
pub async fn is_headless(broker: &Broker, name: &str) -> Result<bool, QueueError> {
    has_lost_leader(broker.inner.consume.clone(), name).await
}

pub(super) async fn has_lost_leader(
    connection: ManagedConnection,
    name: &str,
) -> Result<bool, QueueError> {
    if answers(connection.clone(), name).await? {
        return Ok(false);
    }
    tokio::time::sleep(BEING_MADE).await;
    Ok(!answers(connection, name).await?)
}

/// Whether a queue is not there, holds something, or its leader says what its next message is.
async fn answers(mut connection: ManagedConnection, name: &str) -> Result<bool, QueueError> {
    let session = connection.session().await.ok_or(QueueError::Closed)?;
    let connection = &session.connection;
    // The broker closes a channel that asks for a queue that is not there.
    let channel = unless_lost(connection, connection.create_channel())
        .await
        .map_err(|error| QueueError::Lost(error.to_string()))?;
    match passive(&channel, name).await {
        Ok(queue) if queue.message_count() == 0 && queue.consumer_count() == 0 => {}
        Ok(_) => {
            close(&channel).await;
            return Ok(true);
        }
        Err(error) if is_missing(&error) => return Ok(true),
        Err(error) => return Err(classify(name, &error)),
    }
    match timeout(ANSWER, gives(&channel, name)).await {
        Ok(answers) => {
            // A message goes back.
            close(&channel).await;
            answers
        }
        // A replica that started empty waits for a leader for ever, and so does the channel.
        Err(_) => {
            tokio::spawn(async move { close(&channel).await });
            Ok(false)
        }
    }
}

async fn gives(channel: &Channel, name: &str) -> Result<bool, QueueError> {
    let asking = channel.basic_get(name.into(), BasicGetOptions::default());
    let Err(error) = unless_closed(channel, asking).await else {
        return Ok(true);
    };
    match error.kind() {
        // The leader says so of a queue with a single active consumer.
        ErrorKind::ProtocolError(fault) if matches!(fault.get_id(), 405 | 540) => Ok(true),
        // There is no such process (3.10.8, 4.0.5 and 4.3.6 alike), and the connection is closed.
        ErrorKind::ProtocolError(fault)
            if fault.get_id() == 541 && fault.get_message().as_str().contains("noproc") =>
        {
            closed(channel).await;
            Ok(false)
        }
        _ => Err(classify(name, &error)),
    }
}
