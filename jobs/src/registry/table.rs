//! All jobs, as the log tells them: a pure fold of its entries.
//!
//! Every role folds the same entries in the same order and so agrees on who owns a job and how it
//! ended. Entries are untrusted: what does not fit is ignored. It must not know where entries come
//! from.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ended::{Ended, EndedRuns};
use super::event::{Entry, Event, Submission};
use super::job::Job;
use gristmill_common::job::{JobName, JobRun};
use gristmill_common::spec::MAX_PARTITIONS;

/// How many jobs are remembered; past it the one that ended first is forgotten.
pub(super) const MAX_JOBS: usize = 10_000;

/// All jobs that the log knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobTable {
    pub(super) jobs: BTreeMap<JobName, Job>,
    /// How many entries were folded in.
    pub(super) entries: u64,
    pub(super) ended: EndedRuns,
    pub(super) foreign: BTreeMap<JobName, ForeignJob>,
}

/// A job of which only another version of the program knows more than the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForeignJob {
    /// The version of the format of its latest entry.
    pub version: u16,
    /// When that was written, in seconds since 1970.
    pub latest: u64,
}

/// What an entry did to the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// A run of a job began.
    Started,
    /// Something about a job is new.
    Changed,
    /// Nothing: it repeats what is known, or is about another run, or does not fit.
    Ignored,
}

impl JobTable {
    /// Folds in one entry.
    pub fn apply(&mut self, entry: Entry) -> Applied {
        self.entries = self.entries.saturating_add(1);
        let Entry {
            job,
            run,
            at,
            event,
        } = entry;
        let event = match event {
            Event::Submitted(submission) => return self.submit(job, run, at, *submission),
            Event::Foreign { version } => return self.note_foreign(job, version, at),
            // It repeats what is known.
            Event::Checkpoint(_) => return Applied::Ignored,
            event => event,
        };
        let number = self.entries;
        let Some(job) = self.jobs.get_mut(&job) else {
            return Applied::Ignored;
        };
        if job.submission.run != run {
            return Applied::Ignored;
        }
        if let Event::Output { there } = event {
            return job.note_output(there);
        }
        if job.is_over() {
            return Applied::Ignored;
        }
        let applied = job.apply(event);
        if applied == Applied::Changed {
            job.latest = job.latest.max(at);
            if job.is_over() {
                job.shrink(number);
                self.ended.note(job.run(), job.submission.spec.partitions);
            }
        }
        applied
    }

    fn submit(&mut self, name: JobName, run: u64, at: u64, submission: Submission) -> Applied {
        if submission.run != run || !(1..=MAX_PARTITIONS).contains(&submission.spec.partitions) {
            return Applied::Ignored;
        }
        if let Some(job) = self.jobs.get_mut(&name) {
            if job.submission.run == run {
                return job.resubmit(at, &submission);
            }
            // Two producers of one name: the first has it until it ends, and the other has not seen
            // that end.
            if job.is_active() || submission.after != Some(job.submission.run) {
                return Applied::Ignored;
            }
            self.ended.note(job.run(), job.submission.spec.partitions);
        } else if self.jobs.len() >= MAX_JOBS && !self.forget_one() {
            return Applied::Ignored;
        }
        self.foreign.remove(&name);
        let job = Job::new(name.clone(), submission, at);
        self.jobs.insert(name, job);
        Applied::Started
    }

    fn note_foreign(&mut self, name: JobName, version: u16, at: u64) -> Applied {
        if self.foreign.len() < MAX_JOBS || self.foreign.contains_key(&name) {
            let latest = at;
            self.foreign.insert(name, ForeignJob { version, latest });
        }
        Applied::Ignored
    }

    fn forget_one(&mut self) -> bool {
        let oldest = self
            .jobs
            .iter()
            .filter(|(_, job)| job.is_over())
            .min_by_key(|(_, job)| job.ended)
            .map(|(name, _)| name.clone());
        oldest.is_some_and(|name| self.jobs.remove(&name).is_some())
    }

    /// A job by name.
    #[must_use]
    pub fn get(&self, name: &JobName) -> Option<&Job> {
        self.jobs.get(name)
    }

    /// The run with what it had, if it was seen to end for good: what is left of it may be removed.
    #[must_use]
    pub fn ended(&self, run: &JobRun) -> Option<Ended> {
        self.ended.get(run)
    }

    /// The runs that were seen to end for good since the last call; of very many, the last.
    pub fn take_ended(&mut self) -> Vec<Ended> {
        self.ended.take()
    }

    /// Jobs of other versions of the program, by name.
    pub fn foreign(&self) -> impl Iterator<Item = (&JobName, &ForeignJob)> {
        self.foreign.iter()
    }

    /// The job of a run, unless another run has taken its name. A job's name counts beside the
    /// number of its run: whoever may publish can give another job the same number.
    #[must_use]
    pub fn of_run(&self, run: &JobRun) -> Option<&Job> {
        self.get(&run.job)
            .filter(|job| job.submission.run == run.run)
    }

    /// The job of a run that workers should take part in.
    #[must_use]
    pub fn active(&self, run: &JobRun) -> Option<&Job> {
        self.of_run(run).filter(|job| job.is_active())
    }

    /// All jobs, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Job> {
        self.jobs.values()
    }
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
