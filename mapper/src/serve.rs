//! A mapper that serves a broker: the chunks of all active jobs in turn, a few jobs at a time.
//!
//! It follows the log of jobs and subscribes; what it takes goes on the rota. It must not know how
//! chunks are mapped.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::{Duration, Instant};

use gristmill_common::broker::Broker;
use gristmill_common::file::FileError;
use gristmill_common::job::JobName;
use gristmill_common::outline::Outline;
use gristmill_common::progress::Progress;
use gristmill_common::registry::{Event, Job, JobTable, Log, Registry, RegistryError};
use gristmill_common::report::Role;
use gristmill_common::shutdown::{Shutdown, Stage};
use gristmill_common::spec::SPEC_VERSION;
use gristmill_common::transport::{Amqp, Prefetch, PublishError, Queue, Transport};
use gristmill_common::wire::{self, Check, Message};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tracing::{info, warn};

use crate::assignment::{Assignment, MapError};
use crate::files::{Files, Missing};
use crate::rota::Rota;
use crate::work::{attempt_of, compute, pump};
use crate::{JobFile, Limits, Prepared};

/// How many jobs are subscribed to at a time.
const JOBS: usize = 8;
/// Chunks in hand beside those that threads work on. A broker takes milliseconds to confirm an
/// outcome, and small chunks are mapped in microseconds: with few in hand the threads would wait.
const AHEAD: usize = 14;
/// How often they rotate when there are more.
const ROTATE: Duration = Duration::from_secs(5);

/// How often stuck threads are looked for.
const WATCH: Duration = Duration::from_secs(1);
/// How long the other threads may take before a process with a stuck one starts anew.
const LAST_WORK: Duration = Duration::from_secs(20);

/// How a mapper serves.
#[derive(Clone)]
pub struct Settings {
    /// Compute threads.
    pub threads: usize,
    /// Only this job; the mapper ends when it does.
    pub only: Option<JobName>,
    /// A chunk that takes longer is given up here, and run apart.
    pub patience: Duration,
    /// What a chunk that is run apart may use.
    pub limits: Limits,
    /// Starts this process anew: called when a thread is stuck in a chunk for good and everything
    /// else is settled. It should not return.
    pub restart: Arc<dyn Fn() + Send + Sync>,
}

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
    #[error("job {job} {how}")]
    Ended {
        /// The job.
        job: JobName,
        /// What became of it, in words.
        how: String,
    },
}

/// Serves until a stop is asked for, or the one job to serve is over. A drain finishes what was
/// taken. Blocks; not to be called on a runtime's thread.
///
/// # Errors
/// When the log of jobs is gone, a thread dies, or the one job failed or was cancelled.
pub fn serve(
    broker: &Broker,
    registry: &Registry,
    settings: &Settings,
    runtime: &Handle,
    progress: &Arc<Progress>,
    shutdown: &Shutdown,
) -> Result<(), ServeError> {
    let rota = Rota::new(settings.threads.max(1) + AHEAD);
    let service = Service {
        broker: broker.clone(),
        registry: registry.clone(),
        settings: settings.clone(),
        rota: Arc::clone(&rota),
        progress: Arc::clone(progress),
        shutdown: shutdown.clone(),
        table: JobTable::default(),
        subscribed: Vec::new(),
        prepared: HashMap::new(),
        files: Files::new(broker),
        left_alone: BTreeSet::new(),
        inquiries: HashMap::new(),
        next_number: 0,
        stuck: 0,
        cursor: None,
    };
    let managing = runtime.spawn(service.run());
    let computed = compute(&rota, settings.threads, runtime);
    let managed = runtime.block_on(async {
        match managing.await {
            Ok(managed) => managed,
            Err(error) => Err(MapError::Thread(error.to_string()).into()),
        }
    });
    managed.and(computed.map_err(ServeError::from))
}

/// A job that this mapper takes chunks of.
struct Subscribed {
    name: JobName,
    run: u64,
    number: u64,
    prefetch: u16,
    consumer: Transport,
    pumps: [JoinHandle<()>; 2],
}

impl Subscribed {
    /// Takes no more chunks; what was taken is worked off.
    fn leave(&self) {
        self.consumer.leave(Queue::Chunks);
        self.consumer.leave(Queue::Suspect);
    }
}

struct Service {
    broker: Broker,
    registry: Registry,
    settings: Settings,
    rota: Arc<Rota>,
    progress: Arc<Progress>,
    shutdown: Shutdown,
    table: JobTable,
    /// In the order in which they were subscribed to.
    subscribed: Vec<Subscribed>,
    /// By run: what is built once per job.
    prepared: HashMap<u64, Arc<Prepared>>,
    /// What jobs need besides the program.
    files: Files,
    /// Runs that this mapper cannot work on.
    left_alone: BTreeSet<u64>,
    /// Markers in the log that tell whether a job whose queue is gone is still active.
    inquiries: HashMap<u64, JobName>,
    next_number: u64,
    /// Threads that are stuck in a chunk.
    stuck: usize,
    /// Where the rotation stands.
    cursor: Option<JobName>,
}

impl Service {
    async fn run(mut self) -> Result<(), ServeError> {
        let ended = self.manage().await;
        // What was taken is worked off.
        for job in &self.subscribed {
            job.leave();
        }
        if matches!(ended, Err(ServeError::Stuck)) {
            self.restart().await;
        }
        if ended.is_err() || self.shutdown.stage() == Stage::Aborted {
            self.rota.abort();
        } else {
            self.rota.close();
            for job in self.subscribed {
                for pump in job.pumps {
                    let _ = pump.await;
                }
            }
        }
        ended
    }

    /// A thread is stuck for good: the others finish, then the process starts anew.
    async fn restart(&self) {
        let end = Instant::now() + LAST_WORK;
        let others = self.stuck < self.settings.threads;
        while others && !self.rota.is_done_but(self.stuck) && Instant::now() < end {
            tokio::time::sleep(WATCH).await;
        }
        self.broker.close().await;
        (self.settings.restart)();
    }

    /// Takes chunks away from threads that are stuck in them; they become suspects. The process
    /// cannot go on with such threads.
    async fn watch(&mut self) -> Result<(), ServeError> {
        for cradle in self.rota.overdue(self.settings.patience) {
            let Some(delivery) = cradle.take() else {
                continue;
            };
            let seconds = self.settings.patience.as_secs();
            let suspect = delivery.payload().clone();
            let chunk = match wire::decode(&suspect, Check::Head) {
                Ok(Message::Chunk(chunk)) => chunk.head.id.to_string(),
                _ => "-".into(),
            };
            let (job, attempt) = (cradle.job().label(), attempt_of(&delivery));
            warn!(%job, %chunk, attempt, "it takes longer than {seconds} s; it will be run apart"
            );
            let transport = &cradle.job().transport;
            match transport.publish(Queue::Suspect, suspect).await {
                Ok(()) => drop(delivery.ack().await),
                // It goes back, and is counted.
                Err(error) => {
                    warn!(%job, %chunk, attempt, "it could not be made a suspect: {error}"
                    );
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
        let mut log = self.catch_up().await?;
        let mut turn = tokio::time::interval(ROTATE);
        let mut watch = tokio::time::interval(WATCH);
        let shutdown = self.shutdown.clone();
        let rota = Arc::clone(&self.rota);
        loop {
            self.reconcile();
            if let Some(only) = &self.settings.only
                && let Some(job) = self.table.get(only)
                && let Some(ended) = job.phase.ended()
            {
                let job = only.clone();
                return ended
                    .map(drop)
                    .map_err(|how| ServeError::Ended { job, how });
            }
            tokio::select! {
                () = shutdown.reached(Stage::Draining) => return Ok(()),
                entry = log.next() => {
                    let entry = entry?;
                    match entry.event {
                        Event::Marker { id } => self.answer(id).await?,
                        _ => { self.table.apply(entry); }
                    }
                }
                () = rota.failed() => self.failures().await?,
                arrival = self.files.arrival() => {
                    if let Some((job, run, missing)) = self.files.put(arrival) {
                        self.without_file(job, run, missing).await?;
                    }
                }
                _ = turn.tick() => self.rotate(),
                _ = watch.tick() => self.watch().await?,
            }
        }
    }

    async fn catch_up(&mut self) -> Result<Log, ServeError> {
        let shutdown = self.shutdown.clone();
        tokio::select! {
            found = self.registry.catch_up() => {
                let (table, log) = found?;
                self.progress.has_read_log();
                self.table = table;
                Ok(log)
            }
            // Nothing was taken; the loop sees the stop.
            () = shutdown.reached(Stage::Draining) => Ok(self.registry.follow()),
        }
    }

    /// Subscribes to jobs that are active, and leaves those that are not.
    fn reconcile(&mut self) {
        let table = &self.table;
        let rota = &self.rota;
        self.subscribed.retain(|job| {
            let active = table
                .get(&job.name)
                .is_some_and(|found| found.is_active() && found.submission.run == job.run);
            if !active {
                // The queue goes, or is gone: the channel is dropped rather than cancelled. (An
                // answer to a cancel that crosses the queue's deletion ends the whole connection.)
                rota.drop_job(job.number);
                job.pumps.iter().for_each(JoinHandle::abort);
            }
            active
        });
        self.prepared.retain(|run, _| {
            table
                .iter()
                .any(|(_, job)| job.is_active() && job.submission.run == *run)
        });
        self.files.tidy(table);
        for (name, job) in table.iter() {
            // A job for another version of this program is not for us to fail.
            if self.is_wanted(name, job) && foreign(job).is_none() {
                self.files.want(name, &job.submission);
            }
        }
        let asked: BTreeSet<&JobName> = self.inquiries.values().collect();
        let wanted: Vec<JobName> = self
            .table
            .iter()
            .filter(|(name, job)| {
                self.is_wanted(name, job) && self.has_file(job) && !asked.contains(name)
            })
            .map(|(name, _)| name.clone())
            .collect();
        let share = share_of(self.settings.threads, wanted.len().min(JOBS));
        let missing: Vec<JobName> = rotated(&wanted, self.cursor.as_ref())
            .filter(|name| !self.subscribed.iter().any(|job| job.name == **name))
            .cloned()
            .collect();
        for name in missing {
            if self.subscribed.len() >= JOBS {
                break;
            }
            self.cursor = Some(name.clone());
            self.subscribe(&name, share);
        }
        for at in 0..self.subscribed.len() {
            if self.subscribed[at].prefetch != share {
                let name = self.subscribed[at].name.clone();
                self.leave(at);
                self.subscribe(&name, share);
            }
        }
    }

    fn is_wanted(&self, name: &JobName, job: &Job) -> bool {
        job.is_active()
            && self.settings.only.as_ref().is_none_or(|only| only == name)
            && !self.left_alone.contains(&job.submission.run)
    }

    /// Whether the file that the job needs is here, if it needs one. A foreign job passes, to be left
    /// alone.
    fn has_file(&self, job: &Job) -> bool {
        let needed = job.submission.spec.kind.file();
        needed.is_none_or(|hash| self.files.get(hash).is_some() || foreign(job).is_some())
    }

    /// Takes no more chunks of a job; what was taken is worked off.
    fn leave(&mut self, at: usize) {
        self.subscribed.remove(at).leave();
    }

    /// When more jobs wait than may be subscribed to, the one that was served longest makes room.
    fn rotate(&mut self) {
        if let Some(hash) = self.files.make_room() {
            self.leave_file(hash);
        }
        let wanted = self
            .table
            .iter()
            .filter(|(name, job)| self.is_wanted(name, job) && self.has_file(job))
            .count();
        if wanted > self.subscribed.len() && self.subscribed.len() >= JOBS {
            self.leave(0);
        }
    }

    /// Takes no more chunks of the jobs that need a file which made room for another.
    fn leave_file(&mut self, hash: u64) {
        let table = &self.table;
        let needs = |name: &JobName, run: u64| {
            table.get(name).is_some_and(|job| {
                job.submission.run == run && job.submission.spec.kind.file() == Some(hash)
            })
        };
        let prepared = &mut self.prepared;
        self.subscribed.retain(|job| {
            let needs = needs(&job.name, job.run);
            if needs {
                job.leave();
                prepared.remove(&job.run);
            }
            !needs
        });
    }

    /// A job's file did not come.
    async fn without_file(
        &mut self,
        name: JobName,
        run: u64,
        missing: Missing,
    ) -> Result<(), ServeError> {
        let reason = match missing {
            Missing::Stream(FileError::Closed) => return Ok(()),
            Missing::Stream(FileError::Gone) => return self.inquire(name).await,
            Missing::Stream(FileError::NotWhole { .. }) | Missing::Unusable(_) => {
                missing.to_string()
            }
            // The trouble is this mapper's.
            Missing::Stream(error) => {
                warn!(job = %name, "left alone: {error}");
                self.left_alone.insert(run);
                return Ok(());
            }
        };
        self.fail(&name, run, reason).await
    }

    fn subscribe(&mut self, name: &JobName, prefetch: u16) {
        let Some(job) = self.table.get(name) else {
            return;
        };
        let submission = &job.submission;
        let run = submission.run;
        let prepared = match self.prepared.get(&run) {
            Some(prepared) => Arc::clone(prepared),
            None => match prepare(job, &self.files) {
                Ok(prepared) => Arc::new(prepared),
                Err(reason) => {
                    warn!(job = %name, "left alone: {reason}");
                    self.left_alone.insert(run);
                    return;
                }
            },
        };
        self.prepared.insert(run, Arc::clone(&prepared));
        let prefetch_of = Prefetch {
            chunks: prefetch,
            ..Prefetch::default()
        };
        let number = self.next_number;
        self.next_number += 1;
        let assignment = Arc::new(Assignment {
            number,
            name: Some(name.clone()),
            transport: Transport::Amqp(Amqp::new(&self.broker, name.clone(), prefetch_of)),
            prepared,
            replays: job.replays,
            spec: submission.spec.clone(),
            // Names of sources are the reducer's business, and there may be a million.
            outline: Outline {
                sources: Vec::new(),
                splits: submission.outline.splits,
            },
            check: Check::Full,
            strict: false,
            limits: self.settings.limits,
            progress: Arc::clone(&self.progress),
            tally: Some(self.progress.jobs.of(Role::Map, name, run)),
        });
        let consumer = assignment.transport.clone();
        self.rota.add(Arc::clone(&assignment));
        let open = Arc::new(AtomicUsize::new(2));
        let pumps = [Queue::Chunks, Queue::Suspect].map(|queue| {
            let (rota, job) = (Arc::clone(&self.rota), Arc::clone(&assignment));
            let open = Arc::clone(&open);
            tokio::spawn(async move { pump(&rota, &job, queue, &open).await })
        });
        info!(job = %name, prefetch, "subscribed");
        self.subscribed.push(Subscribed {
            name: name.clone(),
            run,
            number,
            prefetch,
            consumer,
            pumps,
        });
    }

    /// Jobs failed here: a queue that is gone is asked about in the log, anything else is the job's
    /// end.
    async fn failures(&mut self) -> Result<(), ServeError> {
        for (number, error) in self.rota.failures() {
            let at = self.subscribed.iter().position(|job| job.number == number);
            let Some(at) = at else { continue };
            let job = self.subscribed.remove(at);
            job.leave();
            match error {
                MapError::Queue(PublishError::NoQueue(queue)) => {
                    warn!(job = %job.name, ?queue, "the queue is gone");
                    self.inquire(job.name).await?;
                }
                MapError::Queue(PublishError::Stopped) => {}
                error => {
                    self.fail(&job.name, job.run, error.to_string()).await?;
                    self.left_alone.insert(job.run);
                }
            }
        }
        Ok(())
    }

    /// Ends a job that cannot be completed.
    async fn fail(&self, name: &JobName, run: u64, reason: String) -> Result<(), ServeError> {
        warn!(job = %name, "failed: {reason}");
        let failed = Event::Failed { reason };
        Ok(self.registry.append(name, run, &failed).await?)
    }

    /// A queue of a job is gone: the log tells whether that is as it should be.
    async fn inquire(&mut self, name: JobName) -> Result<(), ServeError> {
        info!(job = %name, "a queue is gone; asking why");
        let marker = self.registry.mark().await?;
        self.inquiries.insert(marker, name);
        Ok(())
    }

    /// The log is read up to a marker of ours: a job that is still active has lost its queue.
    async fn answer(&mut self, marker: u64) -> Result<(), ServeError> {
        let Some(name) = self.inquiries.remove(&marker) else {
            return Ok(());
        };
        if let Some(job) = self.table.get(&name).filter(|job| job.is_active()) {
            let failed = Event::queue_lost();
            let run = job.submission.run;
            self.registry.append(&name, run, &failed).await?;
        }
        Ok(())
    }
}

/// Why a job is not for this version of the program, if it is not.
fn foreign(job: &Job) -> Option<String> {
    let submission = &job.submission;
    let spec = &submission.spec;
    if spec.version != SPEC_VERSION {
        return Some(format!(
            "its spec has version {}, this program knows {SPEC_VERSION}",
            spec.version
        ));
    }
    if submission.processor != spec.kind.version() {
        return Some(format!(
            "it wants version {} of {}, this program has {}",
            submission.processor,
            spec.kind.name(),
            spec.kind.version()
        ));
    }
    None
}

fn prepare(job: &Job, files: &Files) -> Result<Prepared, String> {
    if let Some(reason) = foreign(job) {
        return Err(reason);
    }
    let spec = &job.submission.spec;
    let file: Option<JobFile> = spec.kind.file().and_then(|hash| files.get(hash).cloned());
    Prepared::with_file(spec, file).map_err(|error| error.to_string())
}

/// How many chunks of each of so many jobs are taken ahead: enough for all threads with one job,
/// little of each when there are many, so that what is in hand stays bounded.
fn share_of(threads: usize, jobs: usize) -> u16 {
    let all = threads.max(1) + AHEAD;
    let share = all.div_ceil(jobs.max(1)).max(2);
    u16::try_from(share).unwrap_or(u16::MAX)
}

/// All names, beginning after the cursor.
fn rotated<'a>(
    names: &'a [JobName],
    cursor: Option<&JobName>,
) -> impl Iterator<Item = &'a JobName> {
    let start = match cursor {
        Some(cursor) => names.partition_point(|name| name <= cursor),
        None => 0,
    };
    names[start..].iter().chain(&names[..start])
}
