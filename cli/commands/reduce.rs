//! `gristmill reduce`: a reducer that merges the results of a broker's jobs.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use gristmill_common::progress::Progress;
use gristmill_common::shutdown::Shutdown;
use gristmill_reducer::ServeSettings;
use tracing::info;

use crate::args::ReduceArgs;
use crate::broker;
use crate::exit::{Exit, usage};
use crate::listen::{self, Monitor, Role};
use crate::signals;

/// Runs the command.
///
/// # Errors
/// A usage error, or the reason why it cannot go on.
pub fn reduce(args: &ReduceArgs) -> anyhow::Result<Exit> {
    let mut options = broker::options(&args.broker, "reduce")?;
    if args.memory.0 < 16 << 20 {
        return Err(usage(format!("--memory {}: at least 16MiB", args.memory)));
    }
    let settings = ServeSettings {
        dir: args.output.clone(),
        memory: args.memory.0,
        tmp: args.tmp.clone().unwrap_or_else(std::env::temp_dir),
        only: args.job.clone(),
        stall_after: Duration::from_secs(args.stall_after),
    };
    let shutdown = Shutdown::new();
    let drain = Duration::from_secs(args.drain_timeout);
    signals::drain(&shutdown, drain).context("cannot watch for signals")?;
    let runtime = broker::runtime()?;
    let progress = Arc::new(Progress::default());
    let monitor = Monitor::new(Role::Reduce, &progress, &shutdown);
    monitor.count_reconnects(&mut options);
    listen::start(args.listen.listen, &monitor, &runtime)?;
    let Some((broker, registry)) = broker::connect(&runtime, options, &shutdown)? else {
        return Ok(Exit::Complete);
    };
    monitor.connected(&broker);
    info!(dir = %args.output.display(), "reducing");
    let ended = gristmill_reducer::serve(
        &broker,
        &registry,
        &settings,
        runtime.handle(),
        &progress,
        &shutdown,
    )?;
    runtime.block_on(broker.close());
    info!(
        chunks = Progress::get(&progress.chunks_reduced),
        duplicates = Progress::get(&progress.duplicates),
        "stopped"
    );
    Ok(match ended {
        Some(totals) if totals.quarantined > 0 => Exit::Quarantined,
        _ => Exit::Complete,
    })
}
