//! Producing over a broker: a job enters the log, its chunks the queues; done again, it resumes.
//!
//! It must not know how splits are read.

use std::time::Duration;

use gristmill_common::clock::since_1970;
use gristmill_common::crash;
use gristmill_common::id::content_hash;
use gristmill_common::job::{JobName, JobRun};
use gristmill_common::plan_summary::Sent;
use gristmill_common::progress::{Progress, Role};
use gristmill_common::shutdown::Shutdown;
use gristmill_common::spec::JobSpec;
use gristmill_input::Plan;
use gristmill_jobs::declare::{declare_job, delete_job};
use gristmill_jobs::environment::Environment;
use gristmill_jobs::file;
use gristmill_jobs::registry::{Claim, Entry, Event, Job, JobTable, Log, Phase, Registry, Totals};
use gristmill_jobs::transport::{Amqp, Prefetch, PublishError, Transport};
use gristmill_rabbitmq::Broker;
use tokio::runtime::Handle;
use tokio::time::timeout;
use tracing::warn;

use super::checkpointer::{Checkpoint, Checkpointer};
use super::entering::{Entering, until_stopped};
use super::order::Order;
use super::owner::{self, Output};
use super::resume_state::ResumeState;
use super::submit_error::SubmitError;
use super::wait::Wait;
use crate::error::ProduceError;
use crate::produce::{Resume, produce};
use crate::send_splits::send_splits;

/// How long a producer that ends early tries to write down what it has completed.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// How often lost queues of a job are made anew by one producer.
const REMAKES: u32 = 3;

/// What became of an order.
#[derive(Debug)]
pub enum Submitted {
    /// The job was finished before, in the output directory that owns it.
    Finished(Totals, Option<Claim>),
    /// Everything is on the broker.
    Sealed(Box<Wait>),
}

/// The name of a job that was not given one: its kind and a hash of spec and plan.
#[must_use]
pub fn default_name(spec: &JobSpec, plan: &Plan) -> JobName {
    let hash = spec.fingerprint().rotate_left(1) ^ plan.fingerprint();
    let name = format!("{}-{:012x}", spec.kind.name(), hash & 0xFFFF_FFFF_FFFF);
    JobName::clean(&name)
}

/// Submits a job or resumes it, and publishes what is not there yet. Blocks; not to be called on a
/// runtime's thread.
///
/// # Errors
/// When the name belongs to another job, reading fails, a stop was asked for, or the broker
/// refuses.
pub fn submit(
    order: &Order<'_>,
    broker: &Broker,
    registry: &Registry,
    runtime: &Handle,
    progress: &Progress,
    shutdown: &Shutdown,
) -> Result<Submitted, SubmitError> {
    let Order { name, plan, .. } = order;
    let entering = Entering {
        broker,
        patience: order.patience,
        runtime,
        shutdown,
    };
    let (table, mut log) = catch_up(order, &entering, registry)?;
    let fingerprint = plan.fingerprint();
    let state = ResumeState::find(order, table.get(name), fingerprint)?;
    let (run, checkpoint) = match state {
        ResumeState::Finished(totals) => {
            let there = still_there(registry, &mut log, &table, name);
            entering.wait(there)?;
            let claim = table.get(name).and_then(|job| job.claim.clone());
            return Ok(Submitted::Finished(totals, claim));
        }
        ResumeState::Sealed(run) => {
            if order.program.is_some_and(|program| program.key.is_some()) {
                // The signature may have expired.
                let again = Event::Submitted(Box::new(order.submission(run, None, fingerprint)));
                entering.wait(registry.append(&JobRun::new(name, run), &again))?;
            }
            let run = JobRun::new(name, run);
            let wait = Wait { table, log, run };
            return Ok(Submitted::Sealed(Box::new(wait)));
        }
        ResumeState::Resumed(run, checkpoint) => (run, checkpoint),
        ResumeState::Fresh => (
            fresh_run(order, table.get(name), fingerprint),
            Checkpoint::default(),
        ),
    };
    let this = JobRun::new(name, run);
    let after = table.get(name).map(|job| job.submission.run);
    let mut wait = Wait {
        table,
        log,
        run: this.clone(),
    };
    let submission = Event::Submitted(Box::new(order.submission(run, after, fingerprint)));
    if !enter(order, &entering, registry, &submission, &mut wait)? {
        return Ok(Submitted::Sealed(Box::new(wait)));
    }
    let publishing = Publishing {
        order,
        registry,
        runtime,
        progress,
        shutdown,
    };
    publish_all(&publishing, &entering, &this, checkpoint, &mut wait)?;
    Ok(Submitted::Sealed(Box::new(wait)))
}

/// Publishes what is not confirmed yet, and the seal. A queue that is lost on the way, as with a
/// broker that is killed while it makes the queue, is made anew, and everything is sent again.
///
/// Whoever sees a run end deletes its queues, and a producer that was away may come too late: then
/// there is nothing left to do.
fn publish_all(
    publishing: &Publishing<'_>,
    entering: &Entering<'_>,
    job: &JobRun,
    mut checkpoint: Checkpoint,
    wait: &mut Wait,
) -> Result<(), SubmitError> {
    let (broker, order) = (entering.broker, publishing.order);
    for remade in 0.. {
        let published = publishing.run(broker, job.clone(), checkpoint);
        let Err(SubmitError::Produce(ProduceError::Transport(PublishError::NoQueue(queue)))) =
            published
        else {
            return published;
        };
        match entering.wait(wait.phase(publishing.registry))? {
            Phase::Finished(_) => return Ok(()),
            Phase::Active if remade < REMAKES && order.plan.is_repeatable() => {}
            _ => return Err(ProduceError::from(PublishError::NoQueue(queue)).into()),
        }
        warn!(job = %job.job, "the queue {queue:?} is gone: making it anew and sending everything again");
        let declared = declare_job(broker, job, order.spec.partitions, order.backlog);
        entering.wait(declared)?;
        checkpoint = Checkpoint::default();
    }
    Ok(())
}

/// The jobs of the log, in which the order's own may be begun or resumed.
fn catch_up(
    order: &Order<'_>,
    entering: &Entering<'_>,
    registry: &Registry,
) -> Result<(JobTable, Log), SubmitError> {
    let (mut table, log) = entering.wait(registry.catch_up())?;
    refuse_foreign(order, &table)?;
    if order.force {
        let freed = free(entering.broker, registry, &table, &order.name);
        if let Some(cancelled) = entering.wait(freed)? {
            table.apply(cancelled);
        }
    }
    Ok((table, log))
}

/// Declares a run's queues, enters it into the log, and removes the queues of runs that it
/// replaces. Whether there is anything to publish: another producer of the same run may have seen
/// it to its end meanwhile.
fn enter(
    order: &Order<'_>,
    entering: &Entering<'_>,
    registry: &Registry,
    submission: &Event,
    wait: &mut Wait,
) -> Result<bool, SubmitError> {
    let (broker, partitions) = (entering.broker, order.spec.partitions);
    let this = wait.run.clone();
    crash::point("before-declare");
    let declared = declare_job(broker, &this, partitions, order.backlog);
    entering.wait(declared)?;
    if let Some(file) = &order.file {
        // Who finds the job in the log finds the file.
        entering.wait(file::send(broker, &this, file))?;
    }
    crash::point("before-submitted");
    entering.wait(registry.append(&this, submission))?;
    let phase = entering.wait(wait.phase(registry));
    if matches!(
        phase,
        Err(SubmitError::Overtaken(_)) | Ok(Phase::Finished(_))
    ) {
        // Whoever saw that end may have deleted the queues before they were declared here.
        entering.wait(delete_job(broker, &this, partitions))?;
    }
    let is_active = matches!(phase?, Phase::Active);
    crash::point("accepted");
    // Reducers do this too, if there are any.
    for ended in wait.replaced() {
        entering.wait(delete_job(broker, &ended.run, ended.partitions))?;
    }
    Ok(is_active)
}

/// A job that is in the log and has its queues.
struct Publishing<'a> {
    order: &'a Order<'a>,
    registry: &'a Registry,
    runtime: &'a Handle,
    progress: &'a Progress,
    shutdown: &'a Shutdown,
}

impl Publishing<'_> {
    /// Publishes what is not confirmed yet, and the seal.
    fn run(&self, broker: &Broker, job: JobRun, checkpoint: Checkpoint) -> Result<(), SubmitError> {
        let Self {
            order: _,
            registry,
            runtime,
            progress,
            shutdown,
        } = *self;
        let transport = {
            let _entered = runtime.enter();
            Transport::Amqp(Amqp::new(broker, job.clone(), Prefetch::default()))
        };
        let _reported = progress.jobs.of(Role::Produce, &job);
        let env = Environment {
            transport: &transport,
            runtime,
            progress,
            shutdown,
        };
        let checkpointer = Checkpointer::new(checkpoint, registry, runtime, &job);
        let chunks = match self.publish(env, &checkpointer) {
            Ok(chunks) => chunks,
            Err(error) => {
                // So that whoever resumes has less to send; a broker that is gone is not waited
                // for.
                let _ =
                    runtime.block_on(async { timeout(LAST_WORDS, checkpointer.finish()).await });
                return Err(error.into());
            }
        };
        until_stopped(runtime, shutdown, checkpointer.finish())?;
        let sealed = Event::Sealed { chunks };
        crash::point("before-sealed");
        until_stopped(runtime, shutdown, registry.append(&job, &sealed))?;
        Ok(())
    }
}

impl Publishing<'_> {
    /// Publishes the plan's text or its splits; how many messages mappers have to take.
    fn publish(&self, env: Environment<'_>, resume: &dyn Resume) -> Result<u64, ProduceError> {
        let Order {
            plan,
            spec,
            settings,
            folder,
            ..
        } = self.order;
        match plan.sent() {
            Sent::Chunks => {
                let seal = produce(plan, spec, env, settings, resume)?;
                Ok(seal.chunks.iter().map(|&chunks| u64::from(chunks)).sum())
            }
            Sent::Splits => {
                send_splits(plan, folder, env, resume)?;
                Ok(plan.splits().len() as u64)
            }
        }
    }
}

/// The number of a run that begins anew, which no earlier run of the name has. The same command
/// computes it again while the run is not in the log: what a producer declared that was killed
/// before, is then made anew and not left behind. The day tells it from runs that the log has
/// forgotten.
fn fresh_run(order: &Order<'_>, earlier: Option<&Job>, plan: u64) -> u64 {
    let before = earlier.map(|job| job.submission.run);
    let day = since_1970().as_secs() / (24 * 60 * 60);
    let (name, spec) = (&order.name, order.spec.fingerprint());
    // Queues that are there keep their settings.
    let backlog = order.backlog;
    content_hash(format!("{name} {before:?} {spec} {plan} {day} {backlog:?}").as_bytes())
}

/// Refuses a name that another version of the program uses.
fn refuse_foreign(order: &Order<'_>, table: &JobTable) -> Result<(), SubmitError> {
    let foreign = table.foreign().find(|(name, _)| **name == order.name);
    match foreign {
        Some((name, foreign)) if !order.force => Err(SubmitError::OtherVersion {
            job: name.clone(),
            version: foreign.version,
        }),
        _ => Ok(()),
    }
}

/// Ends a job that belongs to an output directory which nobody serves, so that it can be begun
/// anew; the entry of the log that did so.
async fn free(
    broker: &Broker,
    registry: &Registry,
    table: &JobTable,
    name: &JobName,
) -> Result<Option<Entry>, SubmitError> {
    let owned = table.get(name).filter(|job| job.is_active());
    let Some((job, claim)) = owned.and_then(|job| Some((job, job.claim.as_ref()?))) else {
        return Ok(None);
    };
    let run = job.submission.run_of(name);
    if owner::is_served(broker, &run).await {
        return Ok(None);
    }
    warn!(job = %name, "no reducer serves its directory {}: beginning it anew", claim.place);
    registry.append(&run, &Event::Cancelled).await?;
    Ok(Some(Entry {
        job: run.job,
        run: run.run,
        at: job.latest,
        event: Event::Cancelled,
    }))
}

/// Fails unless the output of a finished job is known to be there.
async fn still_there(
    registry: &Registry,
    log: &mut Log,
    table: &JobTable,
    name: &JobName,
) -> Result<(), SubmitError> {
    let Some(job) = table.get(name) else {
        return Ok(());
    };
    let found = owner::find_output(registry, log, &job.submission.run_of(name), job).await?;
    let (job, claim) = (name.clone(), job.claim.as_ref());
    let place = claim.map_or_else(|| "its directory".into(), |claim| claim.place.clone());
    match found {
        Output::There => Ok(()),
        Output::Gone => Err(SubmitError::OutputGone { job, place }),
        Output::Unknown => Err(SubmitError::OutputUnknown { job, place }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::spec;

    #[test]
    fn a_job_has_a_name_of_its_kind() {
        let name = default_name(&spec(), &Plan::default());
        assert!(name.as_str().starts_with(spec().kind.name()), "{name}");
    }
}
