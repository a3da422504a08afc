//! A histogram of durations that threads add to without waiting for each other. It must not know
//! who reads it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The upper bounds of the buckets, in seconds; one more bucket holds what is beyond.
pub const BOUNDS: [f64; 16] = [
    0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0, 300.0,
    3600.0,
];

/// Counts durations by bucket.
#[derive(Debug, Default)]
pub struct Histogram {
    counts: [AtomicU64; BOUNDS.len() + 1],
    nanoseconds: AtomicU64,
}

/// What a histogram held at one moment. The counts are of each bucket alone, not added up.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// One count a bucket of [`BOUNDS`], and the last one for what is beyond.
    pub counts: [u64; BOUNDS.len() + 1],
    /// The sum of all durations in seconds.
    pub sum: f64,
}

impl Histogram {
    /// Adds a duration. The sum holds 584 years.
    pub fn observe(&self, duration: Duration) {
        let seconds = duration.as_secs_f64();
        let bucket = BOUNDS.partition_point(|bound| *bound < seconds);
        self.counts[bucket].fetch_add(1, Ordering::Relaxed);
        let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
    }

    /// What it holds now. Additions that cross the reading may be in the sum or the counts alone.
    #[must_use]
    pub fn read(&self) -> Snapshot {
        Snapshot {
            counts: std::array::from_fn(|at| self.counts[at].load(Ordering::Relaxed)),
            sum: Duration::from_nanos(self.nanoseconds.load(Ordering::Relaxed)).as_secs_f64(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_counts_in_the_first_bucket_that_holds_it() {
        let histogram = Histogram::default();
        for millis in [0, 1, 2, 3_600_000, 3_600_001] {
            histogram.observe(Duration::from_millis(millis));
        }
        let read = histogram.read();
        assert_eq!(
            read.counts[0], 2,
            "0 and 1 ms: bounds belong to their bucket"
        );
        assert_eq!(read.counts[1], 1);
        assert_eq!(read.counts[BOUNDS.len() - 1], 1);
        assert_eq!(read.counts[BOUNDS.len()], 1, "beyond the last bound");
        assert_eq!(read.counts.iter().sum::<u64>(), 5);
        assert!((read.sum - 7200.004).abs() < 1e-9, "{read:?}");
    }
}
