//! The table of jobs as a checkpoint of the log holds it. What comes back is untrusted: it is
//! bounded as the fold of entries is, and one that no fold can give is refused. It must not know
//! how it travels.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::codec::MAX_EVENT;
use super::ended::{EndedRuns, MOST};
use super::job::{Job, MAX_MISSING, MAX_REPLAYS, MAX_TEXT, Phase};
use super::table::{ForeignJob, JobTable, MAX_JOBS};
use gristmill_common::job::{JobName, JobRun};
use gristmill_common::spec::MAX_PARTITIONS;
use gristmill_common::wire::{WireError, decode_value, encode_value};

/// The version of the fold: raised with every change of what entries do to the table or of what a
/// job is. A reader takes no table that another fold made.
const FOLD: u32 = 1;
/// Jobs that are not active and of which nothing was heard for so long are left out, in seconds:
/// the log keeps entries for 30 days, and checkpoints must not make of that for ever.
const KEPT: u64 = 30 * 24 * 60 * 60;

/// The most bytes of a table: with what is around it, it is an entry of the log.
const MAX_TABLE: usize = MAX_EVENT - 64;

/// All jobs as the entries up to an offset tell them.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    fold: u32,
    covers: i64,
    /// Encoded, so that only who needs it decodes it.
    #[serde(with = "serde_bytes")]
    table: Vec<u8>,
}

/// The table as it is encoded.
#[derive(Serialize)]
struct Written<'a> {
    entries: u64,
    jobs: Vec<&'a Job>,
    foreign: Vec<(&'a JobName, &'a ForeignJob)>,
    ended: Vec<(&'a JobName, u64, u32)>,
}

/// The same as it is decoded.
#[derive(Deserialize)]
struct Read {
    entries: u64,
    #[serde(deserialize_with = "at_most::<MAX_JOBS, _, _>")]
    jobs: Vec<Job>,
    #[serde(deserialize_with = "at_most::<MAX_JOBS, _, _>")]
    foreign: Vec<(JobName, ForeignJob)>,
    #[serde(deserialize_with = "at_most::<MOST, _, _>")]
    ended: Vec<(JobName, u64, u32)>,
}

impl Snapshot {
    /// A snapshot of a table at a time in seconds since 1970. The table has all entries before the
    /// offset `covers`, and no others.
    ///
    /// # Errors
    /// When it is larger than an entry of the log may be, or could not be read back.
    pub fn of(table: &JobTable, covers: i64, now: u64) -> Result<Self, WireError> {
        // A clock that is ahead, the writer's or this one, must not make everything old.
        let latest = table.iter().map(|job| job.latest).max();
        let oldest = now.min(latest.unwrap_or(now)).saturating_sub(KEPT);
        let is_kept = |job: &Job| job.is_active() || job.latest >= oldest;
        let written = Written {
            entries: table.entries,
            jobs: table.iter().filter(|job| is_kept(job)).collect(),
            foreign: (table.foreign.iter())
                .filter(|(_, job)| job.latest >= oldest)
                .collect(),
            ended: (table.ended.iter())
                .map(|(run, partitions)| (&run.job, run.run, partitions))
                .collect(),
        };
        let snapshot = Self {
            fold: FOLD,
            covers,
            table: encode_value::<MAX_TABLE>(&written)?,
        };
        snapshot.table()?;
        Ok(snapshot)
    }

    /// The offset that the fold goes on at.
    #[must_use]
    pub fn covers(&self) -> i64 {
        self.covers
    }

    /// The table.
    ///
    /// # Errors
    /// When another fold made it, or it is none that this fold can give.
    pub fn table(&self) -> Result<JobTable, WireError> {
        let refuse = |what: &str| Err(WireError::Malformed(format!("a checkpoint with {what}")));
        if self.fold != FOLD {
            return refuse("the table of another version");
        }
        let read: Read = decode_value::<MAX_EVENT, Read>(&self.table)?;
        let mut jobs = BTreeMap::new();
        for job in read.jobs {
            if !is_possible(&job, read.entries) {
                return refuse(&format!("an impossible job {}", job.name));
            }
            if jobs.insert(job.name.clone(), job).is_some() {
                return refuse("two jobs of one name");
            }
        }
        let mut ended = EndedRuns::default();
        for (name, run, partitions) in read.ended {
            if !(1..=MAX_PARTITIONS).contains(&partitions) {
                return refuse("an ended run of too many partitions");
            }
            ended.note(JobRun::new(&name, run), partitions);
        }
        Ok(JobTable {
            jobs,
            entries: read.entries,
            ended,
            foreign: read.foreign.into_iter().collect(),
        })
    }

    /// A snapshot whose table is what these bytes say.
    #[cfg(test)]
    pub(super) fn hostile(fold: u32, table: Vec<u8>) -> Self {
        Self {
            fold,
            covers: 0,
            table,
        }
    }
}

/// Whether a job is one that entries can make.
fn is_possible(job: &Job, entries: u64) -> bool {
    let Job {
        submission,
        phase,
        splits,
        claim,
        closed,
        replays,
        missing,
        ended,
        ..
    } = job;
    let plan = &submission.plan_summary;
    let partitions = submission.spec.partitions;
    let over = job.is_over();
    let is_lean = plan.sources.is_empty() && splits.is_empty() && missing.is_none();
    let text_fits = match phase {
        Phase::Failed { reason } => reason.len() <= MAX_TEXT,
        Phase::Active | Phase::Finished(_) | Phase::Cancelled => true,
    };
    let claim_fits = claim.as_ref().is_none_or(|claim| {
        let (directory, place) = (claim.directory.len(), claim.place.len());
        (1..=MAX_TEXT).contains(&directory) && place <= MAX_TEXT
    });
    let splits_fit = splits.iter().all(|(&number, done)| {
        number == done.split && number < plan.splits && done.records.len() <= plan.sources.len()
    });
    (1..=MAX_PARTITIONS).contains(&partitions)
        && text_fits
        && claim_fits
        && splits_fit
        && closed.iter().all(|&partition| partition < partitions)
        && *replays <= MAX_REPLAYS
        && (missing.as_ref()).is_none_or(|(missing, _)| missing.len() <= MAX_MISSING)
        && over == (*ended > 0)
        && *ended <= entries
        && (!over || is_lean && submission.code.is_none())
}

/// A list that is refused at its first item too many, before the others take memory.
fn at_most<'de, const MOST: usize, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    struct Bounded<const MOST: usize, T>(std::marker::PhantomData<T>);

    impl<'de, const MOST: usize, T: Deserialize<'de>> Visitor<'de> for Bounded<MOST, T> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "a list of at most {MOST}")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<T>, A::Error> {
            let mut list = Vec::new();
            while let Some(item) = items.next_element()? {
                if list.len() == MOST {
                    return Err(A::Error::custom("a list that is too long"));
                }
                list.push(item);
            }
            Ok(list)
        }
    }

    deserializer.deserialize_seq(Bounded::<MOST, T>(std::marker::PhantomData))
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot")
            .field("fold", &self.fold)
            .field("covers", &self.covers)
            .field("bytes", &self.table.len())
            .finish()
    }
}

#[cfg(test)]
#[path = "snapshot_tests.rs"]
mod tests;
