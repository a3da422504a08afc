//! What the log of jobs says. It must not know how events travel.

use serde::{Deserialize, Serialize};

use super::signature::Code;
use super::snapshot::Snapshot;
use gristmill_common::job::JobName;
use gristmill_common::plan_summary::PlanSummary;
use gristmill_common::progress::Role;
use gristmill_common::spec::JobSpec;

/// One entry of the log: something that happened to a job.
///
/// The order of variants is part of the wire format: new ones go to the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// `produce` has declared the job's queues: the job exists. Repeated when it is resumed.
    Submitted(Box<Submission>),
    /// All chunks of these splits are confirmed: a resumed `produce` skips them. Several at a time,
    /// or the log of a job of many small files would be long, and every reader reads all of it.
    SplitsComplete(Vec<SplitDone>),
    /// All chunks are confirmed, and the seal is in every partition's queue.
    Sealed {
        /// Number of chunks over all splits.
        chunks: u64,
    },
    /// An output directory takes the job; the first claim wins.
    Claimed {
        /// The directory's id.
        directory: String,
        /// Where it lies, `host:path` as its reducer sees it; display only.
        place: String,
    },
    /// A partition holds all its outcomes.
    PartitionClosed {
        /// Number of the partition.
        partition: u32,
    },
    /// The manifest is written.
    Finished(Totals),
    /// The job cannot be completed.
    Failed {
        /// Why, in words.
        reason: String,
    },
    /// Somebody cancelled the job; its queues are gone.
    Cancelled,
    /// No chunk waits and no outcome has come for long: something is missing.
    Stalled {
        /// The first of the missing chunks; of a split that nobody has read to its end, its first.
        missing: Vec<gristmill_common::id::ChunkId>,
        /// How many chunks or splits are missing in all; `u64::MAX` where nobody knows.
        count: u64,
    },
    /// Says nothing: a reader that finds its own marker has read everything before it.
    Marker {
        /// Tells markers apart.
        id: u64,
    },
    /// A job that was finished with skipped chunks goes on: they are tried again.
    Replayed,
    /// Somebody asks whether a finished job's output is still there; who serves its directory
    /// answers.
    OutputSought,
    /// Whether a finished job's output is where it was put.
    Output {
        /// It is.
        there: bool,
    },
    /// Another version of the program wrote this entry. It is never written.
    Foreign {
        /// The version of its format.
        version: u16,
    },
    /// All jobs as the entries up to some offset tell them: a reader goes on from there.
    Checkpoint(Box<Snapshot>),
    /// No chunk of a sealed job waits, and nobody says that some are in hand: whoever has none
    /// subscribes anew, because a broker may have handed over what never came.
    Overdue,
}

impl Event {
    /// A queue of an active job is gone, and nobody said why. `which` tells the queue, and `who`
    /// found out.
    #[must_use]
    pub fn queue_lost(which: &str, who: Role) -> Self {
        Event::Failed {
            reason: format!(
                "a queue of the job is gone from the broker ({}: {which}); `produce` again makes it \
                 anew and sends what is missing",
                who.name()
            ),
        }
    }
}

/// A split that is published whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SplitDone {
    /// Number of the split.
    pub split: u32,
    /// Number of its chunks.
    pub chunks: u32,
    /// Records of each source that the split counted: pairs of source and records.
    pub records: Vec<(u32, u64)>,
    /// Bytes around archives that are not zero and were passed over.
    pub passed_over: u64,
}

/// What a finished job amounts to; who waits for it judges by it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Records in.
    pub records: u64,
    /// Records set aside.
    pub quarantined: u64,
    /// Chunks that could not be run at all; their records are among those set aside.
    pub skipped_chunks: u64,
    /// Messages in the job's queues that were none of its chunks or outcomes, and were set aside.
    pub foreign_messages: u64,
}

/// What a job is: all that a late worker needs to join.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submission {
    /// The kind and its options.
    pub spec: JobSpec,
    /// The plan as far as mapper and reducer need it.
    pub plan_summary: PlanSummary,
    /// Hash of the plan: each input's name, size and time. The same name with another spec or plan
    /// is another job.
    pub plan: u64,
    /// Version of the kind's processor: a mapper of another leaves the job alone (I2).
    pub processor: u16,
    /// An earlier output of this name may be replaced.
    pub replace: bool,
    /// Distinguishes runs of the same job name: events of an earlier run are no news of this one.
    pub run: u64,
    /// The run of that name that its producer saw in the log: it begins only if that is still the
    /// last one, so that a producer that was away never brings an earlier run back.
    pub after: Option<u64>,
    /// Of a job that runs the user's own program: what mappers must know of it beside the spec.
    pub code: Option<Code>,
}

impl Submission {
    /// The first run of a job, of its kind's newest processor, that runs no program of the user's.
    #[must_use]
    pub fn of(spec: JobSpec, plan_summary: PlanSummary, run: u64) -> Self {
        Self {
            processor: spec.kind.version(),
            spec,
            plan_summary,
            plan: 0,
            replace: false,
            run,
            after: None,
            code: None,
        }
    }

    /// The hash of the file that mappers need ([`crate::file`]), if they need one.
    #[must_use]
    pub fn file(&self) -> Option<u64> {
        let bundle = self.code.as_ref().and_then(|code| code.bundle);
        (self.spec.kind.file()).or(bundle.map(|bundle| bundle.hash))
    }
}

/// An entry with the job that it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The job.
    pub job: JobName,
    /// The run of the job ([`Submission::run`]).
    pub run: u64,
    /// When it was written, in seconds since 1970, by the writer's clock; for people only.
    pub at: u64,
    /// What happened.
    pub event: Event,
}

/// The description of one part of an entry: an event that is too large for one message (the plan
/// summary of a million files) travels in parts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogHead {
    /// The job; its name is checked when it is decoded.
    pub job: JobName,
    /// The run of the job.
    pub run: u64,
    /// When it was written, in seconds since 1970.
    pub at: u64,
    /// Tells the entries of one job apart, so that parts of two are never mixed.
    pub entry: u64,
    /// Number of this part, from 0.
    pub part: u32,
    /// How many parts the entry has.
    pub parts: u32,
}
