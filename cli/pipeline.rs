//! The three roles in one process, joined by a transport: what `run` runs.
//!
//! The roles neither know each other nor this process's shape; whoever fails first stops the rest,
//! and that failure is the job's.

use std::num::NonZeroUsize;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::Arc;

use gristmill_common::large::LargeDocuments;
use gristmill_common::progress::Progress;
use gristmill_common::reduce_program::ReduceProgram;
use gristmill_common::shutdown::{Shutdown, Stage};
use gristmill_common::spec::JobSpec;
use gristmill_common::wire::Check;
use gristmill_input::Plan;
use gristmill_jobs::environment::Environment;
use gristmill_jobs::transport::{Capacity, Embedded, Transport};
use gristmill_mapper::{Assignment, Limits, MapError, Prepared};
use gristmill_producer::{FreshRun, ProduceError};
use gristmill_reducer::{CommitError, Destination, ReduceError, Report};
use parking_lot::Mutex;

/// How a job runs here; none of it changes the output's bytes.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Threads for reading, and as many for computing.
    pub threads: NonZeroUsize,
    /// Bytes for buffers and reduce state.
    pub memory: u64,
    /// Text in one chunk, in bytes.
    pub chunk_size: usize,
    /// Folder for temporary files.
    pub tmp: PathBuf,
    /// Where documents go that are too large for a chunk.
    pub large: Option<Arc<LargeDocuments>>,
    /// The most bytes of text that all sources together may unfold to.
    pub max_expanded: Option<u64>,
}

impl Settings {
    /// Queues in memory for a job, with their share of the memory.
    #[must_use]
    pub fn queues(&self, spec: &JobSpec) -> Embedded {
        let share = (self.memory / 16) as usize;
        // A few chunks a thread, and what comes of as many, keep every core busy; more would only
        // be memory.
        let ahead = share.min(self.threads.get() * 4 * self.chunk_size.max(64 << 10));
        Embedded::new(
            spec.partitions,
            Capacity {
                chunks: ahead,
                results: ahead / spec.partitions as usize,
            },
        )
    }
}

/// Why a job did not complete.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// Reading failed.
    #[error(transparent)]
    Produce(#[from] ProduceError),
    /// Mapping failed.
    #[error(transparent)]
    Map(#[from] MapError),
    /// Merging or writing failed.
    #[error(transparent)]
    Reduce(#[from] ReduceError),
    /// The output could not be committed.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The threads that carry messages could not be started.
    #[error("cannot start the transport: {0}")]
    Transport(std::io::Error),
    /// A role's thread could not be started.
    #[error("cannot start a thread: {0}")]
    Thread(std::io::Error),
    /// A bug in a role.
    #[error("internal error: the {0} panicked; please report this")]
    Panicked(&'static str),
    /// Somebody asked for a stop.
    #[error("interrupted")]
    Interrupted,
}

/// One job in one process.
pub struct Pipeline<'a> {
    /// The kind and its options.
    pub spec: &'a JobSpec,
    /// What is read, and how it is cut.
    pub plan: &'a Plan,
    /// What the mappers share.
    pub prepared: Arc<Prepared>,
    /// Runs the reduce program of a job that has one.
    pub reducer: Option<Arc<dyn ReduceProgram>>,
    /// The queues.
    pub transport: &'a Transport,
    /// Threads, memory and folders.
    pub settings: &'a Settings,
    /// Counters for display.
    pub progress: &'a Arc<Progress>,
    /// Asks for a stop.
    pub shutdown: &'a Shutdown,
}

impl Pipeline<'_> {
    /// Runs the job to its commit.
    ///
    /// # Errors
    /// The first failure of any role; nothing is committed then.
    pub fn run(self, destination: Destination) -> Result<Report, JobError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("transport")
            .enable_all()
            .build()
            .map_err(JobError::Transport)?;
        let handle = runtime.handle();
        let failure = FirstFailure {
            first: Mutex::new(None),
            transport: self.transport,
            shutdown: self.shutdown,
        };
        let env = Environment {
            transport: self.transport,
            runtime: handle,
            progress: self.progress,
            shutdown: self.shutdown,
        };
        let plan_summary = self.plan.summary();
        let (producer, reducers) = (self.producer(), self.reducers());

        let parts = std::thread::scope(|scope| {
            failure.spawn(scope, "reader", || {
                gristmill_producer::produce(self.plan, self.spec, env, &producer, &FreshRun)?;
                Ok(())
            });
            failure.spawn(scope, "mapper", || {
                let job = self.assignment();
                let threads = self.settings.threads.get();
                gristmill_mapper::work(job, threads, handle, self.shutdown)?;
                Ok(())
            });
            let reducing: Vec<_> = (0..self.spec.partitions)
                .map(|partition| {
                    let (plan_summary, reducers, destination) =
                        (&plan_summary, &reducers, &destination);
                    failure.spawn(scope, "reducer", move || {
                        let part = gristmill_reducer::reduce(
                            partition,
                            env,
                            self.spec,
                            plan_summary,
                            reducers,
                            destination,
                        )?;
                        Ok(part)
                    })
                })
                .collect();
            reducing
                .into_iter()
                .map(|thread| thread?.join().ok().flatten())
                .collect::<Option<Vec<_>>>()
        });
        if let Some(error) = failure.take() {
            return Err(error);
        }
        let parts = parts.ok_or(JobError::Interrupted)?;
        Ok(gristmill_reducer::commit(
            destination,
            self.spec,
            &plan_summary,
            parts,
            0,
            &reducers,
        )?)
    }
}

impl Pipeline<'_> {
    fn producer(&self) -> gristmill_producer::Settings {
        gristmill_producer::Settings {
            threads: self.settings.threads,
            tmp: self.settings.tmp.clone(),
            window: 1,
            large: self.settings.large.clone(),
            max_expanded: self.settings.max_expanded,
        }
    }

    fn assignment(&self) -> Assignment {
        Assignment {
            name: None,
            number: 0,
            transport: self.transport.clone(),
            prepared: Arc::clone(&self.prepared),
            replays: 0,
            spec: self.spec.clone(),
            splits: self.plan.splits().len() as u32,
            sent: self.plan.sent(),
            // Nothing leaves this process.
            check: Check::Head,
            strict: true,
            limits: Limits::default(),
            reading: None,
            cost: None,
            progress: Arc::clone(self.progress),
            counters: None,
        }
    }

    fn reducers(&self) -> gristmill_reducer::Settings {
        let partitions = self.spec.partitions;
        let memory = (self.settings.memory / 2 / u64::from(partitions)) as usize;
        let threads = self.settings.threads.get();
        gristmill_reducer::Settings {
            memory,
            tmp: self.settings.tmp.clone(),
            program: self.reducer.clone(),
            threads: gristmill_reducer::threads_of_partition(threads, partitions, memory),
        }
    }
}

/// Keeps the first failure and stops every role because of it: what fails afterwards fails only
/// because of the stop.
struct FirstFailure<'a> {
    first: Mutex<Option<JobError>>,
    transport: &'a Transport,
    shutdown: &'a Shutdown,
}

impl FirstFailure<'_> {
    fn spawn<'scope, 'env, T: Send + 'scope>(
        &'scope self,
        scope: &'scope std::thread::Scope<'scope, 'env>,
        role: &'static str,
        work: impl FnOnce() -> Result<T, JobError> + Send + 'scope,
    ) -> Option<std::thread::ScopedJoinHandle<'scope, Option<T>>> {
        let thread = std::thread::Builder::new().name(role.into());
        let started = thread.spawn_scoped(scope, move || {
            let ended = std::panic::catch_unwind(AssertUnwindSafe(work));
            match ended.unwrap_or(Err(JobError::Panicked(role))) {
                Ok(done) => Some(done),
                Err(error) => {
                    self.keep(error);
                    None
                }
            }
        });
        let failed = |error| self.keep(JobError::Thread(error));
        started.map_err(failed).ok()
    }

    fn keep(&self, error: JobError) {
        // After a stop was asked for, roles end with errors that only say so.
        let error = if self.shutdown.is_stopping() {
            JobError::Interrupted
        } else {
            error
        };
        self.first.lock().get_or_insert(error);
        self.shutdown.advance(Stage::Draining);
        self.transport.stop();
    }

    fn take(&self) -> Option<JobError> {
        self.first.lock().take()
    }
}
