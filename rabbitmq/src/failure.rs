//! Why a node of the broker cannot be reached, and the way out. It must not connect anything.

use std::fmt;
use std::io;
use std::time::Duration;

use lapin::ErrorKind;

use super::greeting::Kind;

/// What came back when a node was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The host's name has no address.
    NoSuchHost(String),
    /// Nothing listens on the port.
    NotListening,
    /// No answer at all, or no way there.
    Unroutable(String),
    /// The connection was accepted, and then nothing was said.
    Mute(Duration),
    /// The connection was accepted and closed again: a broker that starts or stops, or none.
    HungUp(String),
    /// Something else than AMQP 0-9-1 answers.
    NotAmqp(&'static str),
    /// `amqp://` at a port that wants TLS.
    WantsTls,
    /// `amqps://` at a port that speaks AMQP without TLS.
    WantsPlain,
    /// One side does not accept the other's certificate.
    Certificate(String),
    /// The user or password is wrong.
    Credentials(String),
    /// The virtual host does not exist, or the user may not use it.
    Vhost(String),
    /// Anything else, in the words of the library.
    Other(String),
}

impl Cause {
    /// Whether a node answers and trying again as is does not help.
    pub(super) fn is_refusal(&self) -> bool {
        matches!(
            self,
            Cause::NotAmqp(_)
                | Cause::WantsTls
                | Cause::WantsPlain
                | Cause::Certificate(_)
                | Cause::Credentials(_)
                | Cause::Vhost(_)
        )
    }

    /// What to do about it.
    #[must_use]
    pub fn way_out(&self) -> &'static str {
        match self {
            Cause::NoSuchHost(_) => "check the host's name in the URL, and the resolver",
            Cause::NotListening => {
                "check that the broker runs there, and the port: 5672, or 5671 for amqps://"
            }
            Cause::Unroutable(_) => "check the host, the network and firewalls between",
            Cause::Mute(_) => {
                "check the port: what listens there is no broker, or hangs; does it want amqps://?"
            }
            Cause::HungUp(_) => {
                "check the broker's log: it may be starting; does the port want amqps://?"
            }
            Cause::NotAmqp(_) => "check the port: 5672 is usual for amqp://, 5671 for amqps://",
            Cause::WantsTls => "write amqps://, or the port without TLS (usually 5672)",
            Cause::WantsPlain => "write amqp://, or the port with TLS (usually 5671)",
            Cause::Certificate(_) => {
                "check --ca, --client-cert and --client-key, and that the certificate has the host's name"
            }
            Cause::Credentials(_) => {
                "check user and password; guest is let in from its own machine only"
            }
            Cause::Vhost(_) => {
                "check the virtual host (the URL's path) and the user's permissions on it"
            }
            Cause::Other(_) => "see the broker's log",
        }
    }

    /// From the error of an attempt whose connection was accepted.
    pub(super) fn of(error: &lapin::Error, greeting: Option<Kind>, is_tls: bool) -> Self {
        let text = error.to_string();
        match (greeting, is_tls) {
            (Some(Kind::Tls), false) => return Cause::WantsTls,
            (Some(Kind::Amqp), true) => return Cause::WantsPlain,
            (Some(Kind::Http), _) => return Cause::NotAmqp("HTTP"),
            (Some(Kind::OtherAmqp), false) => return Cause::NotAmqp("another version of AMQP"),
            (Some(Kind::Other), false) => return Cause::NotAmqp("another protocol"),
            _ => {}
        }
        match error.kind() {
            // 403 ACCESS_REFUSED: user or password; 530 NOT_ALLOWED: the virtual host.
            ErrorKind::ProtocolError(error) if error.get_id() == 403 => Cause::Credentials(text),
            ErrorKind::ProtocolError(error) if error.get_id() == 530 => Cause::Vhost(text),
            ErrorKind::AuthProviderError(_) => Cause::Credentials(text),
            ErrorKind::InvalidProtocolVersion(_) => Cause::NotAmqp("another version of AMQP"),
            // A certificate that one side does not accept.
            ErrorKind::IOError(error) if error.kind() == io::ErrorKind::InvalidData && is_tls => {
                Cause::Certificate(text)
            }
            ErrorKind::IOError(_) | ErrorKind::ParsingError(_) => Cause::HungUp(text),
            _ => Cause::Other(text),
        }
    }

    /// From the error of an attempt to open a TCP connection.
    pub(super) fn of_tcp(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Cause::NotListening,
            _ => Cause::Unroutable(error.to_string()),
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cause::NoSuchHost(why) => write!(f, "host not found ({why})"),
            Cause::NotListening => write!(f, "connection refused: nothing listens on that port"),
            Cause::Unroutable(why) => write!(f, "no way there ({why})"),
            Cause::Mute(waited) => write!(
                f,
                "the connection was accepted, but no AMQP came within {:.0} s",
                waited.as_secs_f64().ceil()
            ),
            Cause::HungUp(why) => write!(f, "the connection was accepted and then lost ({why})"),
            Cause::NotAmqp(what) => write!(f, "what answers is not AMQP 0-9-1 but {what}"),
            Cause::WantsTls => write!(f, "the port wants TLS, and the URL is amqp://"),
            Cause::WantsPlain => write!(f, "the port is without TLS, and the URL is amqps://"),
            Cause::Certificate(why) => write!(f, "one side refuses the other's certificate: {why}"),
            Cause::Credentials(why) => write!(f, "user or password is refused: {why}"),
            Cause::Vhost(why) => write!(f, "the virtual host is refused: {why}"),
            Cause::Other(why) => f.write_str(why),
        }
    }
}

/// What became of one node that was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The node's URL, without the password.
    pub node: String,
    /// Which of the addresses of its name was tried, where that is not to be seen from the URL.
    pub address: Option<String>,
    /// What came back.
    pub cause: Cause,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.node)?;
        if let Some(address) = &self.address {
            write!(f, " ({address})")?;
        }
        write!(f, ": {}", self.cause)
    }
}

/// All nodes that were tried, in order; at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failures(pub Vec<Failure>);

impl Failures {
    /// What to do about the one that says most: a refusal before silence.
    #[must_use]
    pub fn way_out(&self) -> &'static str {
        let refusal = self.0.iter().find(|failure| failure.cause.is_refusal());
        let told = refusal.or(self.0.last());
        told.map_or("", |failure| failure.cause.way_out())
    }
}

impl fmt::Display for Failures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, failure) in self.0.iter().enumerate() {
            let between = if at > 0 { "; " } else { "" };
            write!(f, "{between}{failure}")?;
        }
        Ok(())
    }
}
