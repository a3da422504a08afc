//! The jobs that a reducer works on: each has a thread, and what ends it decides what becomes of
//! the job. It must not know which jobs are claimed.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use gristmill_common::job::{JobName, JobRun};
use gristmill_common::progress::{Cause, Role};
use gristmill_common::reduce_program::ReduceProgram;
use gristmill_common::shutdown::Shutdown;
use gristmill_common::spec::Kind;
use gristmill_jobs::programs::NotReady;
use gristmill_jobs::registry::{Event, Submission};
use gristmill_jobs::transport::{Amqp, Prefetch, Transport};
use tracing::{info, warn};

use super::context::{JobContext, LEAST, prefetch};
use super::job::{JobFailure, work};
use super::programs::{Made, Program};
use super::witness::Witness;
use super::{RETRY, ServeError, Service};
use crate::engine::product;

/// A job that has a thread here.
pub(super) struct Working {
    pub(super) run: JobRun,
    pub(super) stop: Shutdown,
    pub(super) sealed: Arc<AtomicBool>,
    pub(super) memory: u64,
}

/// A job's thread has ended.
pub(super) struct Report {
    pub(super) run: JobRun,
    pub(super) ended: Result<bool, JobFailure>,
}

impl Service {
    /// Starts the thread of a job.
    pub(super) fn start(&mut self, name: &JobName) {
        let Some(job) = self.table.get(name) else {
            return;
        };
        let (run, submission) = (job.run(), job.submission.clone());
        let replays = job.replays;
        self.resting.remove(&run);
        let partitions = submission.spec.partitions.max(1);
        // Half of what is left: there is always something for the next job.
        let memory = (self.free / 2).max(LEAST * u64::from(partitions));
        self.free = self.free.saturating_sub(memory);
        let of_one = (memory / u64::from(partitions)) as usize;
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let Program { program, stop } = self.programs.hand_over(&run);
        let working = Working {
            run: run.clone(),
            stop,
            sealed: Arc::new(AtomicBool::new(job.sealed.is_some())),
            memory,
        };
        let of = (&run, &submission);
        let program = program.map(|program| self.witness(program, of, &working.stop));
        let prefetch = Prefetch {
            results: prefetch(partitions),
            ..Prefetch::default()
        };
        let job = JobContext {
            transport: Transport::Amqp(Amqp::new(&self.worker.broker, run.clone(), prefetch)),
            counters: self.worker.progress.jobs.of(Role::Reduce, &run),
            run: run.clone(),
            submission,
            replays,
            state_dir: self.state_dir.clone(),
            worker: self.worker.clone(),
            settings: product::Settings {
                program,
                memory: of_one,
                tmp: self.settings.tmp.clone(),
                threads: product::threads_of_partition(cores, partitions, of_one),
            },
            stop: working.stop.clone(),
            sealed: Arc::clone(&working.sealed),
            stall_after: self.settings.stall_after,
            publish: self.settings.publish.clone(),
            turns: Default::default(),
            duplicates: Default::default(),
        };
        info!(job = %name, partitions, "reducing");
        let say = self.say.clone();
        self.working.insert(name.clone(), working);
        let started = std::thread::Builder::new()
            .name(format!("reduce {name}"))
            .spawn({
                let (run, say) = (run.clone(), say.clone());
                move || {
                    let ended = work(&job);
                    job.transport.stop();
                    let _ = say.send(Report { run, ended });
                }
            });
        if let Err(error) = started {
            let reason = format!("cannot start a thread: {error}");
            let ended = Err(JobFailure::Here(Cause::Other, reason));
            let _ = say.send(Report { run, ended });
        }
    }

    /// A job's reduce program, whose runs are counted.
    fn witness(
        &self,
        program: Arc<dyn ReduceProgram>,
        (run, submission): (&JobRun, &Submission),
        stop: &Shutdown,
    ) -> Arc<dyn ReduceProgram> {
        let words = match &submission.spec.kind {
            Kind::Exec(exec) => exec.reducer().map(|reducer| reducer.program.to_string()),
            _ => None,
        };
        Arc::new(Witness {
            program,
            words: words.unwrap_or_default(),
            run: run.clone(),
            state_dir: self.state_dir.clone(),
            turns: Arc::clone(&self.turns),
            stop: stop.clone(),
        })
    }

    /// A job's program is ready, or is not to be had.
    pub(super) async fn take_program(&mut self, made: Made) -> Result<(), ServeError> {
        let run = made.run.clone();
        match self.programs.take(made) {
            Some(NotReady::Gone) => self.ask_for_queue(run, "no such queue: Files").await,
            Some(NotReady::Job(reason)) => self.fail(run, reason).await,
            Some(NotReady::Here(_) | NotReady::Stopped) | None => Ok(()),
        }
    }

    /// Ends a job that cannot be completed.
    async fn fail(&mut self, run: JobRun, reason: String) -> Result<(), ServeError> {
        self.worker.fail(&run, reason).await?;
        // The event comes back through the log; until then nothing is started again.
        self.rest(run, RETRY, None);
        Ok(())
    }

    /// A job's thread has ended.
    pub(super) async fn heard(&mut self, report: Report) -> Result<(), ServeError> {
        let Report { run, ended } = report;
        let name = run.job.clone();
        if let Some(working) = self.working.remove(&name) {
            self.free += working.memory;
        }
        if let Some(trouble) = ended.as_ref().err().and_then(JobFailure::trouble) {
            self.rest_because(run.clone(), RETRY, trouble);
        }
        let active = self.table.active(&run).is_some();
        match ended {
            // The end comes back through the log; until then nothing is started again.
            Ok(_) if active => self.rest(run, RETRY, None),
            Ok(_) => {}
            // Its folder and queues go when the job does.
            Err(_) if !active => {}
            Err(JobFailure::QueueGone(which)) => {
                self.ask_for_queue(run, &which).await?;
            }
            Err(JobFailure::Lost(loss)) => {
                warn!(job = %name, "{loss}; asking whether the job is over");
                let reason = format!("on {}: {loss}", self.state_dir.place());
                let (probe, registry) = (&mut self.loss_probe, &self.worker.registry);
                probe.ask(registry, run, Event::Failed { reason }).await?;
            }
            Err(JobFailure::Here(_, reason)) => {
                warn!(job = %name, "cannot go on, trying again in {} s: {reason}", RETRY.as_secs());
            }
            Err(JobFailure::Job(reason)) => {
                self.fail(run, reason).await?;
            }
        }
        Ok(())
    }

    async fn ask_for_queue(&mut self, run: JobRun, which: &str) -> Result<(), ServeError> {
        let (probe, registry) = (&mut self.loss_probe, &self.worker.registry);
        let asked = probe.ask_for_queue(registry, run, which, Role::Reduce);
        Ok(asked.await?)
    }
}
