//! `gristmill map`: a mapper that works on the jobs of a broker.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use gristmill_common::progress::Progress;
use gristmill_common::shutdown::Shutdown;
use gristmill_mapper::Settings;
use tracing::info;

use crate::args::MapArgs;
use crate::broker;
use crate::commands::run::threads;
use crate::exit::Exit;
use crate::signals;

/// Runs the command.
///
/// # Errors
/// A usage error, or the reason why it cannot go on.
pub fn map(args: &MapArgs) -> anyhow::Result<Exit> {
    let options = broker::options(&args.broker, "map")?;
    let settings = Settings {
        threads: threads(args.threads)?.get(),
        only: args.job.clone(),
    };
    let shutdown = Shutdown::new();
    let drain = Duration::from_secs(args.drain_timeout);
    signals::drain(&shutdown, drain).context("cannot watch for signals")?;
    let runtime = broker::runtime()?;
    let Some((broker, registry)) = broker::connect(&runtime, options, &shutdown)? else {
        return Ok(Exit::Complete);
    };
    let progress = Arc::new(Progress::default());
    info!(threads = settings.threads, "mapping");
    gristmill_mapper::serve(
        &broker,
        &registry,
        &settings,
        runtime.handle(),
        &progress,
        &shutdown,
    )?;
    runtime.block_on(broker.close());
    info!(
        chunks = Progress::get(&progress.chunks_mapped),
        records = Progress::get(&progress.records),
        "stopped"
    );
    Ok(Exit::Complete)
}
