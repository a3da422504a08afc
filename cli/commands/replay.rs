//! `gristmill replay`: a job that was finished with skipped chunks goes on with them.
//!
//! The log says so first; then the chunks move from the dead letters to where mappers take
//! suspects, each confirmed there before it is acknowledged here. Cut short, the same command goes
//! on.

use anyhow::Context;
use gristmill_common::job::JobRun;
use gristmill_common::shutdown::{Shutdown, Stage};
use gristmill_common::wire::{self, Check, Message};
use gristmill_jobs::declare::queue_depth;
use gristmill_jobs::queue::Queue;
use gristmill_jobs::registry::{Event, Job, MAX_REPLAYS, Phase};
use gristmill_jobs::transport::{Amqp, Prefetch, Transport};
use gristmill_rabbitmq::Broker;

use crate::args::ReplayArgs;
use crate::broker;
use crate::exit::{Exit, usage};
use crate::signals;
use crate::verbosity::Verbosity;

/// Runs the command.
///
/// # Errors
/// When there is no such job, nothing of it can be replayed, or the broker refuses.
pub fn replay(args: &ReplayArgs, verbosity: Verbosity) -> anyhow::Result<Exit> {
    let options = broker::patient_options(&args.broker, args.patience, "replay")?;
    let limit = options.connect_limit;
    let runtime = broker::runtime()?;
    let shutdown = Shutdown::new();
    signals::drain(&shutdown, std::time::Duration::ZERO).context("cannot watch for signals")?;
    let Some((broker, registry)) = broker::connect(&runtime, options, &shutdown)? else {
        return Ok(Exit::Interrupted);
    };
    let name = &args.job;
    let moved = runtime.block_on(async {
        let replaying = async {
            let (table, _) = registry.catch_up().await?;
            let job = table
                .get(name)
                .ok_or_else(|| usage(format!("there is no job {name}; see `gristmill status`")))?;
            let run = job.run();
            if !is_replayed(job)? {
                registry.append(&run, &Event::Replayed).await?;
            }
            move_all(&broker, &run).await
        };
        tokio::select! {
            moved = broker::answered(&broker, limit, replaying) => moved.map(Some),
            () = shutdown.reached(Stage::Draining) => Ok(None),
        }
    })?;
    runtime.block_on(broker.close());
    let Some(moved) = moved else {
        verbosity.say("interrupted; the same command again goes on from here");
        return Ok(Exit::Interrupted);
    };
    let Moved { chunks, others } = moved;
    verbosity.say(&format!(
        "{name}: {chunks} chunks are tried again; `gristmill status {name}` shows how it goes"
    ));
    if others > 0 {
        verbosity.say(&format!(
            "{name}: {others} of its dead letters are no chunks and stay where they are"
        ));
    }
    Ok(Exit::Complete)
}

/// Whether the job is being replayed already.
fn is_replayed(job: &Job) -> anyhow::Result<bool> {
    let name = &job.name;
    match &job.phase {
        Phase::Active if job.replays > 0 => Ok(true),
        Phase::Finished(totals) if totals.skipped_chunks == 0 => Err(usage(format!(
            "{name} is finished, and all its chunks could be run: there is nothing to replay"
        ))),
        Phase::Finished(_) if job.replays >= MAX_REPLAYS => Err(usage(format!(
            "{name} was replayed {MAX_REPLAYS} times: run it anew with `produce --force`"
        ))),
        Phase::Finished(_) => Ok(false),
        _ => Err(usage(format!(
            "{name} is not finished: only then is it known what could not be run"
        ))),
    }
}

/// What became of the dead letters.
#[derive(Clone, Copy, Debug, Default)]
struct Moved {
    /// Chunks that are tried again.
    chunks: u64,
    /// Messages that stay.
    others: u64,
}

/// Moves the chunks among the dead letters, once each; other messages stay there.
async fn move_all(broker: &Broker, run: &JobRun) -> anyhow::Result<Moved> {
    let transport = Transport::Amqp(Amqp::new(broker, run.clone(), Prefetch::default()));
    let dead = queue_depth(broker, run, Queue::Dead).await?.unwrap_or(0);
    let mut moved = Moved::default();
    for _ in 0..dead {
        let Some(delivery) = transport.next(Queue::Dead).await? else {
            break;
        };
        let reason = match wire::decode(delivery.payload(), Check::Full) {
            Ok(Message::Chunk(_)) => {
                let chunk = delivery.payload().clone();
                transport.publish(Queue::Suspect, chunk).await?;
                delivery.ack().await;
                moved.chunks += 1;
                continue;
            }
            Ok(_) => "not a chunk".into(),
            Err(error) => error.to_string(),
        };
        delivery.dead_letter(reason).await;
        moved.others += 1;
    }
    Ok(moved)
}
