//! The runs that are over for good, as the log tells: finished, cancelled, or replaced by another
//! run.
//!
//! Only what was *seen* to end may be removed: a run that is not known may be a newer one, whose
//! entries were not read yet. It must not know what runs leave behind.

use std::collections::{HashMap, VecDeque};

use gristmill_common::job::JobRun;

/// How many runs are remembered; past it the one that ended first is forgotten.
pub(super) const MOST: usize = 20_000;
/// How many of them nobody has taken; past it the one that ended first need not be looked after.
/// Who reads a long log from its start finds no more of them than this.
const MOST_FRESH: usize = 100;

/// A run that is over for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Which.
    pub run: JobRun,
    /// How many partitions it had, which tells the names of its queues.
    pub partitions: u32,
}

/// All runs that were seen to end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct EndedRuns {
    partitions: HashMap<JobRun, u32>,
    order: VecDeque<JobRun>,
    fresh: VecDeque<Ended>,
}

impl EndedRuns {
    /// Notes that a run is over.
    pub(super) fn note(&mut self, run: JobRun, partitions: u32) {
        if self.partitions.contains_key(&run) {
            return;
        }
        self.partitions.insert(run.clone(), partitions);
        self.order.push_back(run.clone());
        if self.order.len() > MOST
            && let Some(oldest) = self.order.pop_front()
        {
            self.partitions.remove(&oldest);
        }
        self.fresh.push_back(Ended { run, partitions });
        if self.fresh.len() > MOST_FRESH {
            self.fresh.pop_front();
        }
    }

    /// The run with what it had, if it was seen to end.
    pub(super) fn get(&self, run: &JobRun) -> Option<Ended> {
        let partitions = *self.partitions.get(run)?;
        let run = run.clone();
        Some(Ended { run, partitions })
    }

    /// All runs with their partitions, the one that ended first first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&JobRun, u32)> {
        let partitions = |run| self.partitions.get(run).copied();
        (self.order.iter()).filter_map(move |run| Some((run, partitions(run)?)))
    }

    /// Those that were noted since the last call.
    pub(super) fn take(&mut self) -> Vec<Ended> {
        self.fresh.drain(..).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_run_is_taken_once_and_the_memory_is_bounded() {
        let run = |number| JobRun::new(&"j".parse().unwrap(), number);
        let mut ended = EndedRuns::default();
        ended.note(run(1), 3);
        ended.note(run(1), 3);
        assert_eq!(ended.take().len(), 1);
        for number in 0..2 * MOST as u64 {
            ended.note(run(number), 1);
        }
        assert_eq!(ended.order.len(), MOST);
        assert_eq!(ended.partitions.len(), MOST);
        assert_eq!(ended.take().len(), MOST_FRESH);
        assert!(ended.take().is_empty());
        assert_eq!(ended.get(&run(0)), None);
        assert!(ended.get(&run(2 * MOST as u64 - 1)).is_some());
    }
}
