//! `gristmill cancel`: ends a job; its queues go first, so that it works while a broker is in
//! alarm.

use gristmill_common::shutdown::Shutdown;
use gristmill_jobs::declare::delete_job;
use gristmill_jobs::registry::{Event, Phase};

use crate::args::CancelArgs;
use crate::broker;
use crate::exit::{Exit, usage};
use crate::jobs;
use crate::verbosity::Verbosity;

/// Runs the command.
///
/// # Errors
/// When there is no such job, or the broker refuses.
pub fn cancel(args: &CancelArgs, verbosity: Verbosity) -> anyhow::Result<Exit> {
    let options = broker::patient_options(&args.broker, args.patience, "cancel")?;
    let limit = options.connect_limit;
    let runtime = broker::runtime()?;
    let shutdown = Shutdown::new();
    let Some((broker, registry)) = broker::connect(&runtime, options, &shutdown)? else {
        return Ok(Exit::Interrupted);
    };
    let name = &args.job;
    let reading = async { Ok(jobs::read(&broker, &registry).await?) };
    let table = runtime.block_on(broker::answered(&broker, limit, reading))?;
    let Some(job) = table.get(name) else {
        return Err(usage(format!(
            "there is no job {name}; see `gristmill status`"
        )));
    };
    let say = |words: &str| verbosity.say(&format!("{name} {words}"));
    match job.phase {
        Phase::Cancelled => say("was cancelled before"),
        Phase::Finished(totals) if totals.skipped_chunks == 0 => {
            return Err(usage(format!(
                "{name} is finished: there is nothing to cancel"
            )));
        }
        // What a finished job keeps to be replayed goes; its output stays.
        Phase::Finished(_) | Phase::Active | Phase::Failed { .. } => {
            let run = job.run();
            let partitions = job.submission.spec.partitions;
            let cancelling = async {
                delete_job(&broker, &run, partitions).await?;
                registry.append(&run, &Event::Cancelled).await?;
                // A producer that resumed meanwhile may have declared them again.
                delete_job(&broker, &run, partitions).await?;
                anyhow::Ok(())
            };
            runtime.block_on(broker::answered(&broker, limit, cancelling))?;
            runtime.block_on(broker.close());
            say("is cancelled");
        }
    }
    Ok(Exit::Complete)
}
