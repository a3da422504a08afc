//! A connection that reconnects by itself. It must not know what runs over it.

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_core::Stream;
use lapin::{Channel, Connection, Event};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::backoff::Backoff;
use super::connect::{ConnectError, Connector, Node};
use super::looks::Looks;
use super::state::ConnectionState;

/// The shortest and longest wait between attempts to connect.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// How often a connection's own state is looked at, in case an event was missed.
const LOOK: Duration = Duration::from_millis(250);
/// What the connection that publishes is for, in the broker's lists.
pub(super) const PUBLISH: &str = "publish";
/// What the connection that only consumes is for.
pub(super) const CONSUME: &str = "consume";
/// How long a broker that is not in alarm may take for an answer before it is asked anew. What it
/// waits for itself when a queue has no leader is shorter.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);
/// How long an orderly close may take.
const CLOSE_LIMIT: Duration = Duration::from_secs(3);

/// A connection from one handshake to its loss.
#[derive(Clone)]
pub(super) struct Session {
    pub(super) connection: Arc<Connection>,
    node: Node,
}

/// A connection kept alive by a task of its own. Clones watch the same one.
#[derive(Clone)]
pub(super) struct ManagedConnection {
    connector: Connector,
    session: watch::Receiver<Option<Session>>,
}

/// The task that makes a connection anew whenever it is lost; dropped, the connection ends.
pub(super) struct ConnectionTask {
    task: JoinHandle<()>,
    session: watch::Receiver<Option<Session>>,
}

impl ManagedConnection {
    /// Connects for the first time, with patience for a broker that is not there yet, until `end`.
    pub(super) async fn open(
        connector: Connector,
        purpose: &'static str,
        state: Arc<ConnectionState>,
        end: Option<Instant>,
    ) -> Result<(Self, ConnectionTask), ConnectError> {
        let session = connect(&connector, purpose, &state, First::Until(end)).await?;
        let (publish, session) = watch::channel(Some(session));
        let task = tokio::spawn(keep(connector.clone(), purpose, state, publish));
        let connection = Self {
            connector,
            session: session.clone(),
        };
        Ok((connection, ConnectionTask { task, session }))
    }

    /// The connection as it is or once it is back; `None` when the connection has ended.
    pub(super) async fn session(&mut self) -> Option<Session> {
        let alive = |session: &Option<Session>| {
            session
                .as_ref()
                .is_some_and(|session| session.connection.status().connected())
        };
        self.session.wait_for(alive).await.ok()?.clone()
    }
}

impl ManagedConnection {
    /// Ends a session for another one, over another node if there is one. What was not acknowledged
    /// goes back to its queue. Nothing happens where it is lost already.
    pub(super) async fn leave(&self, session: &Session) {
        if !session.connection.status().connected() {
            return;
        }
        self.connector.leave(&session.node);
        let bye = session.connection.close(200, "to another node".into());
        let _ = tokio::time::timeout(CLOSE_LIMIT, bye).await;
    }
}

impl ConnectionTask {
    /// Stops the reconnecting and closes the connection in order.
    pub(super) async fn close(&self) {
        self.task.abort();
        let session = self.session.borrow().clone();
        if let Some(session) = session {
            let bye = session.connection.close(200, "done".into());
            let _ = tokio::time::timeout(CLOSE_LIMIT, bye).await;
        }
    }
}

impl Drop for ConnectionTask {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn keep(
    connector: Connector,
    purpose: &'static str,
    state: Arc<ConnectionState>,
    publish: watch::Sender<Option<Session>>,
) {
    loop {
        let Some(session) = publish.borrow().clone() else {
            return;
        };
        // Only a connection that publishes hears of alarms.
        let alarms = (purpose == PUBLISH).then_some(&*state);
        let reason = until_lost(&session.connection, alarms).await;
        drop(session);
        publish.send_replace(None);
        if let Some(state) = alarms {
            state.blocked(None);
        }
        state.down(reason);
        let Ok(session) = connect(&connector, purpose, &state, First::No).await else {
            return;
        };
        state.up();
        publish.send_replace(Some(session));
    }
}

/// Whether a connection is made for the first time.
#[derive(Clone, Copy)]
enum First {
    /// It is, and given up at some time, if at all.
    Until(Option<Instant>),
    No,
}

/// Tries until there is a connection. Only the first one gives up: when it is refused, for a broker
/// that restarts refuses for a while too, and when its time is over.
async fn connect(
    connector: &Connector,
    purpose: &str,
    state: &ConnectionState,
    first: First,
) -> Result<Session, ConnectError> {
    let mut backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT);
    let mut said = false;
    let end = match first {
        First::Until(end) => end,
        First::No => None,
    };
    let first = matches!(first, First::Until(_));
    let mut round: u32 = 0;
    loop {
        match connector.connect(purpose, round, end).await {
            Ok((connection, node)) => {
                if said {
                    state.up();
                }
                return Ok(Session {
                    connection: Arc::new(connection),
                    node,
                });
            }
            Err(error @ (ConnectError::Refused(_) | ConnectError::Tls(_))) if first => {
                return Err(error);
            }
            Err(error) => {
                let pause = backoff.next();
                if end.is_some_and(|end| Instant::now() + pause >= end) {
                    return Err(error);
                }
                if first && !said {
                    said = true;
                    state.down(error.to_string());
                }
                tokio::time::sleep(pause).await;
                round = round.saturating_add(1);
            }
        }
    }
}

/// Awaits an answer of the broker, unless the connection is lost meanwhile: a question that is
/// asked just then may never be answered, nor fail. On a connection that is only blocked it waits;
/// one that is not and answers nothing is ended, so that it is made again.
pub(super) async fn unless_lost<T>(
    connection: &Connection,
    asking: impl Future<Output = lapin::Result<T>>,
) -> lapin::Result<T> {
    let lost = async {
        let (mut waited, mut looks) = (Duration::ZERO, Looks::every(LOOK));
        while connection.status().connected() && waited < ANSWER_LIMIT {
            let passed = looks.next().await;
            if !connection.status().blocked() {
                waited += passed;
            }
        }
        // An answer that is on its way, or the error itself, says more.
        tokio::time::sleep(LOOK).await;
    };
    tokio::select! {
        biased;
        answer = asking => return answer,
        () = lost => {}
    }
    if connection.status().connected() {
        let bye = connection.close(200, "no answer".into());
        let _ = tokio::time::timeout(CLOSE_LIMIT, bye).await;
    }
    Err(lost_error())
}

/// Awaits an answer on a channel of a connection that is never blocked, unless the channel is
/// closed meanwhile or nothing is answered for long.
pub(super) async fn unless_closed<T>(
    channel: &Channel,
    asking: impl Future<Output = lapin::Result<T>>,
) -> lapin::Result<T> {
    let answer = tokio::time::timeout(ANSWER_LIMIT, while_open(channel, asking)).await;
    answer.unwrap_or_else(|_| Err(lost_error()))
}

/// Awaits what may take its time, unless the channel is closed meanwhile.
pub(super) async fn while_open<T>(
    channel: &Channel,
    asking: impl Future<Output = lapin::Result<T>>,
) -> lapin::Result<T> {
    tokio::select! {
        biased;
        answer = asking => answer,
        () = closed(channel) => Err(lost_error()),
    }
}

/// Waits until a channel is closed, and a little longer for whoever hears it from the library.
pub(super) async fn closed(channel: &Channel) {
    while channel.status().connected() {
        tokio::time::sleep(LOOK).await;
    }
    tokio::time::sleep(LOOK).await;
}

/// What a question ends with that the broker did not answer.
fn lost_error() -> lapin::Error {
    std::io::Error::from(std::io::ErrorKind::ConnectionAborted).into()
}

/// Watches a connection until it is lost, and says why.
async fn until_lost(connection: &Connection, alarms: Option<&ConnectionState>) -> String {
    let blocked = |reason| {
        if let Some(state) = alarms {
            state.blocked(reason);
        }
    };
    let mut events = Box::pin(connection.events_listener());
    // An alarm may have been announced before anybody listened.
    if connection.status().blocked() {
        blocked(Some("in alarm when the connection was made".into()));
    }
    let mut reason = "the connection was closed".to_owned();
    while connection.status().connected() {
        let event = std::future::poll_fn(|cx| Pin::new(&mut events).poll_next(cx));
        match tokio::time::timeout(LOOK, event).await {
            Ok(Some(Event::ConnectionBlocked(why))) => blocked(Some(why)),
            Ok(Some(Event::ConnectionUnblocked)) => blocked(None),
            Ok(Some(Event::Error(error))) => reason = error.to_string(),
            Ok(Some(_)) | Err(_) => {}
            Ok(None) => tokio::time::sleep(LOOK).await,
        }
    }
    reason
}
