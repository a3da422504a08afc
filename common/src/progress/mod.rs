//! Progress for people: counters that every role of a process adds to. Correctness never reads
//! them (I5).

mod at_work;
mod job_counters;
mod trouble;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

pub use self::at_work::{AtWork, Working};
pub use self::job_counters::{AllJobCounters, Counts, JobCounters, Role};
pub use self::trouble::{Cause, Trouble};

use crate::clock::since_1970;
use crate::histogram::Histogram;

/// Counters of one running job in one process.
#[derive(Debug, Default)]
pub struct Progress {
    /// Bytes of the inputs as they lie on disk; 0 while unknown (a stream).
    pub bytes_total: AtomicU64,
    /// Bytes of them read so far.
    pub bytes_read: AtomicU64,
    /// Sources read to their end.
    pub sources_done: AtomicU64,
    /// Compute threads of this process; 0 where there are none.
    pub threads: AtomicU64,
    /// Chunks cut; in a resumed job also those of the splits that need not be read again.
    pub chunks_cut: AtomicU64,
    /// Chunks mapped.
    pub chunks_mapped: AtomicU64,
    /// Chunks whose outcomes are safe with the reducer; counted once per partition.
    pub chunks_reduced: AtomicU64,
    /// Messages that came again and were dropped.
    pub duplicates: AtomicU64,
    /// Bytes of text mapped, decompressed.
    pub bytes_mapped: AtomicU64,
    /// Records mapped.
    pub records: AtomicU64,
    /// Records set aside.
    pub quarantined: AtomicU64,
    /// Bytes that did not fit the memory budget and went to temporary files.
    pub spilled: AtomicU64,
    /// Chunks that are mapped and not yet settled with the queue.
    pub in_hand: AtomicU64,
    /// Bytes of messages with outcomes that the queue has taken.
    pub outcome_bytes: AtomicU64,
    /// Bytes of messages with outcomes that are durable here.
    pub durable_bytes: AtomicU64,
    /// From sending a message over a broker until it was taken here: a mapper's chunks, a reducer's
    /// outcomes. By two machines' clocks.
    pub queue_seconds: Histogram,
    /// How long mapping a chunk took.
    pub map_seconds: Histogram,
    /// From handing a chunk's outcomes to the queue until it had taken them all.
    pub confirm_seconds: Histogram,
    /// How long making a batch of outcomes durable took.
    pub segment_seconds: Histogram,
    /// Whether the log of jobs has been read.
    pub log_read: AtomicBool,
    /// When something last went forward, in milliseconds since 1970; 0 is never.
    pub moved: AtomicU64,
    /// Threads at work, by stage.
    pub at_work: AtWork,
    /// What is reported of each job of a broker.
    pub jobs: AllJobCounters,
}

impl Progress {
    /// Adds to a counter.
    pub fn add(counter: &AtomicU64, amount: u64) {
        counter.fetch_add(amount, Ordering::Relaxed);
    }

    /// Reads a counter.
    #[must_use]
    pub fn get(counter: &AtomicU64) -> u64 {
        counter.load(Ordering::Relaxed)
    }

    /// Says that something went forward just now.
    pub fn touch(&self) {
        let millis = u64::try_from(since_1970().as_millis()).unwrap_or(u64::MAX);
        self.moved.fetch_max(millis, Ordering::Relaxed);
    }

    /// Notes how long a message has waited, if it came over a broker.
    pub fn taken(&self, age: Option<Duration>) {
        if let Some(age) = age {
            self.queue_seconds.observe(age);
        }
    }

    /// Says that the log of jobs has been read.
    pub fn has_read_log(&self) {
        self.log_read.store(true, Ordering::Relaxed);
    }
}
