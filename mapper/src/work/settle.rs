//! How a chunk ends: what came of it is published, and then it is acknowledged.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use bytes::Bytes;
use gristmill_common::chunk::Chunk;
use gristmill_common::crash;
use gristmill_common::plan_summary::Sent;
use gristmill_common::progress::Progress;
use gristmill_jobs::transport::{Delivery, PublishError};

use super::publish;
use crate::engine::mapper::Mapped;
use crate::work::assignment::Assignment;
use crate::work::fair_scheduler::{FairScheduler, Permit};

/// How a chunk ends once its outcomes are confirmed.
pub(super) enum Settle {
    Ack,
    /// It is kept among the dead letters, to be replayed.
    DeadLetter(String),
}

/// Publishes what was mapped and settles its chunk, in this order (invariant I3).
pub(super) async fn settle(
    scheduler: Arc<FairScheduler>,
    job: Arc<Assignment>,
    outcomes: Vec<(u32, Bytes)>,
    delivery: Delivery,
    permit: Permit,
    end: Settle,
) {
    crash::point("mapped");
    let _in_hand = InHand::new(&job.progress);
    let began = Instant::now();
    if let Err(error) = publish_all(&job, outcomes).await {
        // The delivery is dropped, which gives the chunk back.
        return scheduler.fail(job.number, error.into());
    }
    job.progress.confirm_seconds.observe(began.elapsed());
    crash::point("outcome-confirmed");
    match end {
        Settle::Ack => drop(delivery.ack().await),
        Settle::DeadLetter(reason) => drop(delivery.dead_letter(reason).await),
    }
    crash::point("chunk-acknowledged");
    drop(permit);
}

/// Publishes outcomes, each to its partition.
pub(super) async fn publish_all(
    job: &Assignment,
    outcomes: Vec<(u32, Bytes)>,
) -> Result<(), PublishError> {
    for (partition, message) in outcomes {
        let size = publish::publish(job, partition, message).await?;
        Progress::add(&job.progress.outcome_bytes, size);
        crash::point("outcome-published");
    }
    Ok(())
}

pub(super) fn count(job: &Assignment, chunk: &Chunk, mapped: &Mapped) {
    let progress = &job.progress;
    // In a job of splits it is a part of one that somebody else reads.
    let is_part = job.sent == Sent::Splits;
    Progress::add(&progress.chunks_mapped, u64::from(!is_part));
    Progress::add(&progress.bytes_mapped, chunk.body.len() as u64);
    Progress::add(&progress.records, mapped.records);
    Progress::add(&progress.quarantined, mapped.quarantined);
    progress.touch();
    if let Some(counters) = &job.counters {
        let bytes = chunk.body.len() as u64;
        match is_part {
            false => counters.mapped(bytes, mapped.quarantined),
            true => {
                counters.mapped_text(bytes);
                counters.set_aside(mapped.quarantined);
            }
        }
        counters.counted(&mapped.counters);
    }
}

/// A chunk counts as in hand while this is kept.
struct InHand(Arc<Progress>);

impl InHand {
    fn new(progress: &Arc<Progress>) -> Self {
        Progress::add(&progress.in_hand, 1);
        Self(Arc::clone(progress))
    }
}

impl Drop for InHand {
    fn drop(&mut self) {
        self.0.in_hand.fetch_sub(1, Ordering::Relaxed);
    }
}
