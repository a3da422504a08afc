//! Publishing with confirms: a message is taken when the broker says that it is safe.
//!
//! One task per job owns the channel and everything under way. It must not know what the messages
//! say.
//!
//! A refusal (`basic.nack`) is the back-pressure of a full queue, but not always: a channel that was
//! opened while the queue had no leader may be refused everything for good. Limits are in bytes and a
//! queue's bytes cannot be seen, so whatever the cause a new channel is tried.

use std::collections::HashSet;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use lapin::message::BasicReturnMessage;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Confirmation, ErrorKind};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use super::backoff::Backoff;
use super::connection::{ManagedConnection, unless_closed, unless_lost, while_open};
use super::event::BrokerEvent;
use super::queues::{UNKNOWN, is_missing, passive};
use super::refusals::Refusals;
use super::state::{ConnectionState, Counts, Health};
use gristmill_common::clock::since_1970;

/// How many messages may be under way unconfirmed. More hide the confirm's latency for small
/// messages; for large ones the bound in bytes comes first.
const WINDOW_MESSAGES: usize = 64;
/// How many bytes of them: 8 chunks, more once they are packed.
const WINDOW_BYTES: usize = 8 << 20;
/// A full queue is tried again after so long, growing.
const FIRST_WAIT: Duration = Duration::from_millis(10);
const LONGEST_WAIT: Duration = Duration::from_millis(500);

/// A broker that is well but has confirmed nothing for so long is reported.
const SILENCE: Duration = Duration::from_secs(20);

/// A queue that refuses messages although it is empty, so many times in a row, has no leader: to a new
/// channel it refuses at once, to one that knew its leader it says nothing (3.10.8 and 4.0.5 alike).
const REFUSALS: u32 = 3;
/// How often the broker's health is looked at while it is silent.
const LOOK: Duration = Duration::from_secs(1);

/// The header of every message that says when it was sent, in milliseconds since 1970: for people, who see
/// how long messages wait.
const SENT_HEADER: &str = "gristmill-sent";

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
enum Verdict {
    Confirmed,
    /// The queue is full: the back-pressure.
    Full,
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

struct Request {
    queue: String,
    message: Bytes,
    headers: FieldTable,
    reply: oneshot::Sender<Verdict>,
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
    /// publishes again after a lost connection (which may double the message).
    pub async fn publish(
        &self,
        queue: &str,
        message: Bytes,
        headers: FieldTable,
    ) -> Result<(), PublishFault> {
        let mut backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT);
        let mut since = Instant::now();
        let mut refusals = 0;
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
                    unknown = None;
                    // It may be this very message that ends every connection it is sent over.
                    tokio::time::sleep(backoff.next()).await;
                }
                Verdict::Silent => return Err(PublishFault::NoQueue),
                Verdict::Full => {
                    let patience = self.patience.unwrap_or(Duration::MAX);
                    if since.elapsed() >= patience {
                        refusals += 1;
                        if self.holds_messages(queue).await {
                            refusals = 0;
                            since = Instant::now();
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
async fn count(mut connection: ManagedConnection, queue: &str) -> Option<u32> {
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

type Attempt = Pin<Box<dyn Future<Output = lapin::Result<Confirmation>> + Send>>;

/// One message under way.
struct InFlight {
    id: u64,
    attempt: Attempt,
    request: Request,
}

async fn pump(
    mut connection: ManagedConnection,
    consume: ManagedConnection,
    state: Arc<ConnectionState>,
    mut inbox: mpsc::Receiver<Request>,
) {
    let mut refusals = Refusals::default();
    let mut in_flight: Vec<InFlight> = Vec::new();
    let mut returned: HashSet<u64> = HashSet::new();
    let mut channel: Option<Channel> = None;
    let mut last_id = 0;
    let mut said = false;
    loop {
        let usable = channel.as_ref().is_some_and(|c| c.status().connected());
        tokio::select! {
            biased;
            done = completed(&mut in_flight), if !in_flight.is_empty() => {
                settle(done, &mut returned, &mut refusals);
                said = false;
                Counts::add_to(&state.counts().refused, refusals.take_count());
                if let Some((queue, waited)) = refusals.take_warning() {
                    tokio::spawn(warn(consume.clone(), Arc::clone(&state), queue, waited));
                }
                // What is under way on the old channel keeps it until it lands.
                if usable && refusals.renew() {
                    Counts::add_to(&state.counts().renewed, 1);
                    channel = None;
                }
                continue;
            }
            () = tokio::time::sleep(SILENCE), if !said && !in_flight.is_empty() => {
                if usable && state.health() == Health::default() {
                    said = true;
                    let queue = in_flight[0].request.queue.clone();
                    state.say(&BrokerEvent::Silent { queue });
                }
                continue;
            }
            // A dead channel takes nothing; what flew over it lands first. One that was given up is not dead.
            request = inbox.recv(), if ((usable || channel.is_none()) && in_flight.len() < WINDOW_MESSAGES) || in_flight.is_empty() => {
                let Some(request) = request else { return };
                if !usable {
                    channel = match open(&mut connection).await {
                        Ok(channel) => Some(channel),
                        Err(Some(refused)) => {
                            let _ = request.reply.send(Verdict::Refused(refused));
                            continue;
                        }
                        Err(None) => return,
                    };
                }
                let Some(channel) = channel.clone() else { return };
                last_id += 1;
                in_flight.push(launch(channel, last_id, request));
            }
        }
    }
}

/// Tells of a queue that takes nothing, with what it holds.
async fn warn(
    consume: ManagedConnection,
    state: Arc<ConnectionState>,
    queue: String,
    waited: Duration,
) {
    let messages = count(consume, &queue).await;
    state.say(&BrokerEvent::Refusing {
        queue,
        waited,
        messages,
    });
}

/// A channel in confirm mode on the connection, once it is back. The error is what the broker says
/// when it refuses, or nothing when the connection has ended.
async fn open(connection: &mut ManagedConnection) -> Result<Channel, Option<String>> {
    let mut backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT);
    loop {
        let session = connection.session().await.ok_or(None)?;
        let attempt = async {
            let channel = session.connection.create_channel().await?;
            channel
                .confirm_select(ConfirmSelectOptions::default())
                .await?;
            lapin::Result::Ok(channel)
        };
        match unless_lost(&session.connection, attempt).await {
            Ok(channel) => return Ok(channel),
            Err(error) if matches!(error.kind(), ErrorKind::ChannelsLimitReached) => {
                return Err(Some(error.to_string()));
            }
            Err(_) => tokio::time::sleep(backoff.next()).await,
        }
    }
}

fn launch(channel: Channel, id: u64, request: Request) -> InFlight {
    let (queue, message) = (request.queue.clone(), request.message.clone());
    let mut headers = request.headers.clone();
    headers.insert(SENT_HEADER.into(), AMQPValue::LongLongInt(now()));
    let properties = BasicProperties::default()
        .with_delivery_mode(2)
        .with_message_id(id.to_string().into())
        .with_headers(headers);
    let attempt = Box::pin(async move {
        let options = BasicPublishOptions {
            // Without it, a message for a queue that is gone would count as confirmed.
            mandatory: true,
            immediate: false,
        };
        let publishing = async {
            let confirm = channel
                .basic_publish("".into(), queue.into(), options, &message, properties)
                .await?;
            confirm.await
        };
        // A full or sleeping queue may take its time: patience is the sender's matter.
        while_open(&channel, publishing).await
    });
    InFlight {
        id,
        attempt,
        request,
    }
}

/// Takes all messages whose answers have come, at least one. All are looked at before any is judged: a return may
/// come attached to another message's confirm, which then resolved before the returned message's.
async fn completed(in_flight: &mut Vec<InFlight>) -> Vec<(InFlight, lapin::Result<Confirmation>)> {
    std::future::poll_fn(|cx: &mut Context<'_>| {
        let mut done = Vec::new();
        let mut at = 0;
        while at < in_flight.len() {
            match in_flight[at].attempt.as_mut().poll(cx) {
                Poll::Ready(result) => done.push((in_flight.remove(at), result)),
                Poll::Pending => at += 1,
            }
        }
        if done.is_empty() {
            Poll::Pending
        } else {
            Poll::Ready(done)
        }
    })
    .await
}

fn settle(
    done: Vec<(InFlight, lapin::Result<Confirmation>)>,
    returned: &mut HashSet<u64>,
    refusals: &mut Refusals,
) {
    let mut judged = Vec::with_capacity(done.len());
    for (flown, result) in done {
        let verdict = match result {
            Ok(confirmation) => {
                let verdict = match &confirmation {
                    Confirmation::Ack(_) => Verdict::Confirmed,
                    Confirmation::Nack(_) => Verdict::Full,
                    // The channel is in confirm mode: no answer is no confirmation.
                    Confirmation::NotRequested => Verdict::Lost,
                };
                returned.extend(confirmation.take_message().as_ref().and_then(id_of));
                verdict
            }
            Err(error) if lost_stream(&error, &flown.request.queue) => Verdict::LostStream,
            Err(error) => match soft_error(&error) {
                Some(reason) => Verdict::Refused(reason),
                None => Verdict::Lost,
            },
        };
        judged.push((flown, verdict));
    }
    for (flown, verdict) in judged {
        let verdict = if returned.remove(&flown.id) {
            Verdict::Unroutable
        } else {
            verdict
        };
        match verdict {
            Verdict::Full => refusals.refused(&flown.request.queue),
            _ => refusals.taken(&flown.request.queue),
        }
        // Whoever asked may have stopped waiting.
        let _ = flown.request.reply.send(verdict);
    }
}

fn id_of(message: &BasicReturnMessage) -> Option<u64> {
    message
        .properties
        .message_id()
        .as_ref()?
        .as_str()
        .parse()
        .ok()
}

/// Whether the broker ended the connection because it has lost a stream but not its name: RabbitMQ 4
/// with Khepri does that to whoever publishes to one (506; measured with 4.0.5, where Mnesia and 3.10.8
/// return the message). All that is under way on the connection fails with the same error, so only
/// the queue that is named is meant.
fn lost_stream(error: &lapin::Error, queue: &str) -> bool {
    match error.kind() {
        ErrorKind::ProtocolError(error) => {
            let message = error.get_message().as_str();
            error.get_id() == 506
                && message.contains("not found")
                && message.contains(&format!("'{queue}'"))
        }
        _ => false,
    }
}

/// What the broker says when it closed the channel because it will never take such a message: no
/// permission (403), or larger than it allows (406).
fn soft_error(error: &lapin::Error) -> Option<String> {
    match error.kind() {
        ErrorKind::ProtocolError(error) if matches!(error.get_id(), 403 | 406) => {
            Some(error.to_string())
        }
        _ => None,
    }
}

/// Milliseconds since 1970.
fn now() -> i64 {
    i64::try_from(since_1970().as_millis()).unwrap_or(i64::MAX)
}

/// How long ago a message with these properties was sent, if it says so: by another machine's clock, and
/// whoever sent it is not trusted.
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
