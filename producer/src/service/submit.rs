//! Producing over a broker: a job enters the log, its chunks the queues; done again, it resumes.
//!
//! It must not know how splits are read.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use gristmill_common::crash;
use gristmill_common::id::unique;
use gristmill_common::job::JobName;
use gristmill_common::progress::{Progress, Role};
use gristmill_common::shutdown::{Shutdown, Stage};
use gristmill_common::spec::JobSpec;
use gristmill_input::Plan;
use gristmill_jobs::declare::{Backlog, Leftovers, declare_job, delete_job};
use gristmill_jobs::file::{self, FileError};
use gristmill_jobs::registry::{
    Event, Job, JobTable, Log, Phase, Registry, RegistryError, Submission, Totals,
};
use gristmill_jobs::transport::{Amqp, Prefetch, Transport};
use gristmill_rabbitmq::{Broker, QueueError};
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::diary::{Diary, Earlier};
use crate::error::ProduceError;
use crate::produce::{Settings, Surroundings, produce};

/// How long a producer that ends early tries to write down what it has completed.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// A job for a broker.
#[derive(Clone, Debug)]
pub struct Order<'a> {
    /// Its name.
    pub name: JobName,
    /// What to do.
    pub spec: &'a JobSpec,
    /// To what.
    pub plan: &'a Plan,
    /// How it is read.
    pub settings: Settings,
    /// Bytes that its queues may hold.
    pub backlog: Backlog,
    /// Runs anew what is finished or has failed, and replaces its output.
    pub force: bool,
    /// The bytes of the file that mappers need ([`Kind::file`](gristmill_common::spec::Kind::file)).
    pub file: Option<Bytes>,
}

/// Why a job was not submitted, or not completely.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// The name belongs to a job that does something else: wrong usage.
    #[error(
        "job {job} exists with {what}: choose another name with --job, or cancel it first{hint}"
    )]
    Different {
        /// The name.
        job: JobName,
        /// What differs.
        what: &'static str,
        /// A further way out.
        hint: &'static str,
    },
    /// Another producer submitted a job of that name at the same moment.
    #[error("job {0} was submitted by another producer at the same moment")]
    Overtaken(JobName),
    /// A job whose inputs cannot be read again was begun before: wrong usage.
    #[error(
        "job {0} was begun before, and its inputs (stdin or a pipe) cannot be read again: cancel \
         it, or choose another name with --job"
    )]
    Unrepeatable(JobName),
    /// Reading or publishing failed.
    #[error(transparent)]
    Produce(#[from] ProduceError),
    /// The queues could not be made.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// The file that the job needs could not be sent.
    #[error(transparent)]
    File(#[from] FileError),
    /// The log of jobs cannot be read or written.
    #[error(transparent)]
    Registry(#[from] RegistryError),
}

impl SubmitError {
    /// Whether the command line is wrong, rather than the world.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            SubmitError::Different { .. } | SubmitError::Unrepeatable(_)
        )
    }
}

/// What became of an order.
#[derive(Debug)]
pub enum Submitted {
    /// The job was finished before.
    Finished(Totals),
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
/// When the name belongs to another job, reading fails, a stop was asked for, or the broker refuses.
pub fn submit(
    order: &Order<'_>,
    broker: &Broker,
    registry: &Registry,
    runtime: &Handle,
    progress: &Progress,
    shutdown: &Shutdown,
) -> Result<Submitted, SubmitError> {
    let Order {
        name, spec, plan, ..
    } = order;
    let (table, log) = until_stopped(runtime, shutdown, registry.catch_up())?;
    let fingerprint = plan.fingerprint();
    let begun = Begun::find(order, table.get(name), fingerprint)?;
    let (run, leftovers, earlier) = match begun {
        Begun::Finished(totals) => return Ok(Submitted::Finished(totals)),
        Begun::Sealed(run) => {
            let wait = Wait {
                table,
                log,
                name: name.clone(),
                run,
            };
            return Ok(Submitted::Sealed(Box::new(wait)));
        }
        Begun::Resumed(run, earlier) => (
            run,
            match table.get(name).is_some_and(Job::is_active) {
                true => Leftovers::Keep,
                false => Leftovers::Idle,
            },
            earlier,
        ),
        Begun::Anew => (unique(), Leftovers::All, Earlier::default()),
    };
    if table.get(name).is_some_and(|job| job.submission.run != run) {
        let before = table
            .get(name)
            .map_or(1, |job| job.submission.spec.partitions);
        // What an earlier run left is of no use.
        until_stopped(runtime, shutdown, delete_job(broker, name, before))?;
    }
    until_stopped(
        runtime,
        shutdown,
        declare_job(broker, name, spec.partitions, order.backlog, leftovers),
    )?;
    if let Some(file) = &order.file {
        // Who finds the job in the log finds the file.
        until_stopped(runtime, shutdown, file::send(broker, name, file))?;
    }
    crash::point("before-submitted");
    let submission = Submission {
        spec: (*spec).clone(),
        outline: plan.outline(),
        plan: fingerprint,
        processor: spec.kind.version(),
        replace: order.force,
        run,
    };
    let event = Event::Submitted(Box::new(submission));
    until_stopped(runtime, shutdown, registry.append(name, run, &event))?;
    let mut wait = Wait {
        table,
        log,
        name: name.clone(),
        run,
    };
    until_stopped(runtime, shutdown, wait.accepted())?;

    let transport = {
        let _entered = runtime.enter();
        Transport::Amqp(Amqp::new(broker, name.clone(), Prefetch::default()))
    };
    let _reported = progress.jobs.of(Role::Produce, name, run);
    let around = Surroundings {
        transport: &transport,
        runtime,
        progress,
        shutdown,
    };
    let diary = Diary::new(earlier, registry, runtime, name, run);
    let seal = match produce(plan, spec, around, &order.settings, &diary) {
        Ok(seal) => seal,
        Err(error) => {
            // So that whoever resumes has less to send; a broker that is gone is not waited for.
            let _ = runtime.block_on(async { timeout(LAST_WORDS, diary.finish()).await });
            return Err(error.into());
        }
    };
    until_stopped(runtime, shutdown, diary.finish())?;
    let sealed = Event::Sealed {
        chunks: seal.chunks.iter().map(|&chunks| u64::from(chunks)).sum(),
    };
    crash::point("before-sealed");
    until_stopped(runtime, shutdown, registry.append(name, run, &sealed))?;
    Ok(Submitted::Sealed(Box::new(wait)))
}

/// Waits for something of the broker, unless a stop is asked for.
fn until_stopped<T, E>(
    runtime: &Handle,
    shutdown: &Shutdown,
    what: impl Future<Output = Result<T, E>>,
) -> Result<T, SubmitError>
where
    SubmitError: From<E>,
{
    runtime.block_on(async {
        tokio::select! {
            biased;
            done = what => Ok(done?),
            () = shutdown.reached(Stage::Draining) => Err(ProduceError::Stopped.into()),
        }
    })
}

/// What the log knows of a job when it is ordered.
enum Begun {
    Anew,
    Resumed(u64, Earlier),
    /// Everything is published.
    Sealed(u64),
    Finished(Totals),
}

impl Begun {
    fn find(order: &Order<'_>, job: Option<&Job>, plan: u64) -> Result<Self, SubmitError> {
        let Some(job) = job else {
            return Ok(Begun::Anew);
        };
        let over = match &job.phase {
            Phase::Cancelled => return Ok(Begun::Anew),
            Phase::Finished(_) => true,
            Phase::Failed { .. } if order.force => true,
            Phase::Failed { .. } | Phase::Active => false,
        };
        if over && order.force {
            return Ok(Begun::Anew);
        }
        let different = |what, hint| SubmitError::Different {
            job: order.name.clone(),
            what,
            hint,
        };
        let hint = match over {
            true => ", or run it anew with --force",
            false => "",
        };
        if job.submission.spec != *order.spec
            || job.submission.processor != order.spec.kind.version()
        {
            return Err(different("other options", hint));
        }
        // Inputs that cannot be read again have nothing to compare.
        if job.submission.plan != plan {
            return Err(different(
                "other inputs (names, sizes or times of change), or another --chunk-size",
                hint,
            ));
        }
        if let Phase::Finished(totals) = job.phase {
            return Ok(Begun::Finished(totals));
        }
        let run = job.submission.run;
        let failed = matches!(job.phase, Phase::Failed { .. });
        if job.sealed.is_some() && job.missing.is_none() && !failed {
            return Ok(Begun::Sealed(run));
        }
        if !order.plan.is_repeatable() {
            return Err(SubmitError::Unrepeatable(order.name.clone()));
        }
        // What lay in the queues of a failed job may be lost with them.
        let splits = match failed {
            true => BTreeMap::new(),
            false => job.splits.clone(),
        };
        let missing = match &job.missing {
            Some((ids, count)) if ids.len() as u64 == *count && !failed => {
                Some(ids.iter().copied().collect())
            }
            _ => None,
        };
        let unknown = job.missing.is_some() && missing.is_none();
        Ok(Begun::Resumed(
            run,
            Earlier {
                splits: if unknown { BTreeMap::new() } else { splits },
                missing,
            },
        ))
    }
}

/// A job that is on the broker, to be waited for.
#[derive(Debug)]
pub struct Wait {
    table: JobTable,
    log: Log,
    name: JobName,
    run: u64,
}

impl Wait {
    /// Waits until the log shows this run.
    async fn accepted(&mut self) -> Result<(), SubmitError> {
        loop {
            let entry = self.log.next().await?;
            let mine = entry.job == self.name
                && entry.run == self.run
                && matches!(entry.event, Event::Submitted(_));
            self.table.apply(entry);
            if mine {
                return match self.job() {
                    Some(_) => Ok(()),
                    None => Err(SubmitError::Overtaken(self.name.clone())),
                };
            }
        }
    }

    /// The job as the log tells it now; none if another run has taken its name.
    #[must_use]
    pub fn job(&self) -> Option<&Job> {
        let job = self.table.get(&self.name);
        job.filter(|job| job.submission.run == self.run)
    }

    /// Waits for news of the job. Dropping the future loses nothing.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn news(&mut self) -> Result<(), RegistryError> {
        loop {
            let entry = self.log.next().await?;
            let mine = entry.job == self.name;
            self.table.apply(entry);
            if mine {
                return Ok(());
            }
        }
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
