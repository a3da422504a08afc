//! A mapper that serves a broker: the chunks of all active jobs in turn, a few jobs at a time.
//!
//! It follows the log of jobs and subscribes; what it takes goes to the scheduler. It must not know
//! how chunks are mapped.

mod at_work;
mod files;
mod fitness;
mod programs;
mod share;
mod subscribed;
mod subscriptions;
mod waiting;

use std::sync::Arc;
use std::time::{Duration, Instant};

use gristmill_common::job::JobRun;
use gristmill_common::progress::Role;
use gristmill_common::shutdown::Stage;
use gristmill_common::wire::{self, Check, Message};
use gristmill_jobs::programs::NotReady;
use gristmill_jobs::queue::Queue;
use gristmill_jobs::registry::{Event, JobTable, LossProbe, RegistryError};
use gristmill_jobs::transport::PublishError;
use gristmill_jobs::worker::{NotComplete, Worker, ended};
use tracing::warn;

use self::at_work::AtWork;
use self::share::AHEAD;
pub use self::subscriptions::Settings;
use self::subscriptions::Subscriptions;
use crate::programs::Missing;
use crate::work::assignment::MapError;
use crate::work::fair_scheduler::FairScheduler;
use crate::work::{attempt_of, compute};

/// How often they rotate when there are more.
const ROTATE: Duration = Duration::from_secs(5);

/// How often stuck threads are looked for.
const WATCH: Duration = Duration::from_secs(1);
/// How long the other threads may take before a process with a stuck one starts anew.
const LAST_WORK: Duration = Duration::from_secs(20);

/// Why a mapper cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The log of jobs cannot be read or written.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The compute threads failed.
    #[error(transparent)]
    Map(#[from] MapError),
    /// A thread is stuck in a chunk.
    #[error("a thread is stuck in a chunk, and the process could not be started anew")]
    Stuck,
    /// The one job to serve did not complete.
    #[error(transparent)]
    NotComplete(#[from] NotComplete),
}

/// Serves until a stop is asked for, or the one job to serve is over. A drain finishes what was
/// taken. Blocks; not to be called on a runtime's thread.
///
/// # Errors
/// When the log of jobs is gone, a thread dies, or the one job failed or was cancelled.
pub fn serve(worker: &Worker, settings: &Settings) -> Result<(), ServeError> {
    let runtime = &worker.runtime;
    let scheduler = FairScheduler::new(settings.threads.max(1) + AHEAD);
    let service = Service {
        worker: worker.clone(),
        settings: settings.clone(),
        scheduler: Arc::clone(&scheduler),
        table: JobTable::default(),
        subscriptions: Subscriptions::new(worker, settings, &scheduler),
        loss_probe: LossProbe::default(),
        stuck: 0,
        at_work: AtWork::default(),
    };
    let managing = runtime.spawn(service.run());
    let computed = compute(&scheduler, settings.threads, runtime);
    let managed = runtime.block_on(async {
        match managing.await {
            Ok(managed) => managed,
            Err(error) => Err(MapError::Thread(error.to_string()).into()),
        }
    });
    managed.and(computed.map_err(ServeError::from))
}

struct Service {
    worker: Worker,
    settings: Settings,
    scheduler: Arc<FairScheduler>,
    table: JobTable,
    subscriptions: Subscriptions,
    loss_probe: LossProbe,
    /// Threads that are stuck in a chunk.
    stuck: usize,
    at_work: AtWork,
}

impl Service {
    async fn run(mut self) -> Result<(), ServeError> {
        let ended = self.manage().await;
        // What was taken is worked off.
        self.subscriptions.leave_all();
        if matches!(ended, Err(ServeError::Stuck)) {
            self.restart().await;
        }
        if ended.is_err() || self.worker.shutdown.stage() == Stage::Aborted {
            self.scheduler.abort();
        } else {
            self.scheduler.close();
            self.subscriptions.end().await;
        }
        ended
    }

    /// A thread is stuck for good: the others finish, then the process starts anew.
    async fn restart(&self) {
        let end = Instant::now() + LAST_WORK;
        let others = self.stuck < self.settings.threads;
        while others && !self.scheduler.is_done_but(self.stuck) && Instant::now() < end {
            tokio::time::sleep(WATCH).await;
        }
        self.worker.broker.close().await;
        (self.settings.restart)();
    }

    /// Takes chunks away from threads that are stuck in them; they become suspects. The process
    /// cannot go on with such threads.
    async fn watch(&mut self) -> Result<(), ServeError> {
        self.at_work.say(&self.scheduler);
        for in_flight in self.scheduler.overdue(self.settings.patience) {
            let Some(delivery) = in_flight.take() else {
                continue;
            };
            let seconds = self.settings.patience.as_secs();
            let suspect = delivery.payload().clone();
            let chunk = match wire::decode(&suspect, Check::Head) {
                Ok(Message::Chunk(chunk)) => chunk.head.id.to_string(),
                Ok(Message::SplitTask(task, _)) => format!("{}/-", task.split),
                _ => "-".into(),
            };
            let (job, attempt) = (in_flight.job().label(), attempt_of(&delivery));
            warn!(%job, %chunk, attempt, "it takes longer than {seconds} s; it will be run apart"
            );
            let transport = &in_flight.job().transport;
            match transport.publish(Queue::Suspect, suspect).await {
                Ok(()) => drop(delivery.ack().await),
                // Counted, so that whoever gets it next runs it apart.
                Err(error) => {
                    warn!(%job, %chunk, attempt, "it could not be made a suspect: {error}"
                    );
                    delivery.retry().await;
                }
            }
            self.stuck += 1;
        }
        match self.stuck {
            0 => Ok(()),
            _ => Err(ServeError::Stuck),
        }
    }

    async fn manage(&mut self) -> Result<(), ServeError> {
        let Some((table, mut log)) = self.worker.catch_up().await? else {
            return Ok(());
        };
        self.table = table;
        let mut turn = tokio::time::interval(ROTATE);
        let mut watch = tokio::time::interval(WATCH);
        let shutdown = self.worker.shutdown.clone();
        let scheduler = Arc::clone(&self.scheduler);
        let cost_changed = Arc::clone(&self.subscriptions.cost_changed);
        loop {
            self.subscriptions.reconcile(&self.table, &self.loss_probe);
            if let Some(ended) = ended(self.settings.only.as_ref(), &self.table) {
                return Ok(ended.map(drop)?);
            }
            tokio::select! {
                () = shutdown.reached(Stage::Draining) => return Ok(()),
                entry = log.next() => {
                    let entry = entry?;
                    match entry.event {
                        Event::Marker { id } => {
                            self.loss_probe.answer(&self.worker.registry, &self.table, id).await?;
                        }
                        Event::Overdue | Event::Stalled { .. } => {
                            self.subscriptions.renew(&JobRun::new(&entry.job, entry.run));
                            self.table.apply(entry);
                        }
                        _ => { self.table.apply(entry); }
                    }
                    log.keep_short(&self.table);
                }
                () = scheduler.failed() => self.failures().await?,
                arrival = self.subscriptions.files.arrival() => {
                    if let Some((run, missing)) = self.subscriptions.files.put(arrival) {
                        self.without_file(run, missing).await?;
                    }
                }
                ready = self.subscriptions.programs.next() => self.subscriptions.take_ready(&self.table, ready),
                // Looked at at the loop's beginning.
                () = cost_changed.notified() => {}
                _ = turn.tick() => self.subscriptions.rotate(&self.table),
                _ = watch.tick() => self.watch().await?,
            }
        }
    }

    /// A job's file did not come.
    async fn without_file(&mut self, run: JobRun, missing: Missing) -> Result<(), ServeError> {
        match NotReady::from(missing) {
            NotReady::Stopped => {}
            NotReady::Gone => self.inquire(run, Queue::Files).await?,
            NotReady::Job(reason) => self.worker.fail(&run, reason).await?,
            NotReady::Here(reason) => self.subscriptions.leave_alone(&self.table, &run, reason),
        }
        Ok(())
    }

    /// Jobs failed here: a queue that is gone is asked about in the log, anything else is the job's
    /// end.
    async fn failures(&mut self) -> Result<(), ServeError> {
        for (number, error) in self.scheduler.failures() {
            let Some(job) = self.subscriptions.leave_number(number) else {
                continue;
            };
            match error {
                MapError::Queue(PublishError::NoQueue(queue)) => {
                    self.inquire(job.run, queue).await?;
                }
                MapError::Queue(PublishError::Stopped) => {}
                MapError::Unable(reason) => {
                    self.subscriptions
                        .leave_alone(&self.table, &job.run, reason);
                }
                error => {
                    let reason = error.to_string();
                    self.worker.fail(&job.run, reason.clone()).await?;
                    self.subscriptions
                        .leave_alone(&self.table, &job.run, reason);
                }
            }
        }
        Ok(())
    }

    /// A queue of a job is gone: the log tells whether that is as it should be.
    async fn inquire(&mut self, run: JobRun, queue: Queue) -> Result<(), ServeError> {
        let which = PublishError::NoQueue(queue).to_string();
        let (probe, registry) = (&mut self.loss_probe, &self.worker.registry);
        Ok(probe
            .ask_for_queue(registry, run, &which, Role::Map)
            .await?)
    }
}
