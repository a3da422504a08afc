//! Waiting longer after each failure, never in step with other processes.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

/// Exponential back-off with "equal jitter": half of the delay is fixed, half is random.
#[derive(Debug)]
pub(crate) struct Backoff {
    first: Duration,
    longest: Duration,
    failures: u32,
}

impl Backoff {
    pub(crate) fn new(first: Duration, longest: Duration) -> Self {
        Self {
            first,
            longest,
            failures: 0,
        }
    }

    /// How long to wait after one more failure.
    pub(crate) fn next(&mut self) -> Duration {
        let factor = 1u32 << self.failures.min(20);
        self.failures = self.failures.saturating_add(1);
        let whole = self.first.saturating_mul(factor).min(self.longest);
        let half = whole / 2;
        // The standard library's hasher keys are random per instance: enough for jitter.
        let share = (RandomState::new().build_hasher().finish() >> 40) as f64 / (1u64 << 24) as f64;
        half + half.mul_f64(share)
    }

    /// Something worked: the next failure waits shortly again.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_to_its_limit_and_starts_over() {
        let (first, longest) = (Duration::from_millis(10), Duration::from_secs(1));
        let mut backoff = Backoff::new(first, longest);
        let delays: Vec<Duration> = (0..40).map(|_| backoff.next()).collect();
        assert!(delays[0] >= first / 2 && delays[0] <= first);
        assert!(delays[39] >= longest / 2 && delays[39] <= longest);
        backoff.reset();
        assert!(backoff.next() <= first);
    }
}
