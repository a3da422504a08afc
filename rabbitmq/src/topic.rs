//! A topic exchange for news that may be lost: written without confirms, read from a small queue
//! that goes with its reader. It must not know what the messages say.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_core::Stream;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions,
    ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Consumer, ExchangeKind};
use tokio::time::{Instant, timeout};

use super::End;
use super::backoff::Backoff;
use super::connection::{ManagedConnection, closed, unless_closed, unless_lost};
use super::queues::{QueueError, classify};
use super::state::{ConnectionState, Health};
use gristmill_common::id::unique;

/// How long one message may take to be written, and an exchange to be declared.
const LIMIT: Duration = Duration::from_secs(1);
/// The pause after the broker has refused.
const REFUSED: Duration = Duration::from_secs(60);
/// How many messages a reader's queue may hold: the oldest go first.
const MAX_LENGTH: i64 = 1000;
/// How many may be on their way to a reader.
const PREFETCH: u16 = 64;
/// A reader that has heard nothing for so long subscribes again: an exchange that was deleted took
/// the binding with it.
const SILENCE: Duration = Duration::from_secs(10);
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

pub(super) async fn declare(channel: &Channel, exchange: &str) -> lapin::Result<()> {
    let options = ExchangeDeclareOptions {
        durable: true,
        ..ExchangeDeclareOptions::default()
    };
    let asking = channel.exchange_declare(
        exchange.into(),
        ExchangeKind::Topic,
        options,
        FieldTable::default(),
    );
    unless_closed(channel, asking).await
}

/// Writes to an exchange, if that can be done at once.
pub struct TopicWriter {
    connection: ManagedConnection,
    state: Arc<ConnectionState>,
    exchange: String,
    channel: Option<Channel>,
    /// When a broker that has refused is asked again.
    again: Option<Instant>,
}

impl TopicWriter {
    pub(super) fn new(
        connection: ManagedConnection,
        state: Arc<ConnectionState>,
        exchange: &str,
    ) -> Self {
        Self {
            connection,
            state,
            exchange: exchange.to_owned(),
            channel: None,
            again: None,
        }
    }

    /// Sends a message on its way; false when it was dropped because the broker is gone, in alarm
    /// or refuses. Nobody confirms anything.
    pub async fn write(&mut self, key: &str, message: &[u8]) -> bool {
        // While the connection is blocked, messages would pile up in this process.
        if self.state.health() != Health::default()
            || self.again.is_some_and(|again| Instant::now() < again)
        {
            return false;
        }
        let written = timeout(LIMIT, self.attempt(key, message)).await;
        let done = written == Ok(true);
        if !done {
            self.channel = None;
        }
        done
    }

    async fn attempt(&mut self, key: &str, message: &[u8]) -> bool {
        let usable = |channel: &&Channel| channel.status().connected();
        let channel = match self.channel.as_ref().filter(usable) {
            Some(channel) => channel.clone(),
            None => match self.open().await {
                Some(channel) => self.channel.insert(channel).clone(),
                None => return false,
            },
        };
        let publishing = channel.basic_publish(
            self.exchange.as_str().into(),
            key.into(),
            BasicPublishOptions::default(),
            message,
            BasicProperties::default(),
        );
        publishing.await.is_ok()
    }

    /// A channel, and the exchange: somebody may have deleted it.
    async fn open(&mut self) -> Option<Channel> {
        let session = self.connection.session().await?;
        let channel = session.connection.create_channel().await.ok()?;
        match declare(&channel, &self.exchange).await {
            Ok(()) => Some(channel),
            Err(error) => {
                if !matches!(classify(&self.exchange, &error), QueueError::Lost(_)) {
                    self.again = Some(Instant::now() + REFUSED);
                }
                None
            }
        }
    }
}

/// Reads what is written to an exchange under keys of a pattern, from now on.
pub struct TopicReader {
    connection: ManagedConnection,
    exchange: String,
    pattern: String,
    open: Option<(Channel, Consumer)>,
    /// When something was heard last.
    heard: Instant,
    backoff: Backoff,
}

impl TopicReader {
    pub(super) fn new(connection: ManagedConnection, exchange: &str, pattern: &str) -> Self {
        Self {
            connection,
            exchange: exchange.to_owned(),
            pattern: pattern.to_owned(),
            open: None,
            heard: Instant::now(),
            backoff: Backoff::new(FIRST_WAIT, LONGEST_WAIT),
        }
    }

    /// Subscribes: what is written from here on is heard.
    pub async fn open(&mut self) -> Result<(), QueueError> {
        let session = self.connection.session().await.ok_or(QueueError::Closed)?;
        let (exchange, pattern) = (self.exchange.as_str(), self.pattern.as_str());
        // A name of the broker's own making would need a permission of its own.
        let queue = format!("{exchange}.{:016x}", unique());
        let opening = async {
            let channel = session.connection.create_channel().await?;
            declare(&channel, exchange).await?;
            let options = QueueDeclareOptions {
                exclusive: true,
                auto_delete: true,
                ..QueueDeclareOptions::default()
            };
            let mut arguments = FieldTable::default();
            let classic = AMQPValue::LongString("classic".into());
            arguments.insert("x-queue-type".into(), classic);
            arguments.insert("x-max-length".into(), AMQPValue::LongLongInt(MAX_LENGTH));
            let name = queue.as_str();
            channel
                .queue_declare(name.into(), options, arguments)
                .await?;
            let (bind, none) = (QueueBindOptions::default(), FieldTable::default());
            channel
                .queue_bind(name.into(), exchange.into(), pattern.into(), bind, none)
                .await?;
            channel
                .basic_qos(PREFETCH, BasicQosOptions::default())
                .await?;
            let (consume, none) = (BasicConsumeOptions::default(), FieldTable::default());
            let consumer = channel
                .basic_consume(name.into(), "".into(), consume, none)
                .await?;
            lapin::Result::Ok((channel, consumer))
        };
        let opened = unless_lost(&session.connection, opening).await;
        self.heard = Instant::now();
        self.open = Some(opened.map_err(|error| classify(exchange, &error))?);
        Ok(())
    }

    /// The next message; waits for one to be written, and for a broker that is gone. Dropping the
    /// future loses nothing.
    pub async fn next(&mut self) -> Result<Bytes, End> {
        loop {
            let Some((channel, consumer)) = &mut self.open else {
                match self.open().await {
                    Ok(()) => self.backoff.reset(),
                    Err(QueueError::Closed) => return Err(End::Closed),
                    Err(QueueError::Lost(_)) => tokio::time::sleep(self.backoff.next()).await,
                    Err(error) => return Err(End::Refused(error.to_string())),
                }
                continue;
            };
            let next = std::future::poll_fn(|cx| Pin::new(&mut *consumer).poll_next(cx));
            let next = tokio::select! {
                biased;
                next = next => next,
                () = closed(channel) => None,
                () = tokio::time::sleep_until(self.heard + SILENCE) => None,
            };
            match next {
                Some(Ok(message)) => {
                    self.heard = Instant::now();
                    let acker = message.acker;
                    // It only asks for more; no await before the return, so that dropping this
                    // future cannot lose the message.
                    tokio::spawn(async move {
                        let _ = acker.ack(BasicAckOptions::default()).await;
                    });
                    return Ok(Bytes::from(message.data));
                }
                Some(Err(_)) | None => {
                    if let Some((channel, _)) = self.open.take() {
                        // The queue goes with its consumer.
                        let bye = channel.close(200, "done".into());
                        let _ = timeout(LIMIT, bye).await;
                    }
                }
            }
        }
    }
}
