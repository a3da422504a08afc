//! Bodies on their way to the threads that merge them, bounded in bytes.

use std::sync::Arc;

use bytes::Bytes;
use gristmill_common::id::ChunkId;
use parking_lot::{Condvar, Mutex};

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

/// Bodies that all threads look at; their bytes count until the last of them has.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) bodies: Vec<(ChunkId, Bytes)>,
    cost: usize,
    backlog: Backlog,
}

impl Backlog {
    /// At most `limit` bytes, or one batch.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            state: Arc::default(),
            limit,
        }
    }

    /// Waits for room.
    pub(super) fn admit(&self, bodies: Vec<(ChunkId, Bytes)>) -> Arc<Batch> {
        let cost = bodies.iter().map(|(_, body)| body.len() + OVERHEAD).sum();
        let mut held = self.state.bytes.lock();
        while *held > 0 && *held + cost > self.limit {
            self.state.freed.wait(&mut held);
        }
        *held += cost;
        drop(held);
        Arc::new(Batch {
            bodies,
            cost,
            backlog: self.clone(),
        })
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        *self.backlog.state.bytes.lock() -= self.cost;
        self.backlog.state.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn a_batch_waits_until_there_is_room_and_a_large_one_goes_alone() {
        let batch = |len: usize| vec![(ChunkId { split: 0, index: 0 }, Bytes::from(vec![0; len]))];
        let backlog = Backlog::new(1000);
        let (to, from) = mpsc::channel();
        std::thread::scope(|scope| {
            let first = backlog.admit(batch(5000));
            scope.spawn(|| {
                for _ in 0..20 {
                    to.send(backlog.admit(batch(300))).unwrap();
                    assert!(*backlog.state.bytes.lock() <= 1000);
                }
                drop(to);
            });
            assert!(from.try_recv().is_err());
            drop(first);
            let taken = from.iter().map(|batch| batch.bodies[0].1.len());
            assert_eq!(taken.sum::<usize>(), 6000);
        });
        assert_eq!(*backlog.state.bytes.lock(), 0);
    }
}
