//! One job, as its entries in the log tell it. It must not know of other jobs.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::event::{Event, SplitDone, Submission, Totals};
use super::table::Applied;
use gristmill_common::id::ChunkId;
use gristmill_common::job::{JobName, JobRun};
use gristmill_common::prefix::prefix;

/// The longest reason or directory id that is kept, in bytes.
pub(super) const MAX_TEXT: usize = 4096;
/// How many missing chunks of a stalled job are kept.
pub(super) const MAX_MISSING: usize = 100_000;

/// How often a job may be replayed.
pub const MAX_REPLAYS: u32 = 200;

/// The output directory that owns a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// Its id.
    pub directory: String,
    /// Where it lies, `host:path` as its reducer saw it.
    pub place: String,
}

/// One job, as far as the log tells. Checkpoints hold its fields in this order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Its name.
    pub name: JobName,
    /// What it is. The plan summary's sources and the code are dropped once the job has ended for
    /// good.
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
    pub(super) ended: u64,
}

/// How a job is doing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

impl Job {
    pub(super) fn new(name: JobName, submission: Submission, at: u64) -> Self {
        Self {
            name,
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

    /// Which run of the job it is.
    #[must_use]
    pub fn run(&self) -> JobRun {
        JobRun::new(&self.name, self.submission.run)
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

    /// It has ended for good, as the table's entry of this number says: what only workers need
    /// goes.
    pub(super) fn shrink(&mut self, ended: u64) {
        self.ended = ended;
        self.submission.plan_summary.sources = Vec::new();
        self.submission.code = None;
        self.splits.clear();
        self.missing = None;
    }

    /// Whether workers should take part.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.phase == Phase::Active
    }

    /// The same run is submitted again: `produce` resumes it.
    pub(super) fn resubmit(&mut self, at: u64, submission: &Submission) -> Applied {
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

    pub(super) fn note_output(&mut self, there: bool) -> Applied {
        let news = matches!(self.phase, Phase::Finished(_)) && self.output_there != Some(there);
        if !news {
            return Applied::Ignored;
        }
        self.output_there = Some(there);
        Applied::Changed
    }

    pub(super) fn apply(&mut self, event: Event) -> Applied {
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
