//! Where in the batch in work a worker is, as far as it says so: a unit that hangs is known then,
//! and costs one time-out.

use std::time::{Duration, Instant};

/// Where a worker is was told this long ago at most, or it may be elsewhere: the interpreter that
/// hangs in one call of a library lets no other thread tell anything.
const FRESH: Duration = Duration::from_millis(2500);

/// What a worker has said of its progress.
pub(super) struct Position {
    /// Units of the batch in work that it says are done.
    done: usize,
    told: Option<Instant>,
    moved: Instant,
}

impl Position {
    /// At the beginning of a batch.
    pub(super) fn new() -> Self {
        Self {
            done: 0,
            told: None,
            moved: Instant::now(),
        }
    }

    /// When it last went forward.
    pub(super) fn moved(&self) -> Instant {
        self.moved
    }

    /// It goes forward.
    pub(super) fn moves(&mut self) {
        self.moved = Instant::now();
    }

    /// It says that it is alive, and perhaps how many units are done: then it goes forward only if
    /// they are more than before.
    pub(super) fn ping(&mut self, done: Option<u32>) {
        let now = Instant::now();
        match done.map(|done| done as usize) {
            Some(done) => {
                self.told = Some(now);
                if done > self.done {
                    self.done = done;
                    self.moved = now;
                }
            }
            None => self.moved = now,
        }
    }

    /// How many units of the batch are done, if that is known.
    pub(super) fn done(&self) -> Option<usize> {
        let told = self.told.filter(|told| told.elapsed() < FRESH);
        told.map(|_| self.done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ping_that_says_no_more_is_no_progress() {
        let mut position = Position::new();
        let began = position.moved();
        assert_eq!(position.done(), None);
        position.ping(Some(0));
        assert_eq!((position.done(), position.moved()), (Some(0), began));
        position.ping(Some(3));
        position.ping(Some(2));
        assert_eq!(position.done(), Some(3));
        let before = position.moved();
        assert!(before > began);
        position.ping(None);
        assert!(position.moved() > before);
    }
}
