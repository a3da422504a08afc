//! One round of attempts to connect, over all nodes. It must not know when to try again.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use lapin::tcp::RustlsConnector;
use lapin::{AsyncTcpStream, Connection, ConnectionProperties};
use parking_lot::Mutex;

use super::failure::{Cause, Failure, Failures};
use super::greeting::greeting;
use super::{BrokerOptions, BrokerOrder, BrokerUrl, BrokerUrls, TlsError};

/// How long the attempt at one node may take, handshakes included, where there is no other.
const LONGEST: Duration = Duration::from_secs(20);
/// The same in the first round over several nodes: one that is frozen must not hold up the others.
const FIRST: Duration = Duration::from_secs(4);

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// No node answers: one may later.
    #[error("the broker cannot be reached: {0}")]
    Unreachable(Failures),
    /// A node answers and one side refuses the other (user, virtual host, certificate, protocol):
    /// trying again as is does not help.
    #[error("no connection to the broker, one side refuses: {0}")]
    Refused(Failures),
    /// Encryption could not be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

impl ConnectError {
    /// What to do about it.
    #[must_use]
    pub fn way_out(&self) -> &'static str {
        match self {
            ConnectError::Unreachable(failures) | ConnectError::Refused(failures) => {
                failures.way_out()
            }
            ConnectError::Tls(_) => "check the files that are named",
        }
    }
}

/// All that a round needs. Clones share which node answered last.
#[derive(Clone)]
pub(super) struct Connector {
    urls: BrokerUrls,
    order: BrokerOrder,
    tls: Option<RustlsConnector>,
    heartbeat: u16,
    name: String,
    memory: Arc<Mutex<Memory>>,
}

/// What is known of the nodes.
#[derive(Default)]
struct Memory {
    /// Both connections of a process go to one node: what one declares, the other finds.
    last: Option<Node>,
    /// One that was left is tried after all others.
    left: Option<Node>,
}

/// One address of one URL.
#[derive(Clone, PartialEq)]
pub(super) struct Node {
    url: BrokerUrl,
    address: SocketAddr,
}

impl Connector {
    pub(super) fn new(options: &BrokerOptions) -> Result<Self, TlsError> {
        let tls = match options.urls.is_tls() {
            true => Some(options.tls.connector()?),
            false => None,
        };
        Ok(Self {
            urls: options.urls.clone(),
            order: options.order,
            tls,
            heartbeat: options.heartbeat,
            name: options.name.clone(),
            memory: Arc::default(),
        })
    }

    pub(super) fn broker(&self) -> String {
        self.urls.to_string()
    }

    /// Tries every address of every node once, the one that answered last first. `round` counts the
    /// rounds before: the attempts are given more time in later ones, but none goes past `end`.
    pub(super) async fn connect(
        &self,
        purpose: &str,
        round: u32,
        end: Option<Instant>,
    ) -> Result<(Connection, Node), ConnectError> {
        let left = || end.map_or(LONGEST, |end| end.saturating_duration_since(Instant::now()));
        let mut failures = Vec::new();
        let nodes = self.nodes(left().min(LONGEST), &mut failures).await;
        let alone = nodes.len() == 1;
        for (at, node) in nodes.iter().enumerate() {
            let usual = match alone {
                true => LONGEST,
                false => (FIRST * 2u32.saturating_pow(round.min(8))).min(LONGEST),
            };
            // So that each gets its share of what is left.
            let share = match end {
                Some(_) => left() / (nodes.len() - at) as u32,
                None => LONGEST,
            };
            match self.attempt(node, purpose, usual.min(share)).await {
                Ok(connection) => {
                    self.memory.lock().last = Some(node.clone());
                    return Ok((connection, node.clone()));
                }
                Err(cause) => failures.push(failure(&node.url, Some(node.address), cause)),
            }
        }
        let refused = (failures.iter()).any(|failure| failure.cause.is_refusal());
        let failures = Failures(failures);
        Err(match refused {
            true => ConnectError::Refused(failures),
            false => ConnectError::Unreachable(failures),
        })
    }

    /// From now on the other nodes are tried before this one.
    pub(super) fn leave(&self, node: &Node) {
        let mut memory = self.memory.lock();
        memory.left = Some(node.clone());
        memory.last = memory.last.take().filter(|last| last != node);
    }

    /// The addresses of all hosts, in the order in which they are tried. Names are looked up anew
    /// each time.
    async fn nodes(&self, limit: Duration, failures: &mut Vec<Failure>) -> Vec<Node> {
        let mut nodes = Vec::new();
        for url in self.urls.all() {
            let (host, port) = url.address();
            let looked = tokio::time::timeout(limit, tokio::net::lookup_host((host, port))).await;
            match looked {
                Ok(Ok(addresses)) => nodes.extend(addresses.map(|address| Node {
                    url: url.clone(),
                    address,
                })),
                Ok(Err(error)) => {
                    let cause = Cause::NoSuchHost(error.to_string());
                    failures.push(failure(url, None, cause));
                }
                Err(_) => {
                    let cause = Cause::NoSuchHost("the resolver does not answer".into());
                    failures.push(failure(url, None, cause));
                }
            }
        }
        if self.order == BrokerOrder::Shuffled {
            // A hasher with random keys is enough for an order.
            let keys = RandomState::new();
            nodes.sort_by_cached_key(|node| keys.hash_one(node.address));
        }
        let memory = self.memory.lock();
        let at = |node: &Option<Node>| nodes.iter().position(|one| Some(one) == node.as_ref());
        if let Some(left) = at(&memory.left) {
            nodes[left..].rotate_left(1);
        }
        let at = |node: &Option<Node>| nodes.iter().position(|one| Some(one) == node.as_ref());
        if let Some(last) = at(&memory.last) {
            nodes[..=last].rotate_right(1);
        }
        nodes
    }

    async fn attempt(
        &self,
        node: &Node,
        purpose: &str,
        limit: Duration,
    ) -> Result<Connection, Cause> {
        let accepted = Arc::new(AtomicBool::new(false));
        let opening = self.open(node, purpose, Arc::clone(&accepted));
        let opened = tokio::time::timeout(limit, opening).await;
        let accepted = accepted.load(Ordering::Acquire);
        let error = match opened {
            Ok(Ok(connection)) => return Ok(connection),
            Ok(Err(error)) => error,
            Err(_) if accepted => return Err(Cause::Mute(limit)),
            Err(_) => {
                let waited = format!("no answer within {:.0} s", limit.as_secs_f64().ceil());
                return Err(Cause::Unroutable(waited));
            }
        };
        if let (false, lapin::ErrorKind::IOError(error)) = (accepted, error.kind()) {
            return Err(Cause::of_tcp(error));
        }
        let is_tls = node.url.is_tls();
        // A broker that has named its reason was asked enough.
        let greeting = match error.kind() {
            lapin::ErrorKind::ProtocolError(_) => None,
            _ => greeting(node.address).await.map(|greeting| greeting.kind),
        };
        Err(Cause::of(&error, greeting, is_tls))
    }

    async fn open(
        &self,
        node: &Node,
        purpose: &str,
        accepted: Arc<AtomicBool>,
    ) -> lapin::Result<Connection> {
        let mut uri = node.url.uri().clone();
        uri.query.heartbeat = Some(self.heartbeat);
        let properties = ConnectionProperties::default()
            .with_connection_name(format!("{} {purpose}", self.name).into());
        let tls = self.tls.clone().filter(|_| node.url.is_tls());
        let runtime = lapin::runtime::default_runtime()?;
        let address = node.address;
        Connection::connector(
            uri,
            runtime,
            async move |uri, runtime| {
                let stream = AsyncTcpStream::connect(&runtime, vec![address]).await?;
                accepted.store(true, Ordering::Release);
                match &tls {
                    Some(tls) => Ok(stream.into_rustls(tls, &uri.authority.host).await?),
                    None => Ok(stream),
                }
            },
            properties,
        )
        .await
    }
}

fn failure(url: &BrokerUrl, address: Option<SocketAddr>, cause: Cause) -> Failure {
    let literal = url.address().0.parse::<IpAddr>().is_ok();
    Failure {
        node: url.to_string(),
        address: address.filter(|_| !literal).map(|it| it.ip().to_string()),
        cause,
    }
}
