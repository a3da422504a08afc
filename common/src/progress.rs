//! Progress for people: counters that every role of a process adds to. Correctness never reads
//! them (I5).

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters of one running job in one process.
#[derive(Debug, Default)]
pub struct Progress {
    /// Bytes of the inputs as they lie on disk; 0 while unknown (a stream).
    pub bytes_total: AtomicU64,
    /// Bytes of them read so far.
    pub bytes_read: AtomicU64,
    /// Sources read to their end.
    pub sources_done: AtomicU64,
    /// Chunks cut.
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
}
