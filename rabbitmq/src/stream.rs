//! Reading a durable stream from its start or from an offset, over lost connections. Streams keep
//! what was read, so every reader sees everything. It must not know what the messages say.

use std::pin::Pin;
use std::time::Duration;

use futures_core::Stream;
use lapin::Acker;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection, Consumer, ErrorKind};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use super::backoff::Backoff;
use super::connection::{ManagedConnection, closed, unless_closed, unless_lost};
use super::queues::{QueueError, REPLICAS, classify, declare, is_missing};
use super::stream_message::{StreamMessage, StreamStart};
use super::{Broker, End};

/// How many messages may be on their way to a reader: parts of up to 1 MiB.
const PREFETCH: u16 = 32;
/// After so many messages they are acknowledged, all at once: the broker looks for more at each
/// acknowledgement. One at a time took a reader of 1,000 messages 0.4 s of CPU time, so many at a
/// time 0.05.
const BATCH: u16 = PREFETCH / 2;
/// And after this time without another message, or the broker would take the reader for stuck.
const IDLE: Duration = Duration::from_millis(200);
/// A reader that has heard nothing for so long subscribes again: after a partition of a cluster a
/// channel of the node that was cut off may never hear of what is written, and nothing closes it.
const SILENCE: Duration = Duration::from_secs(10);
/// Whoever subscribes again gets the last message that was read at once: it is stored. Where it
/// does not come for so long, nor a later one, the stream is another one of the same name, made
/// after the broker had lost all, and shorter.
const OTHER: Duration = Duration::from_secs(20);
/// How long that may take, and closing the old channel.
const RENEWAL_LIMIT: Duration = Duration::from_secs(30);
const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// The broker forgets whole segments: small ones let it forget soon.
const SEGMENT_BYTES: i64 = 32 << 20;

/// Declares a stream that forgets messages older than `max_age` (`30D`), or the oldest ones past
/// `max_bytes`; one that exists is left as it is, whatever its settings.
pub async fn declare_stream(
    broker: &Broker,
    name: &str,
    max_age: &str,
    max_bytes: i64,
) -> Result<(), QueueError> {
    if stream_exists(broker, name).await? {
        return Ok(());
    }
    let channel = broker.channel().await?;
    let mut table = FieldTable::default();
    let mut set = |key: &str, value| {
        table.insert(key.into(), value);
    };
    set("x-queue-type", AMQPValue::LongString("stream".into()));
    set("x-initial-cluster-size", AMQPValue::LongLongInt(REPLICAS));
    set("x-max-age", AMQPValue::LongString(max_age.into()));
    set("x-max-length-bytes", AMQPValue::LongLongInt(max_bytes));
    set(
        "x-stream-max-segment-size-bytes",
        AMQPValue::LongLongInt(SEGMENT_BYTES),
    );
    declare(&channel, name, table).await?;
    let _ = unless_closed(&channel, channel.close(200, "done".into())).await;
    Ok(())
}

/// Whether there is a stream of that name.
pub async fn stream_exists(broker: &Broker, name: &str) -> Result<bool, QueueError> {
    let channel = broker.channel().await?;
    match super::queues::passive(&channel, name).await {
        Ok(_) => {
            let _ = unless_closed(&channel, channel.close(200, "done".into())).await;
            Ok(true)
        }
        // The broker closes the channel with that answer.
        Err(error) if is_missing(&error) => Ok(false),
        Err(error) => Err(classify(name, &error)),
    }
}

/// A reader of one stream.
pub struct StreamReader {
    connection: ManagedConnection,
    name: String,
    /// Where it goes on: behind the last message that was delivered, if one was.
    from: StreamStart,
    delivered: bool,
    open: Option<Subscribed>,
    /// Since when the last message that was delivered is expected again.
    expecting: Option<Instant>,
    /// When something was heard last, or the subscription renewed.
    heard: Instant,
    renewal: Option<Renewal>,
    backoff: Backoff,
}

/// A further subscription that is being made, beside the one that is silent; dropped, it is given
/// up.
struct Renewal(JoinHandle<Option<Subscribed>>);

impl Drop for Renewal {
    fn drop(&mut self) {
        self.0.abort();
    }
}

struct Subscribed {
    channel: Channel,
    consumer: Consumer,
    /// How many messages are to be acknowledged, and how that is done for all of them.
    unacked: u16,
    acker: Option<Acker>,
}

impl Subscribed {
    /// The next message; `None` when the channel is closed. When all is quiet it acknowledges what
    /// was taken.
    async fn next(&mut self) -> Option<lapin::Result<Delivery>> {
        loop {
            let consumer = &mut self.consumer;
            let next = std::future::poll_fn(|cx| Pin::new(&mut *consumer).poll_next(cx));
            tokio::select! {
                biased;
                next = next => return next,
                () = closed(&self.channel) => return None,
                () = tokio::time::sleep(IDLE), if self.unacked > 0 => {}
            }
            self.acknowledge();
        }
    }

    /// Closes the channel; nothing waits for it.
    fn retire(self) {
        tokio::spawn(async move {
            let bye = self.channel.close(200, "done".into());
            let _ = timeout(RENEWAL_LIMIT, bye).await;
        });
    }

    /// Asks for more than is on its way. Nothing is awaited: dropping the reader's future must not
    /// lose the message at hand.
    fn acknowledge(&mut self) {
        self.unacked = 0;
        if let Some(acker) = self.acker.take() {
            tokio::spawn(async move {
                let _ = acker.ack(BasicAckOptions { multiple: true }).await;
            });
        }
    }
}

impl StreamReader {
    pub(super) fn new(connection: ManagedConnection, name: &str, start: StreamStart) -> Self {
        Self {
            connection,
            name: name.to_owned(),
            from: start,
            delivered: false,
            open: None,
            expecting: None,
            heard: Instant::now(),
            renewal: None,
            backoff: Backoff::new(FIRST_WAIT, LONGEST_WAIT),
        }
    }

    /// Begins again at the first message: the stream was made anew.
    pub fn restart(&mut self) {
        (self.from, self.delivered) = (StreamStart::First, false);
        self.expecting = None;
        self.open = None;
        self.renewal = None;
    }

    /// Whether the broker has taken the subscription: only then does silence mean that there is
    /// nothing more.
    #[must_use]
    pub fn is_subscribed(&self) -> bool {
        self.open.is_some()
    }

    /// Waits until the broker has taken the subscription. Dropping the future loses nothing.
    pub async fn subscribed(&mut self) -> Result<(), End> {
        while self.open.is_none() {
            self.subscribe().await?;
        }
        Ok(())
    }

    /// The next message; waits for one to be written. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Result<StreamMessage, End> {
        loop {
            let Some(open) = &mut self.open else {
                self.subscribe().await?;
                continue;
            };
            let message = tokio::select! {
                biased;
                message = open.next() => message,
                renewed = renewed(&mut self.renewal) => {
                    self.renewal = None;
                    self.heard = Instant::now();
                    // When it did not come about, the old one stays.
                    if let Some(renewed) = renewed
                        && let Some(silent) = self.open.replace(renewed)
                    {
                        silent.retire();
                        self.expect();
                    }
                    continue;
                }
                () = until(self.expecting.map(|since| since + OTHER)) => {
                    (self.open, self.expecting) = (None, None);
                    return Err(End::Gone);
                }
                () = tokio::time::sleep_until(self.heard + SILENCE), if self.renewal.is_none() => {
                    self.renew().await?;
                    continue;
                }
            };
            self.heard = Instant::now();
            match message {
                Some(Ok(delivery)) => {
                    if let Some(message) = self.take(delivery)? {
                        return Ok(message);
                    }
                }
                Some(Err(error)) if is_missing(&error) || is_lost(&error) => {
                    self.open = None;
                    return Err(End::Gone);
                }
                Some(Err(_)) | None => {
                    self.open = None;
                    tokio::time::sleep(self.backoff.next()).await;
                }
            }
        }
    }

    /// The message that came; none if it is one of those before the offset that was asked for.
    fn take(&mut self, delivery: Delivery) -> Result<Option<StreamMessage>, End> {
        let Some(message) = StreamMessage::of(&delivery.properties, delivery.data) else {
            return Err(End::Refused(format!("{} is not a stream", self.name)));
        };
        // A subscription may start a little before that.
        let before = match self.from {
            StreamStart::At(next) => next.saturating_sub(message.offset),
            StreamStart::First | StreamStart::Last => 0,
        };
        if let Some(open) = &mut self.open {
            open.unacked += 1;
            open.acker = Some(delivery.acker);
            if open.unacked >= BATCH {
                open.acknowledge();
            }
        }
        self.backoff.reset();
        if before <= 1 {
            self.expecting = None;
        }
        if before > 0 {
            return Ok(None);
        }
        self.delivered = true;
        self.from = StreamStart::At(message.offset.saturating_add(1));
        Ok(Some(message))
    }

    /// Begins to subscribe once more, in a task of its own: whoever reads may stop waiting at any
    /// time.
    async fn renew(&mut self) -> Result<(), End> {
        let session = self.connection.session().await.ok_or(End::Closed)?;
        let (name, from) = (self.name.clone(), self.again());
        self.renewal = Some(Renewal(tokio::spawn(async move {
            let subscribing = subscribe(&session.connection, &name, from);
            timeout(RENEWAL_LIMIT, subscribing).await.ok()?.ok()
        })));
        Ok(())
    }

    /// Where a subscription begins: at the last message that was delivered, if one was.
    fn again(&self) -> StreamStart {
        match self.from {
            StreamStart::At(next) if self.delivered => StreamStart::At(next.max(1) - 1),
            start => start,
        }
    }

    fn expect(&mut self) {
        if self.delivered {
            self.expecting.get_or_insert_with(Instant::now);
        }
    }

    async fn subscribe(&mut self) -> Result<(), End> {
        let session = self.connection.session().await.ok_or(End::Closed)?;
        let subscribing = subscribe(&session.connection, &self.name, self.again());
        match unless_lost(&session.connection, subscribing).await {
            Ok(subscribed) => {
                self.open = Some(subscribed);
                self.heard = Instant::now();
                self.expect();
                Ok(())
            }
            Err(error) if is_missing(&error) || is_lost(&error) => Err(End::Gone),
            Err(error) => match classify(&self.name, &error) {
                QueueError::Refused(reason) => Err(End::Refused(reason)),
                _ => {
                    tokio::time::sleep(self.backoff.next()).await;
                    Ok(())
                }
            },
        }
    }
}

/// Waits for a moment; for ever when there is none.
async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

/// Waits for a renewal; for ever when there is none.
async fn renewed(renewal: &mut Option<Renewal>) -> Option<Subscribed> {
    match renewal {
        Some(Renewal(task)) => task.await.ok().flatten(),
        None => std::future::pending().await,
    }
}

/// Subscribes to a stream.
async fn subscribe(
    connection: &Connection,
    name: &str,
    from: StreamStart,
) -> lapin::Result<Subscribed> {
    let mut arguments = FieldTable::default();
    arguments.insert("x-stream-offset".into(), from.argument());
    let channel = connection.create_channel().await?;
    channel
        .basic_qos(PREFETCH, BasicQosOptions::default())
        .await?;
    let options = BasicConsumeOptions::default();
    let consumer = channel
        .basic_consume(name.into(), "".into(), options, arguments)
        .await?;
    Ok(Subscribed {
        channel,
        consumer,
        unacked: 0,
        acker: None,
    })
}

/// Whether the broker ended the connection over a stream that it has lost but whose name it still
/// knows: RabbitMQ 4 with Khepri does that to whoever subscribes to one (541; measured with 4.0.5,
/// where Mnesia and 3.10.8 say that it is not accessible).
fn is_lost(error: &lapin::Error) -> bool {
    matches!(error.kind(), ErrorKind::ProtocolError(error) if error.get_id() == 541)
}
