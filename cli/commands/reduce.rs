//! `gristmill reduce`: a reducer that merges the results of a broker's jobs.

use std::time::Duration;

use gristmill_common::progress::Progress;
use gristmill_common::size::ByteSize;
use gristmill_reducer::ServeSettings;
use tracing::info;

use crate::args::ReduceArgs;
use crate::exit::Exit;
use crate::listen::Role;
use crate::memory::reduce_budget;
use crate::worker::Worker;

/// Runs the command.
///
/// # Errors
/// A usage error, or the reason why it cannot go on.
pub fn reduce(args: &ReduceArgs) -> anyhow::Result<Exit> {
    let settings = ServeSettings {
        dir: args.output.clone(),
        memory: reduce_budget(args.memory, ByteSize(64 << 20))?,
        tmp: args.tmp.clone().unwrap_or_else(std::env::temp_dir),
        only: args.job.clone(),
        stall_after: Duration::from_secs(args.stall_after),
    };
    let (listen, drain) = (args.listen.listen, args.drain_timeout);
    let Some(worker) = Worker::start(Role::Reduce, "reduce", &args.broker, listen, drain)? else {
        return Ok(Exit::Complete);
    };
    info!(dir = %args.output.display(), memory = settings.memory, "reducing");
    let ended = gristmill_reducer::serve(
        &worker.broker,
        &worker.registry,
        &settings,
        worker.runtime.handle(),
        &worker.progress,
        &worker.shutdown,
    )?;
    worker.runtime.block_on(worker.broker.close());
    info!(
        chunks = Progress::get(&worker.progress.chunks_reduced),
        duplicates = Progress::get(&worker.progress.duplicates),
        "stopped"
    );
    Ok(match ended {
        Some(totals) if totals.quarantined > 0 => Exit::Quarantined,
        _ => Exit::Complete,
    })
}
