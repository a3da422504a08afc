//! A transport that misbehaves as networks and brokers do, by a seed: it delivers twice, out of
//! order, and again after the acknowledgement was lost. Tests prove with it that the output's bytes
//! do not change.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use super::{Delivery, Embedded, PublishError};
use crate::queue::Queue;

/// Queues in memory that duplicate, reorder and redeliver.
#[derive(Clone, Debug)]
pub struct Faulty {
    inner: Embedded,
    rng: FaultRng,
}

impl Faulty {
    /// Wraps queues; the same seed gives the same faults.
    #[must_use]
    pub fn new(inner: Embedded, seed: u64) -> Self {
        Self {
            inner,
            rng: FaultRng {
                rolls: Arc::new(AtomicU64::new(0)),
                seed,
            },
        }
    }

    pub(super) fn inner(&self) -> &Embedded {
        &self.inner
    }

    pub(super) async fn publish(&self, to: Queue, message: Bytes) -> Result<(), PublishError> {
        let pipe = self.inner.pipe(to)?;
        let rng = &self.rng;
        if !pipe
            .push(&message, |ready| rng.below(ready as u64 + 1) as usize)
            .await
        {
            return Err(PublishError::Stopped);
        }
        if rng.below(6) == 0 {
            pipe.force(message, |ready| rng.below(ready as u64 + 1) as usize);
        }
        Ok(())
    }

    pub(super) async fn next(&self, from: Queue) -> Result<Option<Delivery>, PublishError> {
        let delivery = self.inner.next(from).await?;
        Ok(delivery.map(|delivery| delivery.with_rng(self.rng.clone())))
    }
}

/// A seeded random number generator, shared by all clones (the order of threads decides who gets
/// which).
#[derive(Clone, Debug)]
pub(super) struct FaultRng {
    rolls: Arc<AtomicU64>,
    seed: u64,
}

impl FaultRng {
    /// A number below `bound`: SplitMix64 of the seed and the number of the roll.
    fn below(&self, bound: u64) -> u64 {
        let roll = self.rolls.fetch_add(1, Ordering::Relaxed);
        let mut x = self
            .seed
            .wrapping_add(roll.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (x ^ (x >> 31)) % bound.max(1)
    }

    pub(super) fn loses_ack(&self) -> bool {
        self.below(8) == 0
    }
}
