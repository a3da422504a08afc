//! Sharing the chunks of a split: where a kind computes for long over them, a thread that reads a
//! split hands chunks to the job's queue while nothing waits there, so that a large file is not the
//! work of one thread.
//!
//! It never waits on that queue, which it feeds and others empty: what is not taken at once it maps
//! itself. A chunk may so be mapped twice, and reducers take it once (I2).

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use gristmill_common::chunk::Chunk;
use gristmill_common::split_task::SplitTask;
use gristmill_common::wire::{self, BodyForm};
use gristmill_jobs::queue::Queue;
use gristmill_jobs::transport::{PublishError, Transport};
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::SplitWork;
use crate::work::assignment::{Assignment, MapError};
use crate::work::in_flight::InFlight;

/// How often it is looked whether anything waits in the queue.
const LOOK: Duration = Duration::from_millis(100);
/// How long the queue may take to answer, or to take a chunk.
const PATIENCE: Duration = Duration::from_secs(2);
/// Chunks that may wait there; twice as many each time that it is found empty.
const FEW: u32 = 4;
/// And at the most.
const MANY: u32 = 256;

/// Hands chunks of one split to the queue.
pub(super) struct Sharing<'a> {
    job: &'a Arc<Assignment>,
    runtime: &'a Handle,
    in_flight: &'a InFlight,
    room: Room,
    looked: Option<Instant>,
}

impl<'a> Sharing<'a> {
    /// How the chunks of a split are shared; `None` if they are not.
    pub(super) fn of(work: &SplitWork<'a>, task: &SplitTask) -> Option<Self> {
        let shares = work.job.spec.kind.computes_for_long()
            && matches!(work.job.transport, Transport::Amqp(_))
            // Less is a chunk or two.
            && task.size() > task.chunk_size;
        shares.then_some(Self {
            job: work.job,
            runtime: work.runtime,
            in_flight: work.in_flight,
            room: Room::default(),
            looked: None,
        })
    }

    /// Hands the chunk over; false if it is to be mapped here.
    ///
    /// # Errors
    /// When the queue does not exist any more.
    pub(super) fn share(&mut self, chunk: &Chunk) -> Result<bool, MapError> {
        if !self.has_room() {
            return Ok(false);
        }
        let encoded = wire::encode_chunk(&chunk.head, chunk.body.to_vec(), BodyForm::Packed);
        // One that is too large for a message is mapped here.
        let Ok((message, _)) = encoded else {
            return Ok(false);
        };
        let publishing = (self.job.transport).publish(Queue::Chunks, Bytes::from(message));
        let taken = self.in_flight.waits(|| {
            let waits = async { timeout(PATIENCE, publishing).await };
            self.runtime.block_on(waits)
        });
        match taken {
            Ok(Ok(())) => {
                self.room.enter();
                Ok(true)
            }
            Ok(Err(error @ (PublishError::Stopped | PublishError::NoQueue(_)))) => {
                Err(error.into())
            }
            Ok(Err(PublishError::Refused(_))) | Err(_) => {
                self.room.close();
                Ok(false)
            }
        }
    }

    /// Whether another chunk may wait in the queue.
    fn has_room(&mut self) -> bool {
        let due = self.looked.is_none_or(|looked| looked.elapsed() >= LOOK);
        if self.room.is_to_be_looked_at(due) {
            let waiting = self.in_flight.waits(|| {
                let asking = self.job.transport.waiting(Queue::Chunks);
                let asking = async { timeout(PATIENCE, asking).await };
                self.runtime.block_on(asking)
            });
            self.looked = Some(Instant::now());
            self.room.look(waiting.ok().flatten());
        }
        self.room.left > 0
    }
}

/// How many more chunks may be handed over.
#[derive(Debug)]
struct Room {
    left: u32,
    /// How many may wait in the queue.
    most: u32,
    /// It was empty: whoever takes from it may be waiting.
    empty: bool,
}

impl Default for Room {
    fn default() -> Self {
        Self {
            left: 0,
            most: FEW,
            empty: false,
        }
    }
}

impl Room {
    /// Whether the queue is to be looked at: it is time (`due`), or others take chunks as fast as
    /// they come.
    fn is_to_be_looked_at(&self, due: bool) -> bool {
        self.left == 0 && (due || self.empty)
    }

    /// So many chunks wait, as far as is known.
    fn look(&mut self, waiting: Option<u32>) {
        self.empty = waiting == Some(0);
        self.left = waiting.map_or(0, |waiting| self.most.saturating_sub(waiting));
        if self.empty {
            self.most = (2 * self.most).min(MANY);
        }
    }

    /// A chunk was handed over.
    fn enter(&mut self) {
        self.left = self.left.saturating_sub(1);
    }

    /// The queue takes nothing.
    fn close(&mut self) {
        (self.left, self.empty) = (0, false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_chunks_may_wait_as_others_take() {
        let mut room = Room::default();
        assert!(room.is_to_be_looked_at(true) && !room.is_to_be_looked_at(false));
        for most in [FEW, 2 * FEW, 4 * FEW] {
            room.look(Some(0));
            assert_eq!(room.left, most);
            for _ in 0..most {
                assert!(!room.is_to_be_looked_at(true));
                room.enter();
            }
            // They may have been taken already.
            assert!(room.is_to_be_looked_at(false));
        }
        room.look(Some(5));
        assert_eq!(room.left, 8 * FEW - 5);
        for _ in 0..room.left {
            room.enter();
        }
        assert!(!room.is_to_be_looked_at(false));
        for waiting in [None, Some(1000)] {
            room.look(waiting);
            assert_eq!(room.left, 0);
        }
        room.look(Some(0));
        room.close();
        assert!(room.left == 0 && !room.is_to_be_looked_at(false));
    }

    #[test]
    fn the_room_has_an_end() {
        let mut room = Room::default();
        for _ in 0..20 {
            room.look(Some(0));
        }
        assert_eq!(room.left, MANY);
    }
}
