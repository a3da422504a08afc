//! Chunks that may kill: each is mapped in processes of its own, and skipped if it cannot be run at
//! all.

use std::sync::Arc;
use std::thread;

use bytes::Bytes;
use gristmill_common::chunk::Chunk;
use gristmill_jobs::declare::CHUNK_DELIVERIES;
use gristmill_jobs::transport::Delivery;
use tokio::runtime::Handle;
use tracing::warn;

use super::settle::{Settle, count, settle};
use super::{PAUSE, attempt_of, encode_error};
use crate::engine::mapper::{Mapped, Mapper};
use crate::work::assignment::{Assignment, MapError};
use crate::work::fair_scheduler::{FairScheduler, Permit};
use crate::work::isolate::{NotRun, isolate};

/// So often a suspect of a job that runs programs may come back.
const RELAPSES: u64 = 3;

/// How often a suspect came back as one, of what its queue counted. RabbitMQ 3.10.8 counts from
/// zero; 4.3.6 goes on where the queue of chunks gave it up, which is behind its limit.
pub(super) fn relapses(counted: u64) -> u64 {
    let before = u64::from(CHUNK_DELIVERIES) + 1;
    counted.checked_sub(before).unwrap_or(counted)
}

/// What came of mapping a chunk in processes of its own.
pub(super) struct Apart {
    pub(super) mapped: Mapped,
    /// Why it could not be run at all.
    refused: Option<String>,
}

/// Maps a chunk in processes of its own; `None`, after a pause, when no process could be had. A
/// chunk that cannot be run at all is skipped, or without `replays` set aside record by record.
pub(super) fn map_apart(
    job: &Assignment,
    chunk: &Chunk,
    attempt: u64,
    payload: &Bytes,
    replays: Option<u32>,
) -> Result<Option<Apart>, MapError> {
    let id = chunk.head.id;
    match isolate(job, chunk, attempt, payload, job.limits) {
        Ok(mapped) => Ok(Some(Apart {
            mapped,
            refused: None,
        })),
        Err(NotRun::Fatal(reason)) => skip(job, chunk, attempt, &reason, replays).map(Some),
        Err(NotRun::Retryable(reason)) => {
            warn!(job = %job.label(), chunk = %id, attempt, "could not be run apart: {reason}");
            thread::sleep(PAUSE);
            Ok(None)
        }
    }
}

/// Sets a chunk aside that cannot be run at all.
fn skip(
    job: &Assignment,
    chunk: &Chunk,
    attempt: u64,
    reason: &str,
    replays: Option<u32>,
) -> Result<Apart, MapError> {
    let id = chunk.head.id;
    let reason = format!("its chunk cannot be run: {reason}");
    let end = replays.map_or("set aside", |_| "skipped");
    warn!(job = %job.label(), chunk = %id, attempt, "the chunk is {end}: {reason}");
    let prepared = Arc::clone(&job.prepared);
    let mut mapper = Mapper::new(prepared, &job.spec, job.splits);
    let mapped = mapper.set_aside(chunk, &reason, replays);
    Ok(Apart {
        mapped: mapped.map_err(|source| encode_error(id, source))?,
        refused: Some(reason),
    })
}

/// Why a chunk of a job that runs programs cannot be run, if it came back too often as a suspect.
///
/// Its program has processes of its own, so one that crashes is seen to have crashed. What ends the
/// mapper as well (the kernel ends a container that is out of memory as a whole) leaves nobody to
/// see it. But no other program ran at its mapper meanwhile.
pub(super) fn relapsed(job: &Assignment, relapses: Option<u64>) -> Option<String> {
    let relapses = relapses.filter(|relapses| *relapses >= RELAPSES)?;
    job.runs_programs().then(|| {
        format!(
            "{relapses} times its mapper ended, or lost the broker, while it ran no other program \
             (was the machine or container out of memory?)"
        )
    })
}

/// Skips a chunk that cannot be run.
pub(super) fn pass_over(
    scheduler: &Arc<FairScheduler>,
    runtime: &Handle,
    job: &Arc<Assignment>,
    chunk: &Chunk,
    (delivery, permit): (Delivery, Permit),
    reason: &str,
) {
    let attempt = attempt_of(&delivery);
    match skip(job, chunk, attempt, reason, Some(job.replays)) {
        Ok(apart) => end(scheduler, runtime, job, chunk, (delivery, permit), apart),
        Err(error) => scheduler.fail(job.number, error),
    }
}

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
    let replays = Some(job.replays);
    match map_apart(job, chunk, attempt, delivery.payload(), replays) {
        Ok(Some(apart)) => end(scheduler, runtime, job, chunk, (delivery, permit), apart),
        // The chunk goes back when its delivery is dropped, and is tried again.
        Ok(None) => {}
        Err(error) => scheduler.fail(job.number, error),
    }
}

/// Publishes what came of a chunk and settles it.
fn end(
    scheduler: &Arc<FairScheduler>,
    runtime: &Handle,
    job: &Arc<Assignment>,
    chunk: &Chunk,
    (delivery, permit): (Delivery, Permit),
    apart: Apart,
) {
    let Apart { mapped, refused } = apart;
    count(job, chunk, &mapped);
    let settling = settle(
        Arc::clone(scheduler),
        Arc::clone(job),
        mapped.outcomes,
        delivery,
        permit,
        refused.map_or(Settle::Ack, Settle::DeadLetter),
    );
    runtime.spawn(settling);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn returns_are_counted_from_where_the_queue_of_chunks_gave_up() {
        assert_eq!([0, 1, 2, 3].map(relapses), [0, 1, 2, 3]);
        assert_eq!([4, 5, 6, 7].map(relapses), [0, 1, 2, 3]);
    }
}
