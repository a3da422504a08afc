//! What every command that serves a broker until it is told to stop begins and ends with.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use gristmill_common::progress::Progress;
use gristmill_common::shutdown::Shutdown;
use gristmill_jobs::registry::Registry;
use gristmill_jobs::report::Reporter;
use gristmill_rabbitmq::Broker;
use tokio::runtime::Runtime;

use crate::args::BrokerArgs;
use crate::broker;
use crate::listen::{self, Monitor, Role};
use crate::signals;

/// A connected worker.
pub struct Worker {
    /// Where its network runs.
    pub runtime: Runtime,
    /// The broker.
    pub broker: Broker,
    /// The log of jobs.
    pub registry: Registry,
    /// What it does, for people and for `--listen`.
    pub progress: Arc<Progress>,
    /// Advanced by signals.
    pub shutdown: Shutdown,
    _reporter: Reporter,
}

impl Worker {
    /// Watches for signals, listens where that is asked for, and connects. `None` when a stop was
    /// asked for meanwhile.
    ///
    /// # Errors
    /// A usage error, or why it cannot start.
    pub fn start(
        role: Role,
        name: &str,
        args: &BrokerArgs,
        listen: Option<SocketAddr>,
        drain_seconds: u64,
    ) -> anyhow::Result<Option<Self>> {
        let mut options = broker::options(args, name)?;
        let shutdown = Shutdown::new();
        let drain = Duration::from_secs(drain_seconds);
        signals::drain(&shutdown, drain).context("cannot watch for signals")?;
        let runtime = broker::runtime()?;
        let progress = Arc::new(Progress::default());
        let monitor = Monitor::new(role, &progress, &shutdown);
        monitor.count_reconnects(&mut options);
        listen::start(listen, &monitor, &runtime)?;
        let Some((broker, registry)) = broker::connect(&runtime, options, &shutdown)? else {
            return Ok(None);
        };
        monitor.connected(&broker);
        let reporter = Reporter::start(runtime.handle(), &broker, &progress, Some(role.of_job()));
        Ok(Some(Self {
            runtime,
            broker,
            registry,
            progress,
            shutdown,
            _reporter: reporter,
        }))
    }
}
