//! The queues of a job inside one process: memory, bounded in bytes.

use std::sync::Arc;

use bytes::Bytes;

use super::pipe::{Found, Pipe};
use super::{Delivery, PublishError};
use crate::queue::Queue;

/// How many bytes of messages the queues may hold, those in hand included.
#[derive(Clone, Copy, Debug)]
pub struct Capacity {
    /// Of chunks.
    pub chunks: usize,
    /// Of results, per partition.
    pub results: usize,
}

/// Queues in memory. Clones share them.
#[derive(Clone, Debug)]
pub struct Embedded {
    chunks: Arc<Pipe>,
    results: Arc<[Arc<Pipe>]>,
}

impl Embedded {
    /// The queues of a job with `partitions` partitions.
    #[must_use]
    pub fn new(partitions: u32, capacity: Capacity) -> Self {
        Self {
            chunks: Arc::new(Pipe::new(capacity.chunks)),
            results: (0..partitions)
                .map(|_| Arc::new(Pipe::new(capacity.results)))
                .collect(),
        }
    }

    pub(super) fn pipe(&self, queue: Queue) -> Result<&Arc<Pipe>, PublishError> {
        match queue {
            Queue::Chunks => Ok(&self.chunks),
            Queue::Results(partition) => self
                .results
                .get(partition as usize)
                .ok_or(PublishError::NoQueue(queue)),
            Queue::Suspect | Queue::Dead | Queue::Files => Err(PublishError::NoQueue(queue)),
        }
    }

    pub(super) async fn publish(&self, to: Queue, message: Bytes) -> Result<(), PublishError> {
        let taken = self.pipe(to)?.push(&message, |ready| ready).await;
        if taken {
            Ok(())
        } else {
            Err(PublishError::Stopped)
        }
    }

    pub(super) async fn next(&self, from: Queue) -> Result<Option<Delivery>, PublishError> {
        let pipe = self.pipe(from)?;
        Ok(match pipe.pop().await {
            Found::Message(payload, redelivered) => {
                Some(Delivery::new(payload, redelivered, Arc::clone(pipe)))
            }
            Found::End => None,
        })
    }

    pub(super) fn finish(&self, queue: Queue) {
        if let Ok(pipe) = self.pipe(queue) {
            pipe.finish();
        }
    }

    pub(super) fn stop(&self) {
        self.pipes().for_each(|pipe| pipe.stop());
    }

    pub(super) fn dead_letter_reasons(&self) -> Vec<String> {
        self.pipes()
            .flat_map(|pipe| pipe.dead_letter_reasons())
            .collect()
    }

    fn pipes(&self) -> impl Iterator<Item = &Arc<Pipe>> {
        std::iter::once(&self.chunks).chain(self.results.iter())
    }
}
