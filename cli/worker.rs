//! What every command that serves a broker until it is told to stop begins and ends with.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use gristmill_common::progress::Progress;
use gristmill_common::shutdown::Shutdown;
use gristmill_jobs::report::Reporter;
use gristmill_jobs::worker::Worker;
use tokio::runtime::Runtime;

use crate::args::BrokerArgs;
use crate::broker;
use crate::listen::{self, Monitor, Role};
use crate::signals;
use crate::unserved;

/// A process that serves a broker until it is told to stop.
pub struct Serving {
    runtime: Runtime,
    /// What it works with.
    pub worker: Worker,
    _reporter: Reporter,
}

impl Serving {
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
        unserved::report(&mut options, &progress);
        listen::start(listen, &monitor, &runtime)?;
        let Some(worker) = broker::worker(&runtime, options, &progress, &shutdown)? else {
            return Ok(None);
        };
        monitor.connected(&worker.broker);
        let (broker, role) = (&worker.broker, role.of_job());
        let reporter = Reporter::start(&worker.runtime, broker, &progress, Some(role));
        Ok(Some(Self {
            runtime,
            worker,
            _reporter: reporter,
        }))
    }

    /// Closes the connections to the broker.
    pub fn close(&self) {
        self.runtime.block_on(self.worker.broker.close());
    }
}
