//! Publishing with confirms: a message is taken when the broker says that it is safe.
//!
//! It must not know what the messages say, nor over which channel they go.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use super::backoff::Backoff;
use super::connection::{ManagedConnection, unless_closed, unless_lost};
use super::headless::has_lost_leader;
use super::pump::pump;
use super::queues::{UNKNOWN, is_missing, passive};
use super::state::{ConnectionState, Health};
use gristmill_common::clock::since_1970;

/// How many messages may be under way unconfirmed. More hide the confirm's latency for small
/// messages; for large ones the bound in bytes comes first.
pub(super) const WINDOW_MESSAGES: usize = 64;
/// How many bytes of them: a larger message goes alone.
const WINDOW_BYTES: usize = 8 << 20;
/// A full queue is tried again after so long, growing.
pub(super) const FIRST_WAIT: Duration = Duration::from_millis(10);
pub(super) const LONGEST_WAIT: Duration = Duration::from_millis(500);

/// A queue that refuses messages although it is empty, so many times in a row, has no leader: to a
/// new channel it refuses at once, to one that knew its leader it says nothing (3.10.8 and 4.0.5
/// alike).
const REFUSALS: u32 = 3;
/// A queue that has refused everything for so long is asked whether it has a leader, and then as
/// often.
const LOOK_FOR_LEADER: Duration = Duration::from_secs(60);
/// How often the broker's health is looked at while it is silent.
const LOOK: Duration = Duration::from_secs(1);

/// The header of every message that says when it was sent, in milliseconds since 1970: for people,
/// who see how long messages wait.
pub(super) const SENT_HEADER: &str = "gristmill-sent";

/// No message that is older than that is believed.
const OLDEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// Why a message was not taken.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PublishFault {
    /// There is no such queue, or none that has a leader.
    #[error("the queue does not exist")]
    NoQueue,
    /// The broker does not allow it.
    #[error("{0}")]
    Refused(String),
    /// The broker's connections were closed by this process.
    #[error("the connection to the broker was closed")]
    Closed,
}

/// What became of one attempt.
pub(super) enum Verdict {
    Confirmed,
    /// The queue is full: the back-pressure.
    Full,
    /// There was no answer for long, and the channel was given up.
    Unanswered,
    /// There was no answer for too long.
    Silent,
    /// No queue took it.
    Unroutable,
    /// The stream is lost, and asking again would end the connection again.
    LostStream,
    /// The connection was lost first: nobody knows.
    Lost,
    Refused(String),
}

/// A message to be published, and who waits for what becomes of it.
pub(super) struct Request {
    pub(super) queue: String,
    pub(super) message: Bytes,
    pub(super) headers: FieldTable,
    pub(super) reply: oneshot::Sender<Verdict>,
    _room: (OwnedSemaphorePermit, OwnedSemaphorePermit),
}

/// Publishes to queues. Clones share the window.
#[derive(Clone)]
pub struct Publisher {
    requests: mpsc::Sender<Request>,
    messages: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
    state: Arc<ConnectionState>,
    /// For questions: the connection that publishes stands still in an alarm.
    consume: ManagedConnection,
    patience: Option<Duration>,
}

impl Publisher {
    /// A queue that answers nothing for longer than `patience` while the broker is well, or refuses
    /// messages although it is empty, counts as gone; without a `patience` it is waited for.
    pub(super) fn start(
        connection: ManagedConnection,
        consume: ManagedConnection,
        state: Arc<ConnectionState>,
        patience: Option<Duration>,
    ) -> Self {
        let (requests, inbox) = mpsc::channel(WINDOW_MESSAGES);
        tokio::spawn(pump(connection, consume.clone(), Arc::clone(&state), inbox));
        Self {
            requests,
            state,
            consume,
            patience,
            messages: Arc::new(Semaphore::new(WINDOW_MESSAGES)),
            bytes: Arc::new(Semaphore::new(WINDOW_BYTES)),
        }
    }

    /// Publishes until the broker has confirmed the message: waits while the queue is full, and
    /// publishes again after a lost connection or a long silence (which may double the message).
    pub async fn publish(
        &self,
        queue: &str,
        message: Bytes,
        headers: FieldTable,
    ) -> Result<(), PublishFault> {
        let mut backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT);
        let mut since = Instant::now();
        let mut refusals = 0;
        let mut look_for_leader = LOOK_FOR_LEADER;
        let mut unknown = None;
        loop {
            let verdict = tokio::select! {
                biased;
                verdict = self.attempt(queue, message.clone(), headers.clone()) => verdict?,
                () = self.overdue(&mut since) => Verdict::Silent,
            };
            match verdict {
                Verdict::Confirmed => return Ok(()),
                Verdict::Unroutable => {
                    let unknown = *unknown.get_or_insert_with(Instant::now);
                    if self.patience.is_none() || unknown.elapsed() >= UNKNOWN {
                        return Err(PublishFault::NoQueue);
                    }
                    tokio::time::sleep(backoff.next()).await;
                }
                Verdict::LostStream => return Err(PublishFault::NoQueue),
                Verdict::Refused(reason) => return Err(PublishFault::Refused(reason)),
                Verdict::Lost => {
                    since = Instant::now();
                    look_for_leader = LOOK_FOR_LEADER;
                    unknown = None;
                    // It may be this very message that ends every connection it is sent over.
                    tokio::time::sleep(backoff.next()).await;
                }
                // The time without an answer goes on.
                Verdict::Unanswered => {}
                Verdict::Silent => return Err(PublishFault::NoQueue),
                Verdict::Full => {
                    let patience = self.patience.unwrap_or(Duration::MAX);
                    if since.elapsed() >= look_for_leader {
                        look_for_leader += LOOK_FOR_LEADER;
                        if self.is_headless(queue).await {
                            return Err(PublishFault::NoQueue);
                        }
                    }
                    if since.elapsed() >= patience {
                        refusals += 1;
                        if self.holds_messages(queue).await {
                            refusals = 0;
                            since = Instant::now();
                            look_for_leader = LOOK_FOR_LEADER;
                        } else if refusals == REFUSALS {
                            return Err(PublishFault::NoQueue);
                        }
                    }
                    // The window is free for other queues meanwhile.
                    tokio::time::sleep(backoff.next()).await;
                }
            }
        }
    }

    /// Ends when a broker that is well has been silent for too long.
    async fn overdue(&self, since: &mut Instant) {
        let Some(patience) = self.patience else {
            return std::future::pending().await;
        };
        while since.elapsed() < patience {
            tokio::time::sleep(LOOK).await;
            if self.state.health() != Health::default() {
                *since = Instant::now();
            }
        }
    }

    /// Whether a queue that refuses messages is full in earnest. When nobody can say, it is.
    async fn holds_messages(&self, queue: &str) -> bool {
        count(self.consume.clone(), queue).await != Some(0)
    }

    /// Whether a queue that is not waited for without end has lost its leader. When nobody can say,
    /// it has not. A stream, such as the log of jobs, must not be asked: the broker ends the
    /// connection.
    async fn is_headless(&self, queue: &str) -> bool {
        self.patience.is_some()
            && has_lost_leader(self.consume.clone(), queue)
                .await
                .unwrap_or(false)
    }

    async fn attempt(
        &self,
        queue: &str,
        message: Bytes,
        headers: FieldTable,
    ) -> Result<Verdict, PublishFault> {
        let closed = |_| PublishFault::Closed;
        // A message larger than the window goes alone.
        let weight = message.len().clamp(1, WINDOW_BYTES) as u32;
        let one = Arc::clone(&self.messages).acquire_owned().await;
        let many = Arc::clone(&self.bytes).acquire_many_owned(weight).await;
        let room = (
            one.map_err(|_| PublishFault::Closed)?,
            many.map_err(|_| PublishFault::Closed)?,
        );
        let (reply, verdict) = oneshot::channel();
        let request = Request {
            queue: queue.to_owned(),
            message,
            headers,
            reply,
            _room: room,
        };
        self.requests
            .send(request)
            .await
            .map_err(|_| PublishFault::Closed)?;
        verdict.await.map_err(closed)
    }
}

/// How many messages a queue holds, where the broker says so; none in one that does not exist.
pub(super) async fn count(mut connection: ManagedConnection, queue: &str) -> Option<u32> {
    let session = connection.session().await?;
    let connection = &session.connection;
    let channel = unless_lost(connection, connection.create_channel()).await;
    let channel = channel.ok()?;
    let found = passive(&channel, queue).await;
    let _ = unless_closed(&channel, channel.close(200, "done".into())).await;
    match found {
        Ok(queue) => Some(queue.message_count()),
        Err(error) if is_missing(&error) => Some(0),
        Err(_) => None,
    }
}

/// Milliseconds since 1970.
pub(super) fn now() -> i64 {
    i64::try_from(since_1970().as_millis()).unwrap_or(i64::MAX)
}

/// How long ago a message with these properties was sent, if it says so: by another machine's
/// clock, and whoever sent it is not trusted.
pub(super) fn age(properties: &BasicProperties) -> Option<Duration> {
    match properties.headers().as_ref()?.inner().get(SENT_HEADER)? {
        AMQPValue::LongLongInt(sent) => {
            // Neither a clock that is ahead nor a time that nobody can have meant.
            let sent = Duration::from_millis(u64::try_from(*sent).ok()?);
            let age = since_1970().checked_sub(sent)?;
            (age < OLDEST).then_some(age)
        }
        _ => None,
    }
}

/// A header table with one text in it.
pub fn header(name: &str, text: &str) -> FieldTable {
    let mut headers = FieldTable::default();
    headers.insert(name.into(), AMQPValue::LongString(text.into()));
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_that_cannot_be_is_not_believed() {
        let sent = |value| {
            let mut headers = FieldTable::default();
            headers.insert(SENT_HEADER.into(), value);
            age(&BasicProperties::default().with_headers(headers))
        };
        let near = sent(AMQPValue::LongLongInt(now() - 1500)).expect("believed");
        assert!(near >= Duration::from_millis(1500) && near < Duration::from_secs(60));
        for hostile in [i64::MIN, -1, 0, 1, now() + 60_000, i64::MAX] {
            assert_eq!(sent(AMQPValue::LongLongInt(hostile)), None, "{hostile}");
        }
        assert_eq!(sent(AMQPValue::Void), None);
        assert_eq!(age(&BasicProperties::default()), None);
    }
}
