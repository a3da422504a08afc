//! Who runs reduce programs in this process: many at a time, or one alone, which comes before those
//! that have not begun.

use std::time::Duration;

use parking_lot::{Condvar, Mutex};

/// How often a stop is looked for while others run.
const LOOK: Duration = Duration::from_millis(200);

/// What all jobs of a reducer share.
#[derive(Debug, Default)]
pub(super) struct Turns {
    state: Mutex<State>,
    ended: Condvar,
}

#[derive(Debug, Default)]
struct State {
    running: usize,
    /// Those that run alone or wait for that.
    alone: usize,
}

/// A turn, until it is dropped.
#[derive(Debug)]
pub(super) struct Turn<'t> {
    turns: &'t Turns,
    alone: bool,
}

impl Turns {
    /// Waits for a turn, beside others or alone; none if a stop is asked for.
    pub(super) fn take(&self, alone: bool, is_stopping: impl Fn() -> bool) -> Option<Turn<'_>> {
        let mut state = self.state.lock();
        state.alone += usize::from(alone);
        while state.running > 0 && alone || state.alone > 0 && !alone {
            if is_stopping() {
                state.alone -= usize::from(alone);
                return None;
            }
            self.ended.wait_for(&mut state, LOOK);
        }
        state.running += 1;
        Some(Turn { turns: self, alone })
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut state = self.turns.state.lock();
        state.running -= 1;
        state.alone -= usize::from(self.alone);
        drop(state);
        self.turns.ended.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_runs_alone_runs_beside_nobody_and_who_is_stopped_leaves_the_others_be() {
        let turns = Turns::default();
        let (go_on, stop) = (|| false, || true);
        let one = turns.take(false, go_on).unwrap();
        let other = turns.take(false, go_on).unwrap();
        assert!(turns.take(true, stop).is_none());
        let third = turns.take(false, go_on).unwrap();
        drop((one, other, third));
        let alone = turns.take(true, go_on).unwrap();
        assert!(turns.take(false, stop).is_none());
        assert!(turns.take(true, stop).is_none());
        drop(alone);
        assert!(turns.take(false, stop).is_some());
    }
}
