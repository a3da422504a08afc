//! What is under way on a publisher's channel: one task owns the channel, sends what it is asked
//! to, and says what became of each message. It must not know what the messages say, nor how often
//! they are tried.
//!
//! A refusal (`basic.nack`) is the back-pressure of a full queue, but not always: a channel that
//! was opened while the queue had no leader may be refused everything for good. Limits are in bytes
//! and a queue's bytes cannot be seen, so whatever the cause a new channel is tried. So it is when
//! nothing is answered at all: after a partition of a cluster, a channel of the node that was cut
//! off may send to a leader that there is no more.

use std::collections::HashSet;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use lapin::message::BasicReturnMessage;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::AMQPValue;
use lapin::{BasicProperties, Channel, Confirmation, ErrorKind};
use tokio::sync::mpsc;

use super::backoff::Backoff;
use super::connection::{ManagedConnection, unless_lost, while_open};
use super::event::BrokerEvent;
use super::publisher::{
    FIRST_WAIT, LONGEST_WAIT, Request, SENT_HEADER, Verdict, WINDOW_MESSAGES, count, now,
};
use super::refusals::Refusals;
use super::silence::Silence;
use super::state::{ConnectionState, Counts, Health};

/// How often it is looked at how long messages have been under way.
const LOOK: Duration = Duration::from_secs(1);
/// How long a channel that is given up may take to close.
const CLOSE_LIMIT: Duration = Duration::from_secs(3);

type Attempt = Pin<Box<dyn Future<Output = lapin::Result<Confirmation>> + Send>>;

/// One message under way.
struct InFlight {
    id: u64,
    sent: Instant,
    attempt: Attempt,
    request: Request,
}

/// The state behind a publisher.
struct Pump {
    consume: ManagedConnection,
    state: Arc<ConnectionState>,
    refusals: Refusals,
    silence: Silence,
    in_flight: Vec<InFlight>,
    returned: HashSet<u64>,
    channel: Option<Channel>,
    last_id: u64,
}

/// Sends what comes out of the inbox, until nobody can put anything in or the connection has ended.
pub(super) async fn pump(
    mut connection: ManagedConnection,
    consume: ManagedConnection,
    state: Arc<ConnectionState>,
    mut inbox: mpsc::Receiver<Request>,
) {
    let mut pump = Pump {
        consume,
        state,
        refusals: Refusals::default(),
        silence: Silence::default(),
        in_flight: Vec::new(),
        returned: HashSet::new(),
        channel: None,
        last_id: 0,
    };
    let mut look = tokio::time::interval(LOOK);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let usable = pump.is_usable();
        let idle = pump.in_flight.is_empty();
        // A dead channel takes nothing; what went over it lands first. One that was given up is not
        // dead.
        let takes = usable || pump.channel.is_none();
        tokio::select! {
            biased;
            done = completed(&mut pump.in_flight), if !idle => pump.settle_all(done),
            _ = look.tick(), if !idle => pump.look(),
            request = inbox.recv(), if idle || takes && pump.in_flight.len() < WINDOW_MESSAGES => {
                let Some(request) = request else { return };
                if !usable {
                    pump.channel = match open(&mut connection).await {
                        Ok(channel) => Some(channel),
                        Err(Some(refused)) => {
                            let _ = request.reply.send(Verdict::Refused(refused));
                            continue;
                        }
                        Err(None) => return,
                    };
                }
                let Some(channel) = pump.channel.clone() else { return };
                pump.last_id += 1;
                pump.in_flight.push(launch(channel, pump.last_id, request));
            }
        }
    }
}

impl Pump {
    fn is_usable(&self) -> bool {
        self.channel
            .as_ref()
            .is_some_and(|c| c.status().connected())
    }

    fn settle_all(&mut self, done: Vec<(InFlight, lapin::Result<Confirmation>)>) {
        settle(done, &mut self.returned, &mut self.refusals);
        let counts = self.state.counts();
        Counts::add_to(&counts.refused, self.refusals.take_count());
        if let Some((queue, waited)) = self.refusals.take_warning() {
            let (consume, state) = (self.consume.clone(), Arc::clone(&self.state));
            tokio::spawn(warn(consume, state, queue, waited));
        }
        // What is under way on the old channel keeps it until it lands.
        if self.is_usable() && self.refusals.renew() {
            Counts::add_to(&counts.renewed, 1);
            self.channel = None;
        }
    }

    /// Gives the channel up over which something has been under way for too long.
    fn look(&mut self) {
        let oldest = self.in_flight.iter().min_by_key(|one| one.sent);
        let well = self.is_usable() && self.state.health() == Health::default();
        if !self
            .silence
            .is_over(oldest.map(|one| one.sent), well, Instant::now())
        {
            return;
        }
        if let Some(oldest) = oldest {
            let queue = oldest.request.queue.clone();
            self.state.say(&BrokerEvent::Silent { queue });
        }
        Counts::add_to(&self.state.counts().renewed, 1);
        if let Some(channel) = self.channel.take() {
            tokio::spawn(async move {
                let bye = channel.close(200, "no answer".into());
                let _ = tokio::time::timeout(CLOSE_LIMIT, bye).await;
            });
        }
        self.returned.clear();
        for unanswered in self.in_flight.drain(..) {
            // Whoever asked may have stopped waiting.
            let _ = unanswered.request.reply.send(Verdict::Unanswered);
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
        sent: Instant::now(),
        attempt,
        request,
    }
}

/// Takes all messages whose answers have come, at least one. All are looked at before any is
/// judged: a return may come attached to another message's confirm, which then resolved before the
/// returned message's.
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
    for (answered, result) in done {
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
            Err(error) if lost_stream(&error, &answered.request.queue) => Verdict::LostStream,
            Err(error) => match soft_error(&error) {
                Some(reason) => Verdict::Refused(reason),
                None => Verdict::Lost,
            },
        };
        judged.push((answered, verdict));
    }
    for (answered, verdict) in judged {
        let verdict = if returned.remove(&answered.id) {
            Verdict::Unroutable
        } else {
            verdict
        };
        match verdict {
            Verdict::Full => refusals.refused(&answered.request.queue),
            _ => refusals.taken(&answered.request.queue),
        }
        // Whoever asked may have stopped waiting.
        let _ = answered.request.reply.send(verdict);
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

/// Whether the broker ended the connection because it has lost a stream but not its name: RabbitMQ
/// 4 with Khepri does that to whoever publishes to one (506; measured with 4.0.5, where Mnesia and
/// 3.10.8 return the message). All that is under way on the connection fails with the same error,
/// so only the queue that is named is meant.
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
