//! Throwaway RabbitMQ nodes for tests: real brokers on loopback, one per test binary, a virtual
//! host per test, and every handle to mistreat them.
//!
//! It must not know what Gristmill sends over a broker. Everything a node writes lies in one
//! temporary folder; a watchdog process removes node and folder even when the test binary is
//! killed. A missing installation is an error that names the package, never a skipped test.

mod control;
mod install;
mod node;
mod nodes;
mod ports;
mod process;
mod vhost;
mod watchdog;

pub use install::HOME_VARIABLE;
pub use node::{FLAGS_VARIABLE, Node, Settings};
pub use nodes::Nodes;
pub use vhost::{QueueState, Vhost};

/// Why a node does not do what a test asked for.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// No RabbitMQ was found.
    #[error(
        "no RabbitMQ server: {0}; install the package `rabbitmq-server` or name an unpacked \
         distribution in {HOME_VARIABLE}"
    )]
    Missing(String),
    /// The node did not come up or go down in time, or died.
    #[error("the broker {what} (the end of its log follows)\n{log}")]
    Stuck {
        /// What went wrong.
        what: String,
        /// The last lines that the node wrote.
        log: String,
    },
    /// The node refused a command.
    #[error("the broker could not evaluate `{code}`: {answer}")]
    Refused {
        /// The Erlang expression.
        code: String,
        /// What it answered.
        answer: String,
    },
    /// The machine refused something.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// Why it failed.
        source: std::io::Error,
    },
}

impl NodeError {
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| NodeError::Io { what, source }
    }
}
