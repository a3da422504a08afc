//! The task behind a subscription: it consumes the queue again and again, until it has ended or is
//! left.
//!
//! It must not know what the messages say.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use futures_core::Stream;
use lapin::options::{BasicCancelOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Connection, Consumer, ErrorKind};
use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc, watch};

use super::backoff::Backoff;
use super::connection::{ManagedConnection, closed, unless_closed, unless_lost};
use super::delivered::{Consuming, Delivered, Return};
use super::event::BrokerEvent;
use super::lull::Lull;
use super::publisher::count;
use super::queues::{UNKNOWN, is_missing, passive};
use super::state::ConnectionState;
use super::unserved::Failed;

const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// Codes of errors (AMQP 0-9-1, constants): something is not allowed, or fails inside the broker.
const ACCESS_REFUSED: u16 = 403;
const INTERNAL_ERROR: u16 = 541;
/// How often a finished queue is looked at.
const LOOK: Duration = Duration::from_millis(50);
/// How many looks in a row must find it empty: a message between queue and consumer is in neither's
/// count.
const LOOKS: u32 = 3;
/// How long a channel that is given up may take to answer.
const CLOSE_LIMIT: Duration = Duration::from_secs(3);

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

/// Who consumes a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consumers {
    /// Several at a time share its messages.
    Competing,
    /// One at a time, and the others stand by (RabbitMQ: a single active consumer).
    SingleActive,
}

/// What the consumer was asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Mode {
    Go,
    /// End when the queue is empty.
    Finish,
    /// Take no more; hand over what was prefetched, then end.
    Leave,
}

/// What all messages of one subscription share.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// Counts the consumers made so far: a message of an earlier one cannot be settled any more.
    epoch: Arc<AtomicU64>,
    /// Messages that nobody has asked for yet: the broker hands over no more than the prefetch.
    pub(super) buffer: Mutex<VecDeque<Delivered>>,
    /// Rung when there is a message.
    pub(super) news: Notify,
    /// Who consumes the queue, once what it holds is to come here.
    pub(super) consumers: OnceLock<Consumers>,
}

impl Shared {
    /// From now on, messages of earlier consumers are stale. Those in the buffer are forgotten.
    fn next_epoch(&self) -> u64 {
        let epoch = self.epoch.fetch_add(1, Ordering::AcqRel) + 1;
        let stale = std::mem::take(&mut *self.buffer.lock());
        drop(stale);
        epoch
    }

    /// Makes a message available to whoever asks for the next one.
    fn put(&self, message: Delivered) {
        self.buffer.lock().push_back(message);
        self.news.notify_one();
    }
}

/// The task behind a subscription.
pub(super) struct Worker {
    pub(super) connection: ManagedConnection,
    pub(super) state: Arc<ConnectionState>,
    pub(super) queue: String,
    pub(super) prefetch: u16,
    pub(super) modes: watch::Receiver<Mode>,
    pub(super) renewal: watch::Receiver<()>,
    pub(super) lull: Lull,
    pub(super) shared: Arc<Shared>,
}

/// A question for how many messages a queue holds.
type Asking = Pin<Box<dyn Future<Output = Option<u32>> + Send>>;

/// Why one consumer stopped.
enum Stop {
    End(End),
    /// Make it again; with what the broker said, if it said anything.
    Again(Option<String>),
    /// Make it again over another node: on this one nothing comes of the queue.
    Elsewhere,
}

impl Worker {
    pub(super) async fn run(mut self) -> End {
        let mut backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT);
        let mut unknown: Option<Instant> = None;
        // Why the consumer before ended; said when there is another: the queue may be gone.
        let mut ended = None;
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
                Err(error) => match self.try_later(&error, &mut unknown, &mut backoff).await {
                    Some(end) => return end,
                    None => continue,
                },
            };
            unknown = None;
            if self.state.unserved().forget(&self.queue) {
                let queue = self.queue.clone();
                self.state.say(&BrokerEvent::Served { queue });
            }
            if let Some(reason) = ended.take() {
                let queue = self.queue.clone();
                self.state.say(&BrokerEvent::Resubscribed { queue, reason });
            }
            let stop = self.consume(&channel, consumer, epoch).await;
            // Whatever is still in somebody's hand cannot be settled any more.
            self.shared.next_epoch();
            if since.elapsed() > LONGEST_WAIT {
                backoff.reset();
            }
            if matches!(stop, Stop::Elsewhere) {
                let queue = self.queue.clone();
                self.state.say(&BrokerEvent::Undelivered { queue });
                self.connection.leave(&session).await;
                continue;
            }
            let _ = unless_closed(&channel, channel.close(200, "done".into())).await;
            match stop {
                Stop::End(end) => return end,
                Stop::Again(Some(reason)) => {
                    ended = Some(reason);
                    tokio::time::sleep(backoff.next()).await;
                }
                Stop::Again(None) | Stop::Elsewhere => {}
            }
        }
    }

    /// Waits until the queue is to be subscribed to again, which has just failed; or says that it
    /// is not.
    async fn try_later(
        &mut self,
        error: &lapin::Error,
        unknown: &mut Option<Instant>,
        backoff: &mut Backoff,
    ) -> Option<End> {
        if is_missing(error) && unknown.get_or_insert_with(Instant::now).elapsed() >= UNKNOWN {
            self.state.unserved().forget(&self.queue);
            return Some(End::Gone);
        }
        let wait = match error.kind() {
            ErrorKind::ChannelsLimitReached => return Some(End::Refused(error.to_string())),
            ErrorKind::ProtocolError(fault) if fault.get_id() == ACCESS_REFUSED => {
                return Some(End::Refused(error.to_string()));
            }
            ErrorKind::ProtocolError(fault) if fault.get_id() == INTERNAL_ERROR => {
                self.not_served(error)
            }
            _ => None,
        };
        tokio::select! {
            () = tokio::time::sleep(wait.unwrap_or_else(|| backoff.next())) => None,
            // Nobody wants it any more, or something else is wanted.
            changed = self.modes.changed() => changed.is_err().then_some(End::Closed),
        }
    }

    /// The broker ended the connection; how long to wait where that is the queue's doing.
    fn not_served(&self, error: &lapin::Error) -> Option<Duration> {
        match self.state.unserved().failed(&self.queue) {
            Failed::Again => None,
            Failed::Still(wait) => Some(wait),
            Failed::First(wait) => {
                let (queue, reason) = (self.queue.clone(), error.to_string());
                self.state.say(&BrokerEvent::Unserved { queue, reason });
                Some(wait)
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
        let consuming = Consuming {
            epoch,
            now: Arc::clone(&self.shared.epoch),
            in_hand: Arc::clone(&in_hand),
            returns,
        };
        let mut mode = *self.modes.borrow_and_update();
        let mut left = false;
        let mut looks = 0;
        let mut reason = None;
        let mut asking: Option<Asking> = None;
        self.lull.begin();
        self.renewal.mark_unchanged();
        loop {
            if mode == Mode::Leave && !left {
                left = true;
                if let Err(error) = cancel(channel, &consumer).await {
                    return Stop::Again(Some(error.to_string()));
                }
            }
            tokio::select! {
                got = next_of(&mut consumer) => match got {
                    Some(Ok(message)) => {
                        looks = 0;
                        self.lull.heard();
                        asking = None;
                        self.shared.put(Delivered::new(message, &consuming));
                    }
                    Some(Err(error)) => reason = Some(error),
                    None if left && reason.is_none() => {
                        return self.work_off(&mut returned, &in_hand).await;
                    }
                    None => return ended(reason),
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
                Ok(()) = self.renewal.changed() => return Stop::Elsewhere,
                () = self.lull.over(), if asking.is_none() && mode == Mode::Go && !left => {
                    asking = self.wonder(&in_hand);
                }
                held = answer(&mut asking) => {
                    asking = None;
                    left |= match self.looked(held, channel, &consumer).await {
                        Ok(cancelled) => cancelled,
                        Err(stop) => return stop,
                    };
                }
                () = tokio::time::sleep(LOOK), if mode == Mode::Finish => {
                    let idle = in_hand.load(Ordering::Acquire) == 0 && returned.is_empty();
                    looks = if idle && self.is_empty(channel).await { looks + 1 } else { 0 };
                    if looks >= LOOKS {
                        return Stop::End(End::Finished);
                    }
                }
            }
        }
    }

    async fn is_empty(&self, channel: &Channel) -> bool {
        matches!(passive(channel, &self.queue).await, Ok(queue) if queue.message_count() == 0)
    }

    /// Asks how many messages the queue holds, if nothing is in hand and any should come here.
    fn wonder(&mut self, in_hand: &AtomicUsize) -> Option<Asking> {
        if in_hand.load(Ordering::Acquire) > 0 {
            self.lull.heard();
            return None;
        }
        self.lull.looked();
        let expects = self.shared.consumers.get().is_some();
        let (connection, queue) = (self.connection.clone(), self.queue.clone());
        expects.then(|| -> Asking { Box::pin(async move { count(connection, &queue).await }) })
    }

    /// Decides what to do where nothing has come for long, by how many messages the queue holds. If
    /// it holds some, another node is tried. If it looks empty, one of several consumers is
    /// cancelled, to begin again over another channel; a channel that does not answer is left with
    /// its connection. Returns whether the consumer was cancelled.
    async fn looked(
        &self,
        held: Option<u32>,
        channel: &Channel,
        consumer: &Consumer,
    ) -> Result<bool, Stop> {
        match held {
            Some(1..) => Err(Stop::Elsewhere),
            Some(0) if self.shared.consumers.get() == Some(&Consumers::Competing) => {
                match tokio::time::timeout(CLOSE_LIMIT, cancel(channel, consumer)).await {
                    Ok(_) => Ok(true),
                    Err(_) => Err(Stop::Elsewhere),
                }
            }
            _ => Ok(false),
        }
    }

    /// After a cancel: keeps the channel until everything delivered is settled. That ends the
    /// subscription if it is to be left.
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
        match *self.modes.borrow() {
            Mode::Leave => Stop::End(End::Finished),
            Mode::Go | Mode::Finish => Stop::Again(None),
        }
    }
}

/// What comes of a consumer's end, by the error that it gave before.
fn ended(reason: Option<lapin::Error>) -> Stop {
    match reason {
        // Asking again tells whether it is.
        Some(error) if is_missing(&error) => Stop::Again(None),
        Some(error) if channel_fault(&error) => Stop::Again(Some(error.to_string())),
        Some(_) => Stop::Again(None),
        None => Stop::Again(Some("the broker cancelled the consumer".into())),
    }
}

/// Asks the broker for no further message.
async fn cancel(channel: &Channel, consumer: &Consumer) -> lapin::Result<()> {
    let cancelling = channel.basic_cancel(consumer.tag(), BasicCancelOptions::default());
    unless_closed(channel, cancelling).await
}

async fn next_of(consumer: &mut Consumer) -> Option<lapin::Result<lapin::message::Delivery>> {
    std::future::poll_fn(|cx| Pin::new(&mut *consumer).poll_next(cx)).await
}

/// The answer to a question; waits for ever where none is asked.
async fn answer(asking: &mut Option<Asking>) -> Option<u32> {
    match asking {
        Some(asking) => asking.await,
        None => std::future::pending().await,
    }
}

/// Whether the broker closed this channel, rather than the connection being lost.
fn channel_fault(error: &lapin::Error) -> bool {
    error.is_amqp_soft_error()
}
