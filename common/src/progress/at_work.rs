//! How many threads of each stage are at work just now, rather than waiting for another stage: the
//! stage whose threads never wait is the one that limits a job. For people only.

use std::sync::atomic::{AtomicU64, Ordering};

/// Threads at work, by stage.
#[derive(Debug, Default)]
pub struct AtWork {
    /// Reading: not waiting for room for a chunk.
    pub reading: AtomicU64,
    /// Mapping a chunk.
    pub mapping: AtomicU64,
    /// Merging outcomes or writing the output.
    pub merging: AtomicU64,
}

/// A thread that is at work until this is dropped.
#[derive(Debug)]
pub struct Working<'a>(&'a AtomicU64);

impl<'a> Working<'a> {
    /// Counts this thread in a stage of [`AtWork`].
    #[must_use]
    pub fn on(stage: &'a AtomicU64) -> Self {
        stage.fetch_add(1, Ordering::Relaxed);
        Self(stage)
    }

    /// Does something that is waiting, not work.
    pub fn pause<T>(&self, waiting: impl FnOnce() -> T) -> T {
        self.0.fetch_sub(1, Ordering::Relaxed);
        // In a panic too.
        let _again = Again(self.0);
        waiting()
    }
}

impl Drop for Working<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

struct Again<'a>(&'a AtomicU64);

impl Drop for Again<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_waits_is_not_at_work() {
        let at_work = AtWork::default();
        let count = || at_work.reading.load(Ordering::Relaxed);
        let first = Working::on(&at_work.reading);
        let second = Working::on(&at_work.reading);
        assert_eq!(count(), 2);
        assert_eq!(first.pause(count), 1);
        assert_eq!(count(), 2);
        drop(second);
        assert_eq!(count(), 1);
        let panicked = std::panic::AssertUnwindSafe(|| first.pause(|| panic!("a test")));
        assert!(std::panic::catch_unwind(panicked).is_err());
        drop(first);
        assert_eq!(count(), 0);
    }
}
