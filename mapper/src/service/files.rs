//! The files that active jobs need: each fetched and loaded once per hash, and shared.
//!
//! They are held up to a size; a job whose file is not here yet waits without hindering others. It
//! must not know what jobs do with them.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gristmill_common::code::travelling_bytes;
use gristmill_common::job::JobRun;
use gristmill_common::progress::Progress;
use gristmill_common::spec::Kind;
use gristmill_jobs::registry::{Job, JobTable, Submission};
use gristmill_rabbitmq::Broker;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tracing::info;

use super::waiting::Waiting;
use crate::engine::job_file::JobFile;
use crate::programs::{Missing, fetch_file};

/// How much is held or on its way at a time, in bytes.
const MOST: u64 = 1 << 30;
/// What a model counts for: loaded it takes about 100 MB of memory, and there is less of that than
/// of disk, where the code of jobs lies.
const MODEL: u64 = MOST / 4;
/// How many files may be on their way at a time.
const COMING: usize = 4;

/// The files of one mapper.
pub(crate) struct Files {
    broker: Broker,
    /// Where the code of jobs is unpacked.
    tmp: PathBuf,
    held: HashMap<u64, Entry>,
    /// Those for which there was no room.
    waiting: Waiting,
    /// Counts what was loaded, to tell what is held longest.
    loads: u64,
    sender: mpsc::Sender<Arrival>,
    arrivals: mpsc::Receiver<Arrival>,
}

struct Entry {
    /// In bytes.
    size: u64,
    held: Held,
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
    pub(crate) fn new(broker: &Broker, tmp: &Path, progress: &Arc<Progress>) -> Self {
        // Each fetch under way sends once.
        let (sender, arrivals) = mpsc::channel(COMING);
        Self {
            broker: broker.clone(),
            tmp: tmp.to_owned(),
            held: HashMap::new(),
            waiting: Waiting::new(progress),
            loads: 0,
            sender,
            arrivals,
        }
    }

    /// The file with this hash, if it is here.
    pub(crate) fn get(&self, hash: u64) -> Option<&JobFile> {
        match &self.held.get(&hash)?.held {
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
        self.held.retain(|hash, entry| match &entry.held {
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
        (self.waiting).tidy(&needed, |run| table.active(run).is_some());
    }

    /// Fetches the file that an active job needs from its stream, unless it is here or on its way.
    pub(crate) fn want(&mut self, job: &Job) {
        let Some(hash) = job.submission.file() else {
            return;
        };
        let run = job.run();
        if self.held.contains_key(&hash) {
            return self.waiting.end(&run, hash);
        }
        let size = size_of(&job.submission);
        if !self.waiting.is_next(hash) || !self.has_room(size) {
            return self.waiting.add(&run, hash);
        }
        self.waiting.end(&run, hash);
        info!(job = %job.name, "fetching its file {hash:016x}");
        let (broker, sender, tmp) = (self.broker.clone(), self.sender.clone(), self.tmp.clone());
        let coming = run.clone();
        let submission = job.submission.clone();
        let task = tokio::spawn(async move {
            let file = fetch_file(&broker, &run, &submission, hash, &tmp).await;
            let arrival = Arrival { run, hash, file };
            // Whoever asked may have stopped.
            let _ = sender.send(arrival).await;
        });
        let task = task.abort_handle();
        let held = Held::Coming { run: coming, task };
        self.held.insert(hash, Entry { size, held });
    }

    /// Whether there is room for a file of this size: of those that nobody uses, the ones that are
    /// held longest make it.
    fn has_room(&mut self, size: u64) -> bool {
        let is_coming = |entry: &&Entry| matches!(entry.held, Held::Coming { .. });
        if self.held.values().filter(is_coming).count() >= COMING {
            return false;
        }
        while !fits(self.held.values().map(|entry| entry.size), size) {
            let Some(hash) = self.longest(|file| !file.is_used()) else {
                return false;
            };
            self.held.remove(&hash);
        }
        true
    }

    /// Of those that are here and such, the one that is held longest.
    fn longest(&self, is_such: impl Fn(&JobFile) -> bool) -> Option<u64> {
        let here = (self.held.iter()).filter_map(|(hash, entry)| match &entry.held {
            Held::Here(file, load) if is_such(file) => Some((*load, *hash)),
            _ => None,
        });
        here.min().map(|(_, hash)| hash)
    }

    /// Lets the file with this hash come first of those that wait for room.
    pub(crate) fn prefer(&mut self, hash: Option<u64>) {
        if let Some(hash) = hash {
            self.waiting.prefer(hash);
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
        let entry = self.held.get_mut(&hash)?;
        match &entry.held {
            Held::Coming { run: asked, .. } if *asked == run => {}
            _ => return None,
        }
        match file {
            Ok(file) => {
                self.loads += 1;
                entry.held = Held::Here(file, self.loads);
                None
            }
            Err(missing) => {
                entry.held = Held::Lost { run: run.clone() };
                entry.size = 0;
                Some((run, missing))
            }
        }
    }

    /// When others wait for room: lets go of the model that is held longest and says which. Code
    /// that is used stays: programs run in it.
    pub(crate) fn make_room(&mut self) -> Option<u64> {
        if self.waiting.is_empty() || fits(self.held.values().map(|entry| entry.size), MODEL) {
            return None;
        }
        let hash = self.longest(|file| file.model().is_some())?;
        self.held.remove(&hash);
        Some(hash)
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        for entry in self.held.values() {
            if let Held::Coming { task, .. } = &entry.held {
                task.abort();
            }
        }
    }
}

/// What the file of a job counts for, in bytes.
fn size_of(submission: &Submission) -> u64 {
    match &submission.spec.kind {
        Kind::Exec(exec) => travelling_bytes(&exec.files),
        _ => MODEL,
    }
}

/// Whether a file fits beside those that are held; one alone always does.
fn fits(held: impl Iterator<Item = u64>, size: u64) -> bool {
    let held = held.fold(0, u64::saturating_add);
    held == 0 || held.saturating_add(size) <= MOST
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_fit_by_their_sizes_and_one_alone_always_does() {
        let fits = |held: &[u64], size| fits(held.iter().copied(), size);
        assert!(fits(&[], u64::MAX));
        assert!(fits(&[MODEL; 3], MODEL));
        assert!(!fits(&[MODEL; 4], 1));
        assert!(fits(&[240 << 20; 4], 64 << 20));
        assert!(!fits(&[240 << 20; 4], 65 << 20));
        // What a submission says is whatever somebody wrote.
        assert!(!fits(&[1, u64::MAX], u64::MAX));
    }
}
