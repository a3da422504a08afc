//! The files that active jobs need: each fetched and loaded once per hash, and shared.
//!
//! A few are held at a time; a job whose file is not here yet waits without hindering others. It
//! must not know what jobs do with them.

use std::collections::{HashMap, HashSet, VecDeque};
use std::path::{Path, PathBuf};

use gristmill_common::job::JobRun;
use gristmill_jobs::registry::{Job, JobTable};
use gristmill_rabbitmq::Broker;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tracing::info;

use crate::engine::job_file::JobFile;
use crate::programs::{Missing, fetch_file};

/// How many files are held or on their way at a time; a loaded model takes about 100 MB.
const MOST: usize = 4;

/// The files of one mapper.
pub(crate) struct Files {
    broker: Broker,
    /// Where the code of jobs is unpacked.
    tmp: PathBuf,
    held: HashMap<u64, Held>,
    /// Hashes for which there was no room, in the order in which they asked.
    waiting: VecDeque<u64>,
    /// Counts what was loaded, to tell what is held longest.
    loads: u64,
    sender: mpsc::Sender<Arrival>,
    arrivals: mpsc::Receiver<Arrival>,
}

enum Held {
    /// It is on its way from a job's stream.
    Coming { run: JobRun, task: AbortHandle },
    /// It is here, loaded as so-many-eth.
    Here(JobFile, u64),
    /// A job's stream does not have it: that is the job's end, which is not in the log yet.
    Lost { run: JobRun },
}

/// What came of a fetch.
pub(crate) struct Arrival {
    pub(crate) run: JobRun,
    pub(crate) hash: u64,
    pub(crate) file: Result<JobFile, Missing>,
}

impl Files {
    pub(crate) fn new(broker: &Broker, tmp: &Path) -> Self {
        // Each fetch under way sends once.
        let (sender, arrivals) = mpsc::channel(MOST);
        Self {
            broker: broker.clone(),
            tmp: tmp.to_owned(),
            held: HashMap::new(),
            waiting: VecDeque::new(),
            loads: 0,
            sender,
            arrivals,
        }
    }

    /// The file with this hash, if it is here.
    pub(crate) fn get(&self, hash: u64) -> Option<&JobFile> {
        match self.held.get(&hash)? {
            Held::Here(file, _) => Some(file),
            Held::Coming { .. } | Held::Lost { .. } => None,
        }
    }

    /// Lets go of what no active job needs.
    pub(crate) fn tidy(&mut self, table: &JobTable) {
        if self.held.is_empty() && self.waiting.is_empty() {
            return;
        }
        let jobs = table.iter().filter(|job| job.is_active());
        let needed: HashSet<u64> = jobs.filter_map(|job| job.submission.file()).collect();
        self.held.retain(|hash, held| match held {
            Held::Here(..) => needed.contains(hash),
            Held::Lost { run } => table.active(run).is_some(),
            Held::Coming { run, task } => {
                let active = table.active(run).is_some();
                if !active {
                    task.abort();
                }
                active
            }
        });
        self.waiting.retain(|hash| needed.contains(hash));
    }

    /// Fetches the file that an active job needs from its stream, unless it is here or on its way.
    pub(crate) fn want(&mut self, job: &Job) {
        let Some(hash) = job.submission.file() else {
            return;
        };
        if self.held.contains_key(&hash) {
            return;
        }
        let first = self.waiting.front().is_none_or(|first| *first == hash);
        if self.held.len() >= MOST || !first {
            if !self.waiting.contains(&hash) {
                self.waiting.push_back(hash);
            }
            return;
        }
        self.waiting.pop_front();
        info!(job = %job.name, "fetching its file {hash:016x}");
        let (broker, sender, tmp) = (self.broker.clone(), self.sender.clone(), self.tmp.clone());
        let run = job.run();
        let coming = run.clone();
        let submission = job.submission.clone();
        let task = tokio::spawn(async move {
            let file = fetch_file(&broker, &run, &submission, hash, &tmp).await;
            let arrival = Arrival { run, hash, file };
            // Whoever asked may have stopped.
            let _ = sender.send(arrival).await;
        });
        let task = task.abort_handle();
        self.held.insert(hash, Held::Coming { run: coming, task });
    }

    /// Lets the file with this hash come first of those that wait for room.
    pub(crate) fn prefer(&mut self, hash: Option<u64>) {
        let at = hash.and_then(|hash| self.waiting.iter().position(|waits| *waits == hash));
        if let Some(hash) = at.and_then(|at| self.waiting.remove(at)) {
            self.waiting.push_front(hash);
        }
    }

    /// Waits for the end of a fetch. Dropping the future loses nothing.
    pub(crate) async fn arrival(&mut self) -> Arrival {
        match self.arrivals.recv().await {
            Some(arrival) => arrival,
            // Never: a sender is kept here.
            None => std::future::pending().await,
        }
    }

    /// Keeps what came; gives back why a job's file did not, unless nobody asks any more.
    pub(crate) fn put(&mut self, arrival: Arrival) -> Option<(JobRun, Missing)> {
        let Arrival { run, hash, file } = arrival;
        match self.held.get(&hash) {
            Some(Held::Coming { run: asked, .. }) if *asked == run => {}
            _ => return None,
        }
        match file {
            Ok(file) => {
                self.loads += 1;
                self.held.insert(hash, Held::Here(file, self.loads));
                None
            }
            Err(missing) => {
                self.held.insert(hash, Held::Lost { run: run.clone() });
                Some((run, missing))
            }
        }
    }

    /// When others wait for room: lets go of the file that is held longest and says which.
    pub(crate) fn make_room(&mut self) -> Option<u64> {
        if self.waiting.is_empty() || self.held.len() < MOST {
            return None;
        }
        let here = self.held.iter().filter_map(|(hash, held)| match held {
            Held::Here(_, load) => Some((*load, *hash)),
            Held::Coming { .. } | Held::Lost { .. } => None,
        });
        let (_, hash) = here.min()?;
        self.held.remove(&hash);
        Some(hash)
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        for held in self.held.values() {
            if let Held::Coming { task, .. } = held {
                task.abort();
            }
        }
    }
}
