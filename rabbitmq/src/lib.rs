//! RabbitMQ: two connections that come back by themselves, and queues, streams and topics over
//! them.
//!
//! Publishing and consuming have a connection each, because an alarm stops everything on a
//! connection that has published, acknowledgements included. The library's own recovery is off: it
//! hides from a consumer that its messages have gone back. It must not know what the messages say,
//! nor what a job is.

mod alarm;
mod backoff;
mod connect;
mod connection;
mod consumer;
mod delivered;
mod event;
mod failure;
mod greeting;
mod headless;
mod looks;
mod lull;
mod publisher;
mod pump;
mod queues;
mod refusals;
mod silence;
mod state;
mod stream;
mod stream_message;
mod subscription;
mod tls;
mod topic;
mod unserved;
mod url;
mod urls;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

pub use lapin::Channel;
pub use lapin::types::{AMQPValue, FieldTable};

pub use self::connect::ConnectError;
pub use self::event::{BrokerEvent, Listener};
pub use self::failure::{Cause, Failure, Failures};
pub use self::greeting::version;
pub use self::headless::is_headless;
pub use self::looks::Looks;
pub use self::queues::{QueueError, REPLICAS, close, declare, delete, depth, flush, persistently};
pub use self::state::Health;
pub use self::tls::{Tls, TlsError};
pub use self::url::{BrokerUrl, NotABrokerUrl};
pub use self::urls::{BrokerOrder, BrokerUrls};

use self::connect::Connector;
use self::connection::{ConnectionTask, ManagedConnection, unless_lost};
pub use self::consumer::{Consumers, End};
pub use self::delivered::Delivered;
pub use self::publisher::{PublishFault, Publisher, header};
use self::state::ConnectionState;
pub use self::stream::{StreamReader, declare_stream, stream_exists};
pub use self::stream_message::{StreamMessage, StreamStart};
pub use self::subscription::Subscription;
pub use self::topic::{TopicReader, TopicWriter};

/// How to reach the broker.
#[derive(Clone)]
pub struct BrokerOptions {
    /// Where its nodes are and who connects.
    pub urls: BrokerUrls,
    /// In which order the nodes are tried.
    pub order: BrokerOrder,
    /// How long the first connection is tried; without a limit it is waited for.
    pub connect_limit: Option<Duration>,
    /// Encryption, for `amqps://`.
    pub tls: Tls,
    /// Seconds of silence after which both sides give the connection up (about twice); 0 is never.
    pub heartbeat: u16,
    /// How long a queue may take no message, neither full nor answering, while the broker is well,
    /// before it counts as lost: a queue whose leader is gone for good answers nothing for ever.
    pub patience: Duration,
    /// What the connections are called in the broker's lists.
    pub name: String,
    /// Who is told that the broker is gone, back or in alarm. Called from the connections' tasks:
    /// it must not block.
    pub listener: Listener,
}

/// How often it is looked at whether the broker is gone.
const LOOK: Duration = Duration::from_millis(100);

/// The default of [`BrokerOptions::heartbeat`], in seconds.
pub const DEFAULT_HEARTBEAT: u16 = 15;

/// The default of [`BrokerOptions::patience`].
pub const DEFAULT_PATIENCE: Duration = Duration::from_secs(600);

impl BrokerOptions {
    /// Options with defaults for everything but the URL; nobody is told anything.
    #[must_use]
    pub fn new(urls: BrokerUrls) -> Self {
        Self {
            urls,
            order: BrokerOrder::default(),
            connect_limit: None,
            tls: Tls::default(),
            heartbeat: DEFAULT_HEARTBEAT,
            patience: DEFAULT_PATIENCE,
            name: "gristmill".into(),
            listener: Arc::new(|_| {}),
        }
    }
}

impl fmt::Debug for BrokerOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BrokerOptions")
            .field("urls", &self.urls)
            .field("order", &self.order)
            .field("connect_limit", &self.connect_limit)
            .field("tls", &self.tls)
            .field("heartbeat", &self.heartbeat)
            .field("patience", &self.patience)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// The connections to a broker. Clones share them; the last one dropped ends them.
#[derive(Clone)]
pub struct Broker {
    inner: Arc<Inner>,
}

struct Inner {
    publish: ManagedConnection,
    consume: ManagedConnection,
    tasks: [ConnectionTask; 2],
    state: Arc<ConnectionState>,
    patience: Duration,
    connect_limit: Option<Duration>,
}

impl Broker {
    /// Connects, waiting for a broker that cannot be reached yet (the listener hears of it).
    ///
    /// # Errors
    /// When the broker refuses this user or virtual host, encryption cannot be set up, or
    /// [`BrokerOptions::connect_limit`] is over.
    pub async fn connect(options: BrokerOptions) -> Result<Self, ConnectError> {
        let (patience, connect_limit) = (options.patience, options.connect_limit);
        let connector = Connector::new(&options)?;
        let state = Arc::new(ConnectionState::new(options.listener, connector.broker()));
        let end = (options.connect_limit).and_then(|limit| Instant::now().checked_add(limit));
        let (publish, publish_task) = ManagedConnection::open(
            connector.clone(),
            connection::PUBLISH,
            Arc::clone(&state),
            end,
        )
        .await?;
        let (consume, consume_task) =
            ManagedConnection::open(connector, connection::CONSUME, Arc::clone(&state), end)
                .await?;
        Ok(Self {
            inner: Arc::new(Inner {
                publish,
                consume,
                tasks: [publish_task, consume_task],
                state,
                patience,
                connect_limit,
            }),
        })
    }

    /// How the broker is doing, as this process sees it.
    #[must_use]
    pub fn health(&self) -> Health {
        self.inner.state.health()
    }

    /// How long whoever connected waits for a broker: [`BrokerOptions::connect_limit`].
    #[must_use]
    pub fn connect_limit(&self) -> Option<Duration> {
        self.inner.connect_limit
    }

    /// Ends when the broker has been gone for `limit` without a pause, and says why it went.
    pub async fn gone_for(&self, limit: Duration) -> String {
        loop {
            match self.inner.state.gone() {
                Some(gone) if gone.since.elapsed() >= limit => return gone.reason,
                _ => tokio::time::sleep(LOOK).await,
            }
        }
    }

    /// How often a queue refused a message, which was then sent again.
    #[must_use]
    pub fn refusals(&self) -> u64 {
        self.inner.state.counts().refused.load(Ordering::Relaxed)
    }

    /// How often a channel was opened anew because a queue took nothing over the one before.
    #[must_use]
    pub fn renewed_channels(&self) -> u64 {
        self.inner.state.counts().renewed.load(Ordering::Relaxed)
    }

    /// Closes the connections in order. What was not acknowledged goes back to its queue.
    pub async fn close(&self) {
        for task in &self.inner.tasks {
            task.close().await;
        }
    }

    /// A channel for questions and declarations. It is on the connection that never publishes, so
    /// that queues can be deleted while the broker is in alarm.
    pub async fn channel(&self) -> Result<Channel, QueueError> {
        let mut connection = self.inner.consume.clone();
        let session = connection.session().await.ok_or(QueueError::Closed)?;
        let connection = &session.connection;
        unless_lost(connection, connection.create_channel())
            .await
            .map_err(|error| QueueError::Lost(error.to_string()))
    }

    /// Has questions and declarations go over another node, if there is one.
    async fn leave(&self) {
        let mut connection = self.inner.consume.clone();
        if let Some(session) = connection.session().await {
            connection.leave(&session).await;
        }
    }

    fn say(&self, event: &BrokerEvent) {
        self.inner.state.say(event);
    }

    /// A publisher to queues that must answer within [`BrokerOptions::patience`].
    pub fn publisher(&self) -> Publisher {
        self.start_publisher(Some(self.inner.patience))
    }

    /// A publisher to a queue that is waited for as long as it takes.
    pub fn patient_publisher(&self) -> Publisher {
        self.start_publisher(None)
    }

    fn start_publisher(&self, patience: Option<Duration>) -> Publisher {
        let (publish, consume) = (self.inner.publish.clone(), self.inner.consume.clone());
        Publisher::start(publish, consume, Arc::clone(&self.inner.state), patience)
    }

    /// A reader of a stream.
    #[must_use]
    pub fn stream(&self, name: &str, start: StreamStart) -> StreamReader {
        StreamReader::new(self.inner.consume.clone(), name, start)
    }

    /// Declares a topic exchange; one that exists as it should is left alone.
    pub async fn declare_topic(&self, exchange: &str) -> Result<(), QueueError> {
        let channel = self.channel().await?;
        let declared = topic::declare(&channel, exchange).await;
        let _ = connection::unless_closed(&channel, channel.close(200, "done".into())).await;
        declared.map_err(|error| queues::classify(exchange, &error))
    }

    /// A writer to a topic exchange.
    #[must_use]
    pub fn topic_writer(&self, exchange: &str) -> TopicWriter {
        let state = Arc::clone(&self.inner.state);
        TopicWriter::new(self.inner.publish.clone(), state, exchange)
    }

    /// A reader of what a topic exchange is sent under the keys of a pattern.
    #[must_use]
    pub fn topic_reader(&self, exchange: &str, pattern: &str) -> TopicReader {
        TopicReader::new(self.inner.consume.clone(), exchange, pattern)
    }

    /// A subscription to a queue, with `prefetch` unsettled messages at most.
    #[must_use]
    pub fn subscribe(&self, queue: String, prefetch: u16) -> Subscription {
        Subscription::start(
            self.inner.consume.clone(),
            Arc::clone(&self.inner.state),
            queue,
            prefetch,
        )
    }
}

impl fmt::Debug for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broker")
            .field("health", &self.health())
            .finish_non_exhaustive()
    }
}
