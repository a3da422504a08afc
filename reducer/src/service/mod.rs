//! A reducer that serves a broker: claims jobs for its output directory and works on them.
//!
//! It follows the log of jobs; each job has a thread. It must not know how a partition is merged.

mod claims;
mod context;
mod intake;
mod janitor;
mod job;
mod ledger;
mod partition;
mod programs;
mod publish;
mod stall;
mod turns;
mod witness;
mod working;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use gristmill_common::job::{JobName, JobRun};
use gristmill_common::progress::{JobCounters, Role, Trouble};
use gristmill_common::shutdown::Stage;
use gristmill_common::spec::SPEC_VERSION;
use gristmill_jobs::programs::ReducePrograms;
use gristmill_jobs::registry::{Ended, Entry, Event, JobTable, LossProbe, RegistryError, Totals};
use gristmill_jobs::worker::{NotComplete, Worker, ended};
use tokio::sync::mpsc;
use tracing::warn;

use crate::engine::error::FileError;
use crate::service::ledger::StateDir;
use janitor::Janitor;
use programs::Programs;
pub use publish::{NotPublished, Publish};
use turns::Turns;
use working::{Report, Working};

/// How long a job waits after this reducer could not go on with it (a full disk).
const RETRY: Duration = Duration::from_secs(5);
/// How often what is at work is announced again.
const DAILY: Duration = Duration::from_secs(24 * 60 * 60);

/// How a reducer serves.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The output directory; others may share it.
    pub dir: PathBuf,
    /// Bytes for the state of all jobs.
    pub memory: u64,
    /// Where temporary data goes.
    pub tmp: PathBuf,
    /// Only this job; the reducer ends when it does.
    pub only: Option<JobName>,
    /// How long nothing may come before a sealed job counts as stalled.
    pub stall_after: Duration,
    /// Where finished outputs go beside the output directory.
    pub publish: Option<Arc<dyn Publish>>,
    /// Makes the reduce programs of jobs ready.
    pub programs: Arc<dyn ReducePrograms>,
}

/// Why a reducer cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The log of jobs cannot be read or written.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The output directory cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// The one job to serve did not complete.
    #[error(transparent)]
    NotComplete(#[from] NotComplete),
}

/// Serves until a stop is asked for (`None`), or the one job to serve is finished (what it amounts
/// to). A drain makes durable what was taken. Blocks; not to be called on a runtime's thread.
///
/// # Errors
/// When the output directory cannot be used, the log of jobs is gone, or the one job failed or was
/// cancelled.
pub fn serve(worker: &Worker, settings: &Settings) -> Result<Option<Totals>, ServeError> {
    let (say, hear) = mpsc::unbounded_channel();
    let state_dir = StateDir::open(&settings.dir)?;
    let janitor = Janitor::start(worker, &state_dir);
    let janitor = janitor.map_err(FileError::new("start a thread for", &settings.dir))?;
    let turns = Arc::default();
    let mut service = Service {
        janitor: Some(janitor),
        ended: Vec::new(),
        programs: Programs::new(&settings.programs, worker, &state_dir, &turns),
        state_dir,
        worker: worker.clone(),
        settings: settings.clone(),
        turns,
        table: JobTable::default(),
        working: BTreeMap::new(),
        claimed: HashSet::new(),
        resting: HashMap::new(),
        loss_probe: LossProbe::default(),
        free: settings.memory,
        say,
    };
    worker.runtime.block_on(service.run(hear))
}

/// A run that could not go on here.
struct Rest {
    /// When it is tried again.
    until: Instant,
    /// Keeps reporting why.
    _counters: Option<Arc<JobCounters>>,
}

struct Service {
    state_dir: StateDir,
    worker: Worker,
    settings: Settings,
    programs: Programs,
    turns: Arc<Turns>,
    table: JobTable,
    working: BTreeMap<JobName, Working>,
    /// Active runs that were claimed.
    claimed: HashSet<JobRun>,
    /// Runs that could not go on here.
    resting: HashMap<JobRun, Rest>,
    /// Runs that were seen to end, and may still have a thread here.
    ended: Vec<Ended>,
    /// None once it has ended.
    janitor: Option<Janitor>,
    loss_probe: LossProbe,
    /// Bytes of memory that no job has.
    free: u64,
    say: mpsc::UnboundedSender<Report>,
}

impl Service {
    async fn run(
        &mut self,
        mut hear: mpsc::UnboundedReceiver<Report>,
    ) -> Result<Option<Totals>, ServeError> {
        let shutdown = self.worker.shutdown.clone();
        let ended = self.manage(&mut hear).await;
        for working in self.working.values() {
            working.stop.advance(Stage::Draining);
        }
        while !self.working.is_empty() && shutdown.stage() != Stage::Aborted {
            tokio::select! {
                Some(report) = hear.recv() => { self.working.remove(&report.run.job); }
                () = shutdown.reached(Stage::Aborted) => {}
            }
        }
        self.clean_up();
        if let Some(janitor) = self.janitor.take() {
            tokio::select! {
                () = janitor.end() => {}
                () = shutdown.reached(Stage::Aborted) => {}
            }
        }
        ended
    }

    async fn manage(
        &mut self,
        hear: &mut mpsc::UnboundedReceiver<Report>,
    ) -> Result<Option<Totals>, ServeError> {
        let Some((table, mut log)) = self.worker.catch_up().await? else {
            return Ok(None);
        };
        self.table = table;
        let shutdown = self.worker.shutdown.clone();
        self.sweep();
        self.announce_forgotten().await?;
        let mut daily = tokio::time::interval_at((Instant::now() + DAILY).into(), DAILY);
        let mut tick = tokio::time::interval(RETRY);
        loop {
            self.reconcile().await?;
            self.clean_up();
            let only = self.settings.only.as_ref();
            let only = only.filter(|only| !self.working.contains_key(*only));
            if let Some(ended) = ended(only, &self.table) {
                return Ok(Some(ended?));
            }
            tokio::select! {
                () = shutdown.reached(Stage::Draining) => return Ok(None),
                entry = log.next() => {
                    let entry = entry?;
                    if log.was_lost() {
                        warn!("the broker had lost the log of jobs; announcing what is at work here");
                        self.announce_again().await?;
                    }
                    self.take(entry).await?;
                    log.keep_short(&self.table);
                }
                Some(report) = hear.recv() => self.heard(report).await?,
                made = self.programs.next() => self.take_program(made).await?,
                // What could not be removed before, or came back: somebody was slower.
                _ = tick.tick() => self.sweep(),
                // The log forgets what is older than a month.
                _ = daily.tick() => self.announce_again().await?,
            }
        }
    }

    /// Takes an entry of the log.
    async fn take(&mut self, entry: Entry) -> Result<(), ServeError> {
        match entry.event {
            Event::Marker { id } => {
                let lost = self
                    .loss_probe
                    .answer(&self.worker.registry, &self.table, id);
                if let Some(run) = lost.await? {
                    self.rest(run, RETRY, None);
                }
            }
            Event::OutputSought => {
                self.look_for_output(&JobRun::new(&entry.job, entry.run))
                    .await?
            }
            _ => {
                self.table.apply(entry);
            }
        }
        Ok(())
    }

    /// Leaves a run alone for a while.
    fn rest(&mut self, run: JobRun, time: Duration, counters: Option<Arc<JobCounters>>) {
        let until = Instant::now() + time;
        let rest = Rest {
            until,
            _counters: counters,
        };
        self.resting.insert(run, rest);
    }

    /// The same, and everybody who asks hears why.
    fn rest_because(&mut self, run: JobRun, time: Duration, trouble: Trouble) {
        let counters = self.worker.progress.jobs.of(Role::Reduce, &run);
        counters.is_held_up(trouble);
        self.rest(run, time, Some(counters));
    }

    /// Claims what nobody has, starts what is ours, stops what is over.
    async fn reconcile(&mut self) -> Result<(), ServeError> {
        for working in self.working.values() {
            match self.table.active(&working.run) {
                Some(job) => working
                    .sealed
                    .store(job.sealed.is_some(), Ordering::Relaxed),
                None => working.stop.advance(Stage::Draining),
            }
        }
        self.programs.tidy(&self.table, self.state_dir.id());
        let now = Instant::now();
        let mut to_claim = Vec::new();
        let mut to_start = Vec::new();
        for job in self.table.iter() {
            let (run, name) = (job.run(), &job.name);
            let wanted = job.is_active()
                && self.settings.only.as_ref().is_none_or(|only| only == name)
                && job.submission.spec.version == SPEC_VERSION
                && !self.working.contains_key(name)
                && !self.loss_probe.contains(name)
                && self.resting.get(&run).is_none_or(|rest| rest.until <= now);
            if !wanted {
                continue;
            }
            let to = match &job.claim {
                None if !self.claimed.contains(&run) => &mut to_claim,
                Some(claim) if claim.directory == self.state_dir.id() => &mut to_start,
                _ => continue,
            };
            if self.programs.is_ready(job) {
                to.push(run);
            }
        }
        for run in to_claim {
            self.claim(run).await?;
        }
        for run in to_start {
            self.start(&run.job);
        }
        let table = &self.table;
        self.resting.retain(|run, _| table.active(run).is_some());
        self.claimed.retain(|run| table.active(run).is_some());
        Ok(())
    }

    /// Has removed what the runs leave that were seen to end, once no thread works on them here.
    fn clean_up(&mut self) {
        self.ended.extend(self.table.take_ended());
        let working = &self.working;
        let (busy, over) =
            std::mem::take(&mut self.ended)
                .into_iter()
                .partition(|Ended { run, .. }| {
                    (working.get(&run.job)).is_some_and(|working| working.run == *run)
                });
        self.ended = busy;
        let over: Vec<Ended> = over;
        for ended in over {
            if let Some(janitor) = &self.janitor {
                janitor.remove(ended);
            }
        }
    }

    /// Looks for folders of runs that were seen to end: what could not be removed before, or came
    /// back, because somebody was slower. A run that is not known may be a newer one: it stays.
    fn sweep(&mut self) {
        let runs = match self.state_dir.runs() {
            Ok(runs) => runs,
            Err(error) => return warn!("{error}"),
        };
        let ended = runs.iter().filter_map(|run| self.table.ended(run));
        self.ended.extend(ended);
        self.clean_up();
    }
}
