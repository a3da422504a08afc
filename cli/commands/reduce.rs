//! `gristmill reduce`: a reducer that merges the results of a broker's jobs.

use std::sync::Arc;
use std::time::Duration;

use gristmill_common::progress::Progress;
use gristmill_common::size::ByteSize;
use gristmill_mapper::Reducing;
use gristmill_reducer::ServeSettings;
use tracing::info;

use crate::args::ReduceArgs;
use crate::commands::run::threads;
use crate::exit::Exit;
use crate::listen::Role;
use crate::memory::reduce_budget;
use crate::program_args;
use crate::publish::Published;
use crate::worker::Serving;

/// Runs the command.
///
/// # Errors
/// A usage error, or the reason why it cannot go on.
pub fn reduce(args: &ReduceArgs) -> anyhow::Result<Exit> {
    let programs = program_args::settings(&args.programs, &args.broker, args.tmp.as_ref())?;
    let settings = ServeSettings {
        dir: args.output.clone(),
        memory: reduce_budget(args.memory, ByteSize(64 << 20))?,
        tmp: programs.tmp.clone(),
        only: args.job.clone(),
        stall_after: Duration::from_secs(args.stall_after),
        publish: match &args.publish {
            Some(url) => Some(Arc::new(Published::to(url)?)),
            None => None,
        },
        programs: Arc::new(Reducing {
            settings: programs,
            programs: threads(None)?.get(),
        }),
    };
    let (listen, drain) = (args.listen.listen, args.drain_timeout);
    let Some(serving) = Serving::start(Role::Reduce, "reduce", &args.broker, listen, drain)? else {
        return Ok(Exit::Complete);
    };
    info!(dir = %args.output.display(), memory = settings.memory, "reducing");
    let worker = &serving.worker;
    let ended = gristmill_reducer::serve(worker, &settings)?;
    serving.close();
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
