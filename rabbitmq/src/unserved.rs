//! Queues at whose subscription the broker ended the whole connection, as it does where a quorum
//! queue has no Raft member. Each try ends all other subscriptions too, so there are fewer and
//! fewer.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;

use super::backoff::Backoff;

/// After so many tries in a row a queue is one of these: one try may have met another's fault.
const MANY: u32 = 5;
const FIRST_WAIT: Duration = Duration::from_secs(10);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// The queues, over all subscriptions of a process: one that is made anew knows what was before.
#[derive(Debug, Default)]
pub(super) struct Unserved(Mutex<HashMap<String, Tries>>);

/// Tries in a row.
#[derive(Debug)]
struct Tries {
    count: u32,
    waits: Backoff,
}

/// What a failed try makes of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failed {
    /// It may be served at the next try.
    Again,
    /// It is not served, and was until now; it is to be tried after this time.
    First(Duration),
    /// It is still not served.
    Still(Duration),
}

impl Unserved {
    /// A try to subscribe ended the connection.
    pub(super) fn failed(&self, queue: &str) -> Failed {
        let mut all = self.0.lock();
        let tries = all.entry(queue.to_owned()).or_insert_with(|| Tries {
            count: 0,
            waits: Backoff::new(FIRST_WAIT, LONGEST_WAIT),
        });
        tries.count = tries.count.saturating_add(1);
        match tries.count {
            0..MANY => Failed::Again,
            MANY => Failed::First(tries.waits.next()),
            _ => Failed::Still(tries.waits.next()),
        }
    }

    /// A queue is subscribed to, or gone. Returns whether it was not served until now.
    pub(super) fn forget(&self, queue: &str) -> bool {
        let tries = self.0.lock().remove(queue);
        tries.is_some_and(|tries| tries.count >= MANY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_is_tried_more_seldom_until_it_is_served() {
        let unserved = Unserved::default();
        for _ in 1..MANY {
            assert_eq!(unserved.failed("a"), Failed::Again);
        }
        assert!(!unserved.forget("a"));
        for _ in 1..MANY {
            assert_eq!(unserved.failed("a"), Failed::Again);
        }
        assert!(matches!(unserved.failed("a"), Failed::First(wait) if wait >= FIRST_WAIT / 2));
        assert_eq!(unserved.failed("b"), Failed::Again);
        let last = (0..6).map(|_| unserved.failed("a")).last();
        assert!(matches!(last, Some(Failed::Still(wait)) if wait >= LONGEST_WAIT / 2));
        assert!(unserved.forget("a") && !unserved.forget("a"));
    }
}
