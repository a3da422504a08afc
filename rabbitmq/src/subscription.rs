//! Consuming one queue, again and again: lost connections, channels that the broker closed and
//! consumers that it cancelled are made anew; a queue that is gone ends it.
//!
//! It must not know what the messages say.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_core::Stream;
use lapin::options::{
    BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicNackOptions, BasicQosOptions,
    BasicRejectOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Acker, BasicProperties, Channel, Connection, Consumer, ErrorKind};
use tokio::sync::{Notify, mpsc, watch};

use super::backoff::Backoff;
use super::connection::{ManagedConnection, closed, unless_closed, unless_lost};
use super::event::BrokerEvent;
use super::publisher::age;
use super::queues::{UNKNOWN, is_missing, passive};
use super::state::ConnectionState;

const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// How often a finished queue is looked at.
const LOOK: Duration = Duration::from_millis(50);
/// How many looks in a row must find it empty: a message between queue and consumer is in neither's
/// count.
const LOOKS: u32 = 3;

/// Why a subscription ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// The queue does not exist (any more).
    Gone,
    /// It was finished and is empty, or left and worked off.
    Finished,
    /// The broker does not allow it.
    Refused(String),
    /// The connections were closed by this process.
    Closed,
}

/// What the consumer was asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Mode {
    Go,
    /// End when the queue is empty.
    Finish,
    /// Take no more; hand over what was prefetched, then end.
    Leave,
}

/// One queue's messages. Dropped, the channel is closed and unsettled messages go back.
#[derive(Debug)]
pub struct Subscription {
    shared: Arc<Shared>,
    mode: watch::Sender<Mode>,
    end: watch::Receiver<Option<End>>,
}

/// What all messages of one subscription share.
#[derive(Debug, Default)]
struct Shared {
    /// Counts the consumers made so far: a message of an earlier one cannot be settled any more.
    epoch: AtomicU64,
    /// Messages that nobody has asked for yet: the broker hands over no more than the prefetch.
    buffer: Mutex<VecDeque<Delivered>>,
    /// Rung when there is a message.
    news: Notify,
}

impl Shared {
    fn buffer(&self) -> MutexGuard<'_, VecDeque<Delivered>> {
        self.buffer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on, messages of earlier consumers are stale. Those in the buffer are forgotten.
    fn next_epoch(&self) -> u64 {
        let epoch = self.epoch.fetch_add(1, Ordering::AcqRel) + 1;
        let stale = std::mem::take(&mut *self.buffer());
        drop(stale);
        epoch
    }
}

/// A message delivered by the broker, to be settled.
#[derive(Debug)]
pub struct Delivered {
    /// The message's bytes.
    pub payload: Bytes,
    /// Whether it was delivered before.
    pub redelivered: bool,
    properties: BasicProperties,
    acker: Acker,
    epoch: u64,
    shared: Arc<Shared>,
    /// Messages of this epoch that are delivered and not settled.
    in_hand: Arc<AtomicUsize>,
    /// Takes messages that were dropped unsettled.
    returns: mpsc::UnboundedSender<Return>,
    settled: bool,
}

/// A message that goes back to its queue.
#[derive(Debug)]
struct Return {
    acker: Acker,
    /// The work on it failed here, rather than not having begun.
    failed: bool,
}

impl Return {
    /// `basic.reject` for what failed, `basic.nack` for what was not worked on: since 4.3 only the
    /// former raises the queue's count.
    async fn send(&self) -> lapin::Result<bool> {
        match self.failed {
            true => {
                let options = BasicRejectOptions { requeue: true };
                self.acker.reject(options).await
            }
            false => {
                let options = BasicNackOptions {
                    multiple: false,
                    requeue: true,
                };
                self.acker.nack(options).await
            }
        }
    }
}

impl Delivered {
    /// Whether the broker has taken the message back meanwhile, to hand it to somebody.
    pub fn is_stale(&self) -> bool {
        self.shared.epoch.load(Ordering::Acquire) != self.epoch || !self.acker.usable()
    }

    /// How often the message came back before, as far as the queue counts it: every version counts
    /// a message that was rejected, or whose consumer's connection was lost. Before 4.3, RabbitMQ
    /// also counts one that was returned or whose time was over.
    pub fn delivery_count(&self) -> Option<u64> {
        let headers = self.properties.headers().as_ref()?;
        match headers.inner().get("x-delivery-count")? {
            AMQPValue::LongLongInt(count) => u64::try_from(*count).ok(),
            AMQPValue::LongInt(count) => u64::try_from(*count).ok(),
            AMQPValue::LongUInt(count) => Some((*count).into()),
            _ => None,
        }
    }

    /// How long ago it was sent, as far as clocks and senders can be trusted.
    pub fn age(&self) -> Option<Duration> {
        age(&self.properties)
    }

    /// A header's text, made valid UTF-8: whoever published it is not trusted.
    pub fn text_header(&self, name: &str) -> Option<String> {
        match self.properties.headers().as_ref()?.inner().get(name)? {
            AMQPValue::LongString(text) => Some(String::from_utf8_lossy(text.as_bytes()).into()),
            _ => None,
        }
    }

    /// Acknowledges; false when the message had gone back before, and will come again.
    pub async fn ack(&mut self) -> bool {
        if self.is_stale() {
            return false;
        }
        self.settled = true;
        let done = self.acker.ack(BasicAckOptions::default());
        self.unless_stale(done).await
    }

    /// Gives the message back as one that failed here; false when it had gone back before.
    pub async fn reject(&mut self) -> bool {
        if self.is_stale() {
            return false;
        }
        self.settled = true;
        let back = self.back(true);
        self.unless_stale(back.send()).await
    }

    /// The same without waiting.
    pub fn drop_failed(mut self) {
        if !self.settled && !self.is_stale() {
            self.settled = true;
            let _ = self.returns.send(self.back(true));
        }
    }

    fn back(&self, failed: bool) -> Return {
        Return {
            acker: self.acker.clone(),
            failed,
        }
    }

    /// Awaits a settlement, unless the broker takes the message back meanwhile.
    async fn unless_stale(&self, settling: impl Future<Output = lapin::Result<bool>>) -> bool {
        // (An acker that is settling is not usable any more: only the epoch tells.)
        let stale = async {
            while self.shared.epoch.load(Ordering::Acquire) == self.epoch {
                tokio::time::sleep(LOOK).await;
            }
        };
        tokio::select! {
            biased;
            done = settling => matches!(done, Ok(true)),
            () = stale => false,
        }
    }
}

impl Drop for Delivered {
    fn drop(&mut self) {
        self.in_hand.fetch_sub(1, Ordering::AcqRel);
        if !self.settled && !self.is_stale() {
            // The consumer's task does it; if that has ended, its channel is closed, which gives
            // back everything.
            let _ = self.returns.send(self.back(false));
        }
    }
}

impl Subscription {
    pub(super) fn start(
        connection: ManagedConnection,
        state: Arc<ConnectionState>,
        queue: String,
        prefetch: u16,
    ) -> Self {
        let prefetch = prefetch.max(1);
        let shared = Arc::<Shared>::default();
        let (mode, modes) = watch::channel(Mode::Go);
        let (say_end, end) = watch::channel(None);
        let consumer = Worker {
            connection,
            state,
            queue,
            prefetch,
            modes,
            shared: Arc::clone(&shared),
        };
        tokio::spawn(async move {
            let end = consumer.run().await;
            say_end.send_replace(Some(end));
        });
        Self { shared, mode, end }
    }

    /// The next message, or why there will be none.
    pub async fn next(&self) -> Result<Delivered, End> {
        let mut end = self.end.clone();
        loop {
            let news = self.shared.news.notified();
            tokio::pin!(news);
            news.as_mut().enable();
            let (found, more) = {
                let mut buffer = self.shared.buffer();
                let found = buffer.pop_front();
                (found, !buffer.is_empty())
            };
            if let Some(message) = found {
                if more {
                    // Another waiter's wake-up may have been spent on this one.
                    self.shared.news.notify_one();
                }
                // After a lost connection the library still hands over what it had buffered.
                if message.is_stale() {
                    continue;
                }
                return Ok(message);
            }
            tokio::select! {
                () = news => {}
                ended = end.wait_for(Option::is_some) => {
                    let end = ended.ok().and_then(|end| end.clone());
                    return Err(end.unwrap_or(End::Closed));
                }
            }
        }
    }

    /// Ends the subscription once the queue is empty and nothing of it is in hand here.
    pub fn finish(&self) {
        self.mode.send_if_modified(|mode| raise(mode, Mode::Finish));
    }

    /// Takes no further message from the broker; those that were prefetched are still
    /// delivered.
    pub fn leave(&self) {
        self.mode.send_if_modified(|mode| raise(mode, Mode::Leave));
    }
}

fn raise(mode: &mut Mode, to: Mode) -> bool {
    let higher = to > *mode;
    if higher {
        *mode = to;
    }
    higher
}

/// The task behind a subscription.
struct Worker {
    connection: ManagedConnection,
    state: Arc<ConnectionState>,
    queue: String,
    prefetch: u16,
    modes: watch::Receiver<Mode>,
    shared: Arc<Shared>,
}

/// Why one consumer stopped.
enum Stop {
    End(End),
    /// Make it again; with what the broker said, if it said anything.
    Again(Option<String>),
}

impl Worker {
    async fn run(mut self) -> End {
        let mut backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT);
        let mut unknown: Option<Instant> = None;
        loop {
            if *self.modes.borrow() == Mode::Leave {
                return End::Finished;
            }
            let session = tokio::select! {
                session = self.connection.session() => match session {
                    Some(session) => session,
                    None => return End::Closed,
                },
                changed = self.modes.changed() => match changed {
                    Ok(()) => continue,
                    Err(_) => return End::Closed,
                },
            };
            let epoch = self.shared.next_epoch();
            let since = Instant::now();
            let opened = unless_lost(&session.connection, self.open(&session.connection)).await;
            let (channel, consumer) = match opened {
                Ok(opened) => opened,
                Err(error) if is_missing(&error) => {
                    if unknown.get_or_insert_with(Instant::now).elapsed() >= UNKNOWN {
                        return End::Gone;
                    }
                    tokio::time::sleep(backoff.next()).await;
                    continue;
                }
                Err(error) => match error.kind() {
                    ErrorKind::ProtocolError(fault) if fault.get_id() == 403 => {
                        return End::Refused(error.to_string());
                    }
                    ErrorKind::ChannelsLimitReached => return End::Refused(error.to_string()),
                    _ => {
                        tokio::time::sleep(backoff.next()).await;
                        continue;
                    }
                },
            };
            unknown = None;
            let stop = self.consume(&channel, consumer, epoch).await;
            // Whatever is still in somebody's hand cannot be settled any more.
            self.shared.next_epoch();
            if since.elapsed() > LONGEST_WAIT {
                backoff.reset();
            }
            let _ = unless_closed(&channel, channel.close(200, "done".into())).await;
            match stop {
                Stop::End(end) => return end,
                Stop::Again(Some(reason)) => {
                    let queue = self.queue.clone();
                    self.state.say(&BrokerEvent::Resubscribed { queue, reason });
                    tokio::time::sleep(backoff.next()).await;
                }
                Stop::Again(None) => {}
            }
        }
    }

    /// Opens a channel and subscribes to the queue over it.
    async fn open(&self, connection: &Connection) -> lapin::Result<(Channel, Consumer)> {
        let channel = connection.create_channel().await?;
        channel
            .basic_qos(self.prefetch, BasicQosOptions::default())
            .await?;
        let consumer = channel
            .basic_consume(
                self.queue.as_str().into(),
                "".into(),
                BasicConsumeOptions::default(),
                FieldTable::default(),
            )
            .await?;
        Ok((channel, consumer))
    }

    async fn consume(&mut self, channel: &Channel, mut consumer: Consumer, epoch: u64) -> Stop {
        let (returns, mut returned) = mpsc::unbounded_channel::<Return>();
        let in_hand = Arc::new(AtomicUsize::new(0));
        let mut mode = *self.modes.borrow_and_update();
        let mut left = false;
        let mut looks = 0;
        let mut reason = None;
        loop {
            if mode == Mode::Leave && !left {
                left = true;
                let tag = consumer.tag();
                let cancelling = channel.basic_cancel(tag, BasicCancelOptions::default());
                if let Err(error) = unless_closed(channel, cancelling).await {
                    return Stop::Again(Some(error.to_string()));
                }
            }
            tokio::select! {
                got = next_of(&mut consumer) => match got {
                    Some(Ok(message)) => {
                        in_hand.fetch_add(1, Ordering::AcqRel);
                        looks = 0;
                        let delivered = Delivered {
                            payload: Bytes::from(message.data),
                            redelivered: message.redelivered,
                            properties: message.properties,
                            acker: message.acker,
                            epoch,
                            shared: Arc::clone(&self.shared),
                            in_hand: Arc::clone(&in_hand),
                            returns: returns.clone(),
                            settled: false,
                        };
                        self.shared.buffer().push_back(delivered);
                        self.shared.news.notify_one();
                    }
                    Some(Err(error)) => reason = Some(error),
                    None if left && reason.is_none() => return self.work_off(&mut returned, &in_hand).await,
                    None => return match reason {
                        // Asking again tells whether it is.
                        Some(error) if is_missing(&error) => Stop::Again(None),
                        Some(error) if channel_fault(&error) => Stop::Again(Some(error.to_string())),
                        Some(_) => Stop::Again(None),
                        None => Stop::Again(Some("the broker cancelled the consumer".into())),
                    },
                },
                Some(back) = returned.recv() => {
                    let _ = back.send().await;
                }
                // A consumer does not always hear that its channel is gone.
                () = closed(channel) => return Stop::Again(None),
                changed = self.modes.changed() => match changed {
                    Ok(()) => mode = *self.modes.borrow_and_update(),
                    Err(_) => return Stop::End(End::Closed),
                },
                () = tokio::time::sleep(LOOK), if mode == Mode::Finish => {
                    let idle = in_hand.load(Ordering::Acquire) == 0 && returned.is_empty();
                    let empty = idle && matches!(passive(channel, &self.queue).await, Ok(queue) if queue.message_count() == 0);
                    looks = if empty { looks + 1 } else { 0 };
                    if looks >= LOOKS {
                        return Stop::End(End::Finished);
                    }
                }
            }
        }
    }

    /// After leaving: keeps the channel until everything delivered is settled.
    async fn work_off(
        &mut self,
        returned: &mut mpsc::UnboundedReceiver<Return>,
        in_hand: &AtomicUsize,
    ) -> Stop {
        while in_hand.load(Ordering::Acquire) > 0 || !returned.is_empty() {
            tokio::select! {
                Some(back) = returned.recv() => {
                    let _ = back.send().await;
                }
                () = tokio::time::sleep(LOOK) => {}
                changed = self.modes.changed() => if changed.is_err() {
                    return Stop::End(End::Closed);
                },
            }
        }
        Stop::End(End::Finished)
    }
}

async fn next_of(consumer: &mut Consumer) -> Option<lapin::Result<lapin::message::Delivery>> {
    std::future::poll_fn(|cx| Pin::new(&mut *consumer).poll_next(cx)).await
}

/// Whether the broker closed this channel, rather than the connection being lost.
fn channel_fault(error: &lapin::Error) -> bool {
    error.is_amqp_soft_error()
}
