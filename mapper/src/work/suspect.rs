//! Chunks that may kill: each is mapped in processes of its own, and skipped if it cannot be run at
//! all.

use std::sync::Arc;
use std::thread;

use gristmill_common::chunk::Chunk;
use gristmill_jobs::transport::Delivery;
use tokio::runtime::Handle;
use tracing::warn;

use super::{PAUSE, Settle, attempt_of, count, encode_error, settle};
use crate::engine::mapper::Mapper;
use crate::work::assignment::Assignment;
use crate::work::fair_scheduler::{FairScheduler, Permit};
use crate::work::isolate::{NotRun, isolate};

/// Maps a chunk that may kill in processes of its own.
pub(super) fn run_apart(
    scheduler: &Arc<FairScheduler>,
    runtime: &Handle,
    job: &Arc<Assignment>,
    chunk: &Chunk,
    delivery: Delivery,
    permit: Permit,
) {
    let attempt = attempt_of(&delivery);
    let id = chunk.head.id;
    let (mapped, end) = match isolate(job, chunk, attempt, delivery.payload(), job.limits) {
        Ok(mapped) => (mapped, Settle::Ack),
        Err(NotRun::Fatal(reason)) => {
            let reason = format!("its chunk cannot be run: {reason}");
            warn!(job = %job.label(), chunk = %id, attempt, "the chunk is skipped: {reason}");
            let prepared = Arc::clone(&job.prepared);
            let mut mapper = Mapper::new(prepared, &job.spec, &job.plan_summary);
            match mapper.set_aside(chunk, &reason, Some(job.replays)) {
                Ok(mapped) => (mapped, Settle::DeadLetter(reason)),
                Err(source) => return scheduler.fail(job.number, encode_error(id, source)),
            }
        }
        // The chunk goes back when its delivery is dropped, and is tried again.
        Err(NotRun::Retryable(reason)) => {
            warn!(job = %job.label(), chunk = %id, attempt, "could not be run apart: {reason}");
            return thread::sleep(PAUSE);
        }
    };
    count(job, chunk, &mapped);
    let settling = settle(
        Arc::clone(scheduler),
        Arc::clone(job),
        mapped.outcomes,
        delivery,
        permit,
        end,
    );
    runtime.spawn(settling);
}
