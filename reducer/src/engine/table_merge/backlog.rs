//! Bodies on their way to the threads that merge them, bounded in bytes.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use gristmill_common::id::ChunkId;

/// What one body costs beside its bytes.
pub(super) const OVERHEAD: usize = 96;

/// Lets so many bytes be on their way.
#[derive(Clone, Debug)]
pub(super) struct Backlog {
    state: Arc<State>,
    limit: usize,
}

#[derive(Debug, Default)]
struct State {
    bytes: Mutex<usize>,
    freed: Condvar,
}

/// A body that all threads look at; its bytes count until the last of them has.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) id: ChunkId,
    pub(super) bytes: Bytes,
    backlog: Backlog,
}

impl Backlog {
    /// At most `limit` bytes, or one body.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            state: Arc::default(),
            limit,
        }
    }

    /// Waits for room.
    pub(super) fn admit(&self, id: ChunkId, bytes: Bytes) -> Arc<Body> {
        let cost = bytes.len() + OVERHEAD;
        let mut held = self.lock();
        while *held > 0 && *held + cost > self.limit {
            let woken = self.state.freed.wait(held);
            held = woken.unwrap_or_else(PoisonError::into_inner);
        }
        *held += cost;
        drop(held);
        Arc::new(Body {
            id,
            bytes,
            backlog: self.clone(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, usize> {
        let locked = self.state.bytes.lock();
        locked.unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        *self.backlog.lock() -= self.bytes.len() + OVERHEAD;
        self.backlog.state.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn a_body_waits_until_there_is_room_and_a_large_one_goes_alone() {
        let id = ChunkId { split: 0, index: 0 };
        let backlog = Backlog::new(1000);
        let (to, from) = mpsc::channel();
        std::thread::scope(|scope| {
            let first = backlog.admit(id, vec![0; 5000].into());
            scope.spawn(|| {
                for _ in 0..20 {
                    to.send(backlog.admit(id, vec![0; 300].into())).unwrap();
                    assert!(*backlog.lock() <= 1000);
                }
                drop(to);
            });
            assert!(from.try_recv().is_err());
            drop(first);
            let taken = from.iter().map(|body| body.bytes.len());
            assert_eq!(taken.sum::<usize>(), 6000);
        });
        assert_eq!(*backlog.lock(), 0);
    }
}
