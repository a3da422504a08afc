//! One attempt to connect. It must not know when to try again.

use std::time::Duration;

use lapin::tcp::RustlsConnector;
use lapin::{AsyncTcpStream, Connection, ConnectionProperties, ErrorKind};

use super::{BrokerUrl, Tls, TlsError};

/// How long one attempt may take, handshakes included.
const CONNECT_LIMIT: Duration = Duration::from_secs(20);

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The broker does not answer: it may later.
    #[error("the broker at {broker} cannot be reached: {reason}")]
    Unreachable {
        /// The broker's URL, without the password.
        broker: String,
        /// What happened.
        reason: String,
    },
    /// The broker answers and one side refuses the other (user, virtual host, certificate): trying
    /// again as is does not help.
    #[error("no connection to the broker at {broker}, one side refuses: {reason}")]
    Refused {
        /// The broker's URL, without the password.
        broker: String,
        /// What the broker says.
        reason: String,
    },
    /// Encryption could not be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// All that one attempt needs.
#[derive(Clone)]
pub(super) struct Dial {
    url: BrokerUrl,
    tls: Option<RustlsConnector>,
    heartbeat: u16,
    name: String,
}

impl Dial {
    pub(super) fn new(
        url: BrokerUrl,
        tls: &Tls,
        heartbeat: u16,
        name: String,
    ) -> Result<Self, TlsError> {
        let tls = match url.is_tls() {
            true => Some(tls.connector()?),
            false => None,
        };
        Ok(Self {
            url,
            tls,
            heartbeat,
            name,
        })
    }

    pub(super) fn broker(&self) -> String {
        self.url.to_string()
    }

    pub(super) async fn connect(&self, purpose: &str) -> Result<Connection, ConnectError> {
        match tokio::time::timeout(CONNECT_LIMIT, self.attempt(purpose)).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(error)) => Err(self.classify(&error)),
            Err(_) => Err(ConnectError::Unreachable {
                broker: self.broker(),
                reason: format!("no answer within {} s", CONNECT_LIMIT.as_secs()),
            }),
        }
    }

    async fn attempt(&self, purpose: &str) -> lapin::Result<Connection> {
        let mut uri = self.url.uri().clone();
        uri.query.heartbeat = Some(self.heartbeat);
        let properties = ConnectionProperties::default()
            .with_connection_name(format!("{} {purpose}", self.name).into());
        let tls = self.tls.clone();
        let runtime = lapin::runtime::default_runtime()?;
        Connection::connector(
            uri,
            runtime,
            async move |uri, runtime| {
                let host = uri.authority.host;
                let addresses =
                    tokio::net::lookup_host((host.as_str(), uri.authority.port)).await?;
                let stream =
                    AsyncTcpStream::connect(&runtime, addresses.collect::<Vec<_>>()).await?;
                match &tls {
                    Some(tls) => Ok(stream.into_rustls(tls, &host).await?),
                    None => Ok(stream),
                }
            },
            properties,
        )
        .await
    }

    fn classify(&self, error: &lapin::Error) -> ConnectError {
        let (broker, reason) = (self.broker(), error.to_string());
        let refused = match error.kind() {
            // 403 ACCESS_REFUSED: user or password; 530 NOT_ALLOWED: the virtual host.
            ErrorKind::ProtocolError(error) => matches!(error.get_id(), 403 | 530),
            // A certificate that one side does not accept.
            ErrorKind::IOError(error) => error.kind() == std::io::ErrorKind::InvalidData,
            ErrorKind::AuthProviderError(_) | ErrorKind::InvalidProtocolVersion(_) => true,
            _ => false,
        };
        if refused {
            ConnectError::Refused { broker, reason }
        } else {
            ConnectError::Unreachable { broker, reason }
        }
    }
}
