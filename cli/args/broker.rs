//! How the broker is reached, by every command that needs one.

use std::path::PathBuf;

use clap::Args;
use gristmill_rabbitmq::DEFAULT_HEARTBEAT;

/// How to reach the broker.
#[derive(Args, Clone, Debug)]
pub struct BrokerArgs {
    /// amqp://user:password@host:port/vhost or amqps://…; several hosts or URLs, separated by
    /// commas, are the nodes of one broker [default: amqp://127.0.0.1]
    ///
    /// May be given several times. All nodes, and all addresses of a name, are tried; a role whose
    /// node is gone goes on with another. In user, password and virtual host write %2F for /, %40
    /// for @, %3A for : and %25 for %. A password here shows in the process list: --broker-file or
    /// the environment hide it.
    #[arg(
        long,
        value_name = "URL",
        env = "GRISTMILL_BROKER",
        hide_env_values = true,
        help_heading = "Broker"
    )]
    pub broker: Vec<String>,
    /// A file with the URL or URLs (a mounted secret)
    #[arg(
        long,
        value_name = "FILE",
        env = "GRISTMILL_BROKER_FILE",
        conflicts_with = "broker",
        help_heading = "Broker"
    )]
    pub broker_file: Option<PathBuf>,
    /// In which order the nodes of the broker are tried
    #[arg(
        long,
        value_name = "ORDER",
        value_enum,
        default_value = "shuffled",
        env = "GRISTMILL_BROKER_ORDER",
        help_heading = "Broker"
    )]
    pub broker_order: NodeOrder,
    /// For amqps: a PEM file of certificate authorities to trust instead of the system's
    #[arg(
        long,
        value_name = "FILE",
        env = "GRISTMILL_CA",
        help_heading = "Broker"
    )]
    pub ca: Option<PathBuf>,
    /// For amqps: a PEM file with the client's certificate
    #[arg(
        long,
        value_name = "FILE",
        env = "GRISTMILL_CLIENT_CERT",
        requires = "client_key",
        help_heading = "Broker"
    )]
    pub client_cert: Option<PathBuf>,
    /// For amqps: a PEM file with the client's key
    #[arg(
        long,
        value_name = "FILE",
        env = "GRISTMILL_CLIENT_KEY",
        requires = "client_cert",
        help_heading = "Broker"
    )]
    pub client_key: Option<PathBuf>,
    /// Seconds of silence after which both sides give the connection up (about twice); 0 is never
    #[arg(long, value_name = "SECONDS", env = "GRISTMILL_HEARTBEAT", default_value_t = DEFAULT_HEARTBEAT, help_heading = "Broker")]
    pub heartbeat: u16,
}

/// In which order the nodes of a broker are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum NodeOrder {
    /// In another order each time, so that many processes share the nodes
    Shuffled,
    /// As they are listed
    Listed,
}

/// How long a command that does not serve waits for a broker.
#[derive(Args, Clone, Copy, Debug)]
pub struct PatienceArgs {
    /// Give up, with exit code 1, when no broker has answered for so long; 0 is never
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 10,
        env = "GRISTMILL_CONNECT_TIMEOUT",
        help_heading = "Broker"
    )]
    pub connect_timeout: u64,
}
