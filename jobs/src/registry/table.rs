//! All jobs, as the log tells them: a pure fold of its entries.
//!
//! Every role folds the same entries in the same order and so agrees on who owns a job and how it
//! ended. Entries are untrusted: what does not fit is ignored. It must not know where entries come
//! from.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::ended::{Ended, EndedRuns};
use super::event::{Entry, Event, SplitDone, Submission, Totals};
use gristmill_common::id::ChunkId;
use gristmill_common::job::{JobName, JobRun};
use gristmill_common::prefix::prefix;
use gristmill_common::spec::MAX_PARTITIONS;

/// How many jobs are remembered; past it the one that ended first is forgotten.
const MAX_JOBS: usize = 10_000;
/// The longest reason or directory id that is kept, in bytes.
const MAX_TEXT: usize = 4096;
/// How many missing chunks of a stalled job are kept.
const MAX_MISSING: usize = 100_000;

/// How often a job may be replayed.
pub const MAX_REPLAYS: u32 = 200;

/// All jobs that the log knows.
#[derive(Clone, Debug, Default)]
pub struct JobTable {
    jobs: BTreeMap<JobName, Job>,
    entries: u64,
    ended: EndedRuns,
    foreign: BTreeMap<JobName, ForeignJob>,
}

/// A job of which only another version of the program knows more than the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForeignJob {
    /// The version of the format of its latest entry.
    pub version: u16,
    /// When that was written, in seconds since 1970.
    pub latest: u64,
}

/// The output directory that owns a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Its id.
    pub directory: String,
    /// Where it lies, `host:path` as its reducer saw it.
    pub place: String,
}

/// One job, as far as the log tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// What it is. The plan summary's sources are dropped once the job has ended for good.
    pub submission: Submission,
    /// When it was first submitted, in seconds since 1970, by the writer's clock.
    pub since: u64,
    /// When the last entry was written.
    pub latest: u64,
    /// How it is doing.
    pub phase: Phase,
    /// The splits that were published whole.
    pub splits: BTreeMap<u32, SplitDone>,
    /// Number of all chunks, once the job is sealed.
    pub sealed: Option<u64>,
    /// The output directory that owns the job.
    pub claim: Option<Claim>,
    /// Of a finished job: whether its output was there when somebody last asked.
    pub output_there: Option<bool>,
    /// The partitions that hold all their outcomes.
    pub closed: BTreeSet<u32>,
    /// How often the job was replayed: chunks skipped before the last replay do not count any more.
    pub replays: u32,
    /// The chunks that a stalled job misses (the first of them) and their number.
    pub missing: Option<(Vec<ChunkId>, u64)>,
    /// Counts the table's entries, to tell which job ended first.
    ended: u64,
}

/// How a job is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It is being worked on, or waits for it.
    Active,
    /// Its manifest is written.
    Finished(Totals),
    /// It cannot be completed as it is; submitted again, it can.
    Failed {
        /// Why.
        reason: String,
    },
    /// It was cancelled.
    Cancelled,
}

impl Phase {
    /// How the job ended, if it did: what it amounts to, or what became of it, in words.
    #[must_use]
    pub fn ended(&self) -> Option<Result<Totals, String>> {
        match self {
            Phase::Active => None,
            Phase::Finished(totals) => Some(Ok(*totals)),
            Phase::Failed { reason } => Some(Err(format!("has failed: {reason}"))),
            Phase::Cancelled => Some(Err("was cancelled".into())),
        }
    }
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

impl Job {
    fn new(submission: Submission, at: u64) -> Self {
        Self {
            submission,
            since: at,
            latest: at,
            phase: Phase::Active,
            splits: BTreeMap::new(),
            sealed: None,
            claim: None,
            output_there: None,
            closed: BTreeSet::new(),
            replays: 0,
            missing: None,
            ended: 0,
        }
    }

    /// Whether the run is over for good, and nothing of it is needed but its output. A failed one
    /// is not: submitted again, it goes on. Neither is one with skipped chunks: it may be replayed.
    #[must_use]
    pub fn is_over(&self) -> bool {
        match self.phase {
            Phase::Finished(totals) => totals.skipped_chunks == 0,
            Phase::Cancelled => true,
            Phase::Active | Phase::Failed { .. } => false,
        }
    }

    /// Whether workers should take part.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.phase == Phase::Active
    }
}

impl JobTable {
    /// Folds in one entry.
    pub fn apply(&mut self, entry: Entry) -> Applied {
        self.entries += 1;
        let Entry {
            job,
            run,
            at,
            event,
        } = entry;
        let event = match event {
            Event::Submitted(submission) => return self.submit(job, run, at, *submission),
            Event::Foreign { version } => return self.note_foreign(job, version, at),
            event => event,
        };
        let number = self.entries;
        let name = job;
        let Some(job) = self.jobs.get_mut(&name) else {
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
                job.ended = number;
                job.submission.plan_summary.sources = Vec::new();
                job.splits.clear();
                job.missing = None;
                let partitions = job.submission.spec.partitions;
                self.ended.note(JobRun::new(&name, run), partitions);
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
            // Two producers of one name: the first has it until it ends.
            if job.is_active() {
                return Applied::Ignored;
            }
            let replaced = JobRun::new(&name, job.submission.run);
            self.ended.note(replaced, job.submission.spec.partitions);
        } else if self.jobs.len() >= MAX_JOBS && !self.forget_one() {
            return Applied::Ignored;
        }
        self.foreign.remove(&name);
        self.jobs.insert(name, Job::new(submission, at));
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

    /// The runs that workers should take part in.
    #[must_use]
    pub fn active_runs(&self) -> HashSet<u64> {
        let active = self.jobs.values().filter(|job| job.is_active());
        active.map(|job| job.submission.run).collect()
    }

    /// All jobs, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&JobName, &Job)> {
        self.jobs.iter()
    }
}

impl Job {
    /// The same run is submitted again: `produce` resumes it.
    fn resubmit(&mut self, at: u64, submission: &Submission) -> Applied {
        let same = submission.spec == self.submission.spec
            && submission.plan == self.submission.plan
            && !matches!(self.phase, Phase::Finished(_) | Phase::Cancelled);
        if !same {
            return Applied::Ignored;
        }
        self.latest = self.latest.max(at);
        if matches!(self.phase, Phase::Failed { .. }) {
            // What lay in the queues may be lost with them.
            self.splits.clear();
            self.sealed = None;
            self.phase = Phase::Active;
        }
        self.missing = None;
        // It may be signed anew.
        self.submission.code.clone_from(&submission.code);
        Applied::Changed
    }

    fn note_output(&mut self, there: bool) -> Applied {
        let news = matches!(self.phase, Phase::Finished(_)) && self.output_there != Some(there);
        if !news {
            return Applied::Ignored;
        }
        self.output_there = Some(there);
        Applied::Changed
    }

    fn apply(&mut self, event: Event) -> Applied {
        if matches!(self.phase, Phase::Finished(_))
            && !matches!(event, Event::Replayed | Event::Cancelled)
        {
            return Applied::Ignored;
        }
        let before = (self.phase.clone(), self.claim.is_some(), self.sealed);
        match event {
            Event::SplitsComplete(splits) => {
                let plan_summary = &self.submission.plan_summary;
                let known = self.splits.len();
                for done in splits {
                    if done.split < plan_summary.splits
                        && done.records.len() <= plan_summary.sources.len()
                    {
                        self.splits.entry(done.split).or_insert(done);
                    }
                }
                return match self.splits.len() > known {
                    true => Applied::Changed,
                    false => Applied::Ignored,
                };
            }
            Event::Sealed { chunks } if self.sealed.is_none() => self.sealed = Some(chunks),
            Event::Claimed { directory, place } if self.claim.is_none() => {
                if directory.is_empty() || directory.len() > MAX_TEXT {
                    return Applied::Ignored;
                }
                let place = prefix(&place, MAX_TEXT).to_owned();
                self.claim = Some(Claim { directory, place });
            }
            Event::PartitionClosed { partition } if partition < self.submission.spec.partitions => {
                return match self.closed.insert(partition) {
                    true => Applied::Changed,
                    false => Applied::Ignored,
                };
            }
            // Only one with skipped chunks comes here.
            Event::Replayed if matches!(self.phase, Phase::Finished(_)) => {
                if self.replays >= MAX_REPLAYS {
                    return Applied::Ignored;
                }
                self.replays += 1;
                self.closed.clear();
                self.missing = None;
                self.phase = Phase::Active;
                return Applied::Changed;
            }
            Event::Cancelled => self.phase = Phase::Cancelled,
            Event::Finished(totals) => self.phase = Phase::Finished(totals),
            Event::Failed { reason } if self.phase == Phase::Active => {
                self.phase = Phase::Failed {
                    reason: prefix(&reason, MAX_TEXT).to_owned(),
                };
            }
            Event::Stalled { mut missing, count } => {
                missing.truncate(MAX_MISSING);
                self.missing = Some((missing, count));
                return Applied::Changed;
            }
            _ => {}
        }
        if before == (self.phase.clone(), self.claim.is_some(), self.sealed) {
            Applied::Ignored
        } else {
            Applied::Changed
        }
    }
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
