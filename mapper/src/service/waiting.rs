//! The files that wait for room, in the order in which they asked. Reports say so of their jobs. It
//! must not know how much room there is.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use gristmill_common::job::JobRun;
use gristmill_common::progress::{Cause, JobCounters, Progress, Role, Trouble};
use tracing::info;

/// What is said of a job that waits.
const REASON: &str = "its file waits for room: those of other jobs are held or on their way";

/// The files that wait for room, and the runs that wait for them.
pub(super) struct Waiting {
    progress: Arc<Progress>,
    hashes: VecDeque<u64>,
    /// What is kept is reported.
    told: HashMap<JobRun, Arc<JobCounters>>,
}

impl Waiting {
    /// None yet, of a mapper that reports this.
    pub(super) fn new(progress: &Arc<Progress>) -> Self {
        Self {
            progress: Arc::clone(progress),
            hashes: VecDeque::new(),
            told: HashMap::new(),
        }
    }

    /// Whether no file waits.
    pub(super) fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// Whether a file may come now, if there is room: no other asked before.
    pub(super) fn is_next(&self, hash: u64) -> bool {
        self.hashes.front().is_none_or(|first| *first == hash)
    }

    /// A run waits for a file.
    pub(super) fn add(&mut self, run: &JobRun, hash: u64) {
        if !self.hashes.contains(&hash) {
            self.hashes.push_back(hash);
        }
        if !self.told.contains_key(run) {
            info!(job = %run.job, "{REASON}");
            let told = self.progress.jobs.of(Role::Map, run);
            told.is_held_up(Trouble {
                cause: Cause::LeftAlone,
                reason: REASON.into(),
            });
            self.told.insert(run.clone(), told);
        }
    }

    /// A run waits no more for a file: it is here or on its way.
    pub(super) fn end(&mut self, run: &JobRun, hash: u64) {
        self.hashes.retain(|waits| *waits != hash);
        if let Some(told) = self.told.remove(run) {
            told.goes_on();
        }
    }

    /// Lets a file come first.
    pub(super) fn prefer(&mut self, hash: u64) {
        let at = self.hashes.iter().position(|waits| *waits == hash);
        if let Some(hash) = at.and_then(|at| self.hashes.remove(at)) {
            self.hashes.push_front(hash);
        }
    }

    /// Forgets the files that are not `needed` any more, and the runs that are not active.
    pub(super) fn tidy(&mut self, needed: &HashSet<u64>, is_active: impl Fn(&JobRun) -> bool) {
        self.hashes.retain(|hash| needed.contains(hash));
        self.told.retain(|run, _| is_active(run));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(number: u64) -> JobRun {
        JobRun::new(&"job".parse().unwrap(), number)
    }

    #[test]
    fn files_come_in_the_order_in_which_they_asked_unless_one_is_preferred() {
        let mut waiting = Waiting::new(&Arc::default());
        assert!(waiting.is_empty() && waiting.is_next(1));
        for number in [1, 2, 3, 1] {
            waiting.add(&run(number), number);
        }
        assert!(waiting.is_next(1) && !waiting.is_next(2) && !waiting.is_empty());
        waiting.prefer(3);
        assert!(waiting.is_next(3) && !waiting.is_next(1));
        waiting.end(&run(3), 3);
        assert!(waiting.is_next(1));
        waiting.tidy(&HashSet::from([2]), |_| true);
        assert!(waiting.is_next(2) && !waiting.is_next(1));
        waiting.end(&run(2), 2);
        assert!(waiting.is_empty());
    }

    #[test]
    fn reports_say_of_a_job_that_its_file_waits_for_room_as_long_as_it_does() {
        let progress = Arc::<Progress>::default();
        let reported = || -> Vec<(JobRun, Trouble)> {
            let jobs = progress.jobs.all().into_iter();
            jobs.filter_map(|job| Some((job.run().clone(), job.trouble()?)))
                .collect()
        };
        let mut waiting = Waiting::new(&progress);
        // Two jobs with the same files.
        waiting.add(&run(1), 7);
        waiting.add(&run(2), 7);
        assert_eq!(reported().len(), 2);
        waiting.end(&run(1), 7);
        let trouble = Trouble {
            cause: Cause::LeftAlone,
            reason: REASON.into(),
        };
        assert_eq!(reported(), [(run(2), trouble)]);
        waiting.end(&run(2), 7);
        assert!(reported().is_empty());
        // Of a job that is over, nothing is reported.
        waiting.add(&run(3), 7);
        waiting.tidy(&HashSet::new(), |_| false);
        assert!(waiting.is_empty() && progress.jobs.all().is_empty());
    }
}
