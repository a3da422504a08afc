//! What a chunk of a job costs, and how many are taken ahead by that: who takes many that take
//! minutes keeps its neighbours idle, who takes few that take milliseconds waits for the broker.
//!
//! It must not know how chunks are taken.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;

/// More are taken ahead once this many chunks were seen: to subscribe anew may return what is in
/// hand, which counts as an attempt of it.
const ENOUGH: u32 = 24;
/// What is taken ahead may take a thread so long.
const AHEAD: Duration = Duration::from_secs(2);

/// How many chunks are taken ahead of those that threads work on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Ahead {
    /// None: each takes seconds, or nobody knows yet what they take.
    #[default]
    None,
    /// One for each thread.
    One,
    /// As many as are ever taken.
    Many,
}

/// The cost of a job's chunks, as this process has seen it.
#[derive(Debug)]
pub struct Cost {
    threads: u32,
    /// How many are as many as are ever taken.
    many: u32,
    seen: Mutex<Seen>,
    /// Rung when another number is to be taken ahead.
    changed: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Seen {
    /// Of one chunk; the last ones count most.
    time: Option<Duration>,
    chunks: u32,
    ahead: Ahead,
}

impl Cost {
    /// Nothing is known yet. `many` chunks ahead are shared by `threads`; `changed` is rung when
    /// what is known changes how many are to be taken.
    pub(crate) fn new(threads: usize, many: usize, changed: &Arc<Notify>) -> Self {
        let number = |count: usize| u32::try_from(count.max(1)).unwrap_or(u32::MAX);
        Self {
            threads: number(threads),
            many: number(many),
            seen: Mutex::default(),
            changed: Arc::clone(changed),
        }
    }

    /// How many are to be taken ahead.
    pub(crate) fn ahead(&self) -> Ahead {
        self.seen.lock().ahead
    }

    /// A thread took so long for a chunk.
    pub(crate) fn took(&self, time: Duration) {
        let mut seen = self.seen.lock();
        let before = seen.time.unwrap_or(time);
        let now = before.mul_f64(0.75) + time.mul_f64(0.25);
        seen.time = Some(now);
        seen.chunks = seen.chunks.saturating_add(1);
        let ahead = self.fitting(now);
        // Between the two nothing changes: to subscribe anew has its price.
        let less = self.fitting(now / 2).max(ahead);
        let kept = seen.ahead.clamp(ahead, less);
        if kept < seen.ahead || kept > seen.ahead && seen.chunks >= ENOUGH {
            seen.ahead = kept;
            self.changed.notify_one();
        }
    }

    /// The most of which a thread has no more than [`AHEAD`] ahead.
    fn fitting(&self, time: Duration) -> Ahead {
        if time.saturating_mul(self.many) <= AHEAD.saturating_mul(self.threads) {
            Ahead::Many
        } else if time <= AHEAD {
            Ahead::One
        } else {
            Ahead::None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn took(cost: &Cost, millis: u64, times: u32) -> Ahead {
        for _ in 0..times {
            cost.took(Duration::from_millis(millis));
        }
        cost.ahead()
    }

    #[test]
    fn none_is_taken_ahead_of_slow_chunks_and_many_of_quick_ones() {
        // Fourteen for two threads are seven for each.
        let cost = Cost::new(2, 14, &Arc::default());
        assert_eq!(cost.ahead(), Ahead::None);
        assert_eq!(took(&cost, 5, ENOUGH - 1), Ahead::None);
        assert_eq!(took(&cost, 5, 1), Ahead::Many);
        assert_eq!(
            took(&cost, 500, 20),
            Ahead::Many,
            "no more than twice the bound"
        );
        assert_eq!(took(&cost, 700, 20), Ahead::One);
        assert_eq!(took(&cost, 3000, 20), Ahead::One);
        assert_eq!(took(&cost, 60_000, 1), Ahead::None);
        assert_eq!(took(&cost, 1500, 40), Ahead::One);
        assert_eq!(took(&cost, 1, 40), Ahead::Many);
    }

    #[tokio::test]
    async fn who_waits_for_a_change_is_told() {
        let changed = Arc::default();
        let cost = Cost::new(1, 14, &changed);
        cost.took(Duration::from_secs(60));
        let nothing = tokio::time::timeout(Duration::from_millis(10), changed.notified());
        assert!(nothing.await.is_err());
        took(&cost, 1, 40);
        changed.notified().await;
    }
}
