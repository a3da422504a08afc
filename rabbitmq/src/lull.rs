//! How long nothing has come of a queue, and when it is looked whether anything should have. It
//! must not ask the broker.

use tokio::time::{Duration, Instant, sleep_until};

/// After so long without a message it is looked whether the queue holds any.
const FIRST: Duration = Duration::from_secs(10);
/// Each time that was in vain the next look is later, up to that: most queues from which nothing
/// comes are empty, and a node that is left may have been merely slow.
const LONGEST: Duration = Duration::from_secs(80);

/// A time in which nothing comes.
#[derive(Debug)]
pub(super) struct Lull {
    since: Instant,
    pause: Duration,
}

impl Default for Lull {
    fn default() -> Self {
        Self {
            since: Instant::now(),
            pause: FIRST,
        }
    }
}

impl Lull {
    /// Something came, or is in hand.
    pub(super) fn heard(&mut self) {
        *self = Self::default();
    }

    /// A subscription begins; what was in vain before still counts.
    pub(super) fn begin(&mut self) {
        self.since = Instant::now();
    }

    /// It was looked: the next look is later.
    pub(super) fn looked(&mut self) {
        self.looked_at(Instant::now());
    }

    fn looked_at(&mut self, now: Instant) {
        self.since = now;
        self.pause = (self.pause * 2).min(LONGEST);
    }

    fn due(&self) -> Instant {
        self.since + self.pause
    }

    /// Waits until the next look is due. Dropping the future loses nothing.
    pub(super) async fn over(&self) {
        sleep_until(self.due()).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_are_further_and_further_apart_until_something_comes() {
        let mut lull = Lull::default();
        let start = lull.since;
        let looks: Vec<u64> = (0..6)
            .map(|_| {
                let due = lull.due();
                lull.looked_at(due);
                (due - start).as_secs()
            })
            .collect();
        assert_eq!(looks, [10, 30, 70, 150, 230, 310]);
        lull.heard();
        assert_eq!(lull.due() - lull.since, FIRST);
    }
}
