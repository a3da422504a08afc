//! Whether a program, with all that it started, has more memory than it may, and how often that has
//! to be looked at.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use rustix::process::getpid;

use super::family::{memory, own_memory};
use super::group::Group;

/// How often memory that may soon be too much is looked at.
const OFTEN: Duration = Duration::from_millis(25);
/// How often it is looked at closely, and memory that is far from too much.
const SELDOM: Duration = Duration::from_millis(250);
/// More memory than a core can take in a second, in bytes: what it takes is cleared.
const FASTEST: u64 = 8 << 30;

/// The memory of a program below this process, a keeper.
pub(super) struct MemoryWatch {
    most: u64,
    look: Instant,
}

impl MemoryWatch {
    /// A program that has begun now, and may have so many bytes.
    pub(super) fn new(most: u64) -> Self {
        Self {
            most,
            look: Instant::now() + OFTEN,
        }
    }

    /// Whether it is known at `now` to have too much. `group` holds it, if there is one.
    pub(super) fn is_too_much(&mut self, now: Instant, group: Option<&mut Group>) -> bool {
        if now < self.look {
            return false;
        }
        let pause = match group {
            Some(group) => (!group.is_short()).then_some(OFTEN),
            None => self.pause(),
        };
        self.look = now + pause.unwrap_or_default();
        pause.is_none()
    }

    /// When to look again; none if it is too much.
    fn pause(&self) -> Option<Duration> {
        let taken = memory(getpid());
        if taken <= self.most {
            return Some(soonest(self.most - taken, cores()));
        }
        // Processes that share memory, as after a fork, have less than the sum says.
        (own_memory(getpid()) <= self.most).then_some(SELDOM)
    }
}

/// How long it takes so many cores at least to have so much more memory.
fn soonest(left: u64, cores: u64) -> Duration {
    Duration::from_millis(left / (FASTEST / 1000 * cores)).clamp(OFTEN, SELDOM)
}

fn cores() -> u64 {
    // It is found out by reading files.
    static CORES: OnceLock<u64> = OnceLock::new();
    *CORES
        .get_or_init(|| std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_looked_at_before_it_can_be_too_much() {
        for cores in [1, 2, 64] {
            for left in [0, 1, 100 << 20, 2 << 30, 64 << 30] {
                let pause = soonest(left, cores);
                let taken = FASTEST as f64 * pause.as_secs_f64() * cores as f64;
                assert!(
                    pause == OFTEN || taken <= left as f64 * 1.01,
                    "{left} on {cores}"
                );
                assert!((OFTEN..=SELDOM).contains(&pause));
            }
        }
        assert_eq!(soonest(2 << 30, 1), SELDOM);
        assert_eq!(soonest(2 << 30, 64), OFTEN);
    }
}
