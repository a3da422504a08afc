//! What this process has done for each job, to be reported. It must not know how reports travel.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};
use serde::{Deserialize, Serialize};

use super::Trouble;
use crate::commonest::commonest;
use crate::counters::Counters;
use crate::job::JobRun;

/// What a worker does for a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Role {
    /// It reads the input and sends chunks.
    Produce,
    /// It maps chunks.
    Map,
    /// It merges outcomes.
    Reduce,
}

impl Role {
    /// Its name: the subcommand's.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Role::Produce => "produce",
            Role::Map => "map",
            Role::Reduce => "reduce",
        }
    }
}

/// What a worker has done for a job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Producer: chunks published, by earlier attempts too. Mapper: chunks mapped, duplicates too.
    /// Reducer: outcomes that are durable, each chunk and partition once.
    pub chunks: u64,
    /// Producer: bytes of the inputs read. Mapper: bytes of text mapped.
    pub bytes: u64,
    /// Producer: bytes of the inputs, 0 if unknown (a stream). Reducer: outcomes that its
    /// partitions must have, 0 while the job is not sealed.
    pub total: u64,
    /// Mapper: chunks taken and not settled.
    pub in_hand: u64,
    /// Mapper and reducer: records set aside.
    pub quarantined: u64,
    /// Reducer: partitions that it works on.
    pub partitions: u32,
}

/// One job's counters in this process. They are reported for as long as somebody keeps them.
#[derive(Debug)]
pub struct JobCounters {
    role: Role,
    run: JobRun,
    since: Instant,
    chunks: AtomicU64,
    bytes: AtomicU64,
    total: AtomicU64,
    in_hand: AtomicU64,
    taken: AtomicU64,
    quarantined: AtomicU64,
    counted: Mutex<Counters>,
    partitions: Mutex<BTreeMap<u32, Share>>,
    trouble: Mutex<Option<Trouble>>,
}

/// One partition, as far as its reducer is.
#[derive(Clone, Debug, Default)]
struct Share {
    durable: u64,
    expected: u64,
    quarantined: u64,
    /// The commonest reasons of what was set aside, and how often each was given.
    reasons: Vec<(String, u64)>,
}

impl JobCounters {
    /// Counters of one job, all zero.
    #[must_use]
    pub fn new(role: Role, run: JobRun) -> Arc<Self> {
        Arc::new(Self {
            role,
            run,
            since: Instant::now(),
            chunks: AtomicU64::default(),
            bytes: AtomicU64::default(),
            total: AtomicU64::default(),
            in_hand: AtomicU64::default(),
            taken: AtomicU64::default(),
            quarantined: AtomicU64::default(),
            counted: Mutex::default(),
            partitions: Mutex::default(),
            trouble: Mutex::default(),
        })
    }

    /// What the process does for the job.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }

    /// The run of the job.
    #[must_use]
    pub fn run(&self) -> &JobRun {
        &self.run
    }

    /// How long it has counted.
    #[must_use]
    pub fn age(&self) -> Duration {
        self.since.elapsed()
    }

    /// Counts a mapped chunk: `bytes` of text, and `quarantined` of its records set aside.
    pub fn mapped(&self, bytes: u64, quarantined: u64) {
        self.chunks.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.quarantined.fetch_add(quarantined, Ordering::Relaxed);
    }

    /// The user's programs counted this for a chunk that was mapped.
    pub fn counted(&self, counters: &Counters) {
        if !counters.is_empty() {
            self.user_counters().append(counters);
        }
    }

    /// What the user's programs have counted here.
    pub fn user_counters(&self) -> MutexGuard<'_, Counters> {
        self.counted.lock()
    }

    /// Counts `bytes` of mapped text of a split, which counts as mapped when all of it is.
    pub fn mapped_text(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Counts `records` of it that were set aside.
    pub fn set_aside(&self, records: u64) {
        self.quarantined.fetch_add(records, Ordering::Relaxed);
    }

    /// Sets how many chunks are taken and not settled.
    pub fn holds(&self, chunks: usize) {
        self.in_hand.store(chunks as u64, Ordering::Relaxed);
    }

    /// One of its outcomes was taken: the worker goes on with the job.
    pub fn outcome_taken(&self) {
        self.taken.fetch_add(1, Ordering::Relaxed);
        self.goes_on();
    }

    /// How many of its outcomes were taken.
    #[must_use]
    pub fn outcomes_taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }

    /// Sets how many chunks are published, and how many bytes of the inputs' `total` are read.
    pub fn published(&self, chunks: u64, bytes: u64, total: u64) {
        self.chunks.store(chunks, Ordering::Relaxed);
        self.bytes.store(bytes, Ordering::Relaxed);
        self.total.store(total, Ordering::Relaxed);
    }

    /// Sets what a partition has: `durable` distinct outcomes, of `expected` once that is known,
    /// and `quarantined` entries set aside, most of them for `reasons`.
    pub fn partition(
        &self,
        partition: u32,
        durable: usize,
        expected: Option<usize>,
        (quarantined, reasons): (u64, Vec<(String, u64)>),
    ) {
        let share = Share {
            durable: durable as u64,
            expected: expected.unwrap_or(0) as u64,
            quarantined,
            reasons,
        };
        self.partitions.lock().insert(partition, share);
    }

    /// The worker cannot go on with the job just now.
    pub fn is_held_up(&self, trouble: Trouble) {
        *self.trouble.lock() = Some(trouble);
    }

    /// The worker goes on with the job.
    pub fn goes_on(&self) {
        *self.trouble.lock() = None;
    }

    /// Why the worker does not go on with the job just now.
    #[must_use]
    pub fn trouble(&self) -> Option<Trouble> {
        self.trouble.lock().clone()
    }

    /// The `most` commonest reasons of what was set aside in its partitions, the commonest first,
    /// and how often each was given there.
    #[must_use]
    pub fn reasons(&self, most: usize) -> Vec<(String, u64)> {
        let shares = self.partitions.lock();
        let given = shares.values().flat_map(|share| &share.reasons);
        commonest(given.map(|(reason, times)| (&reason[..], *times)), most)
    }

    /// What there is to report.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let mut counts = Counts {
            chunks: get(&self.chunks),
            bytes: get(&self.bytes),
            total: get(&self.total),
            in_hand: get(&self.in_hand),
            quarantined: get(&self.quarantined),
            partitions: 0,
        };
        for share in self.partitions.lock().values() {
            counts.chunks += share.durable;
            counts.total += share.expected;
            counts.quarantined += share.quarantined;
            counts.partitions += 1;
        }
        counts
    }
}

/// The counters of all jobs that this process works on.
#[derive(Debug, Default)]
pub struct AllJobCounters(Mutex<Vec<Weak<JobCounters>>>);

impl AllJobCounters {
    /// The job's counters: those that somebody keeps, or new ones.
    #[must_use]
    pub fn of(&self, role: Role, run: &JobRun) -> Arc<JobCounters> {
        let mut all = self.0.lock();
        let known = all
            .iter()
            .filter_map(Weak::upgrade)
            .find(|counters| counters.role == role && counters.run == *run);
        known.unwrap_or_else(|| {
            let counters = JobCounters::new(role, run.clone());
            all.push(Arc::downgrade(&counters));
            counters
        })
    }

    /// All that somebody keeps.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<JobCounters>> {
        let mut all = self.0.lock();
        all.retain(|counters| counters.strong_count() > 0);
        all.iter().filter_map(Weak::upgrade).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn job_counters_are_reported_while_somebody_keeps_them() {
        let counters = AllJobCounters::default();
        let of = |run| {
            counters.of(
                Role::Map,
                &JobRun {
                    run,
                    ..JobRun::of_no_job()
                },
            )
        };
        let (first, again, other) = (of(1), of(1), of(2));
        assert!(Arc::ptr_eq(&first, &again) && !Arc::ptr_eq(&first, &other));
        assert_eq!(counters.all().len(), 2);
        drop((first, again));
        assert_eq!(counters.all().len(), 1);
    }

    #[test]
    fn a_reducer_counts_over_its_partitions() {
        let counters = JobCounters::new(Role::Reduce, JobRun::of_no_job());
        counters.partition(0, 3, None, (1, vec![("a".into(), 1)]));
        counters.partition(1, 4, Some(9), (0, Vec::new()));
        counters.partition(0, 5, Some(9), (2, vec![("a".into(), 2)]));
        let counts = counters.counts();
        assert_eq!((counts.chunks, counts.total), (9, 18));
        assert_eq!((counts.quarantined, counts.partitions), (2, 2));
    }
}
