//! The compute threads of a mapper: plain threads that take chunks in turn and map them.
//!
//! Only taking, publishing and acknowledging are asynchronous. They must not know which jobs there
//! are, nor why.

pub(crate) mod assignment;
pub(crate) mod isolate;
mod publish;
pub(crate) mod rota;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use gristmill_common::chunk::Chunk;
use gristmill_common::crash;
use gristmill_common::progress::Progress;
use gristmill_common::shutdown::{Shutdown, Stage};
use gristmill_common::wire::{self, Message, WireError};
use gristmill_jobs::queue::Queue;
use gristmill_jobs::transport::Delivery;
use tokio::runtime::Handle;
use tracing::warn;

use crate::engine::mapper::{Mapped, Mapper};
use crate::work::assignment::{Assignment, MapError};
use crate::work::isolate::{NotRun, isolate};
use crate::work::rota::{Rota, Slot};

/// Chunks of a job in hand and not settled, per thread, where settling takes no time: one is enough
/// to let the thread go on while the last is published.
const UNSETTLED: usize = 2;
/// The pause after a child process could not be had.
const PAUSE: Duration = Duration::from_secs(1);
/// Jobs whose processor a thread keeps ready.
const KEPT: usize = 8;

/// Maps the chunks of one job on `threads` threads until its queue of chunks is finished or
/// `shutdown` asks for a stop. Blocks; `runtime` is where taking, publishing and acknowledging run.
///
/// A chunk is acknowledged only when all its outcomes are taken (invariant I3); a stop gives back
/// what is in hand.
///
/// # Errors
/// When a message cannot be read or a queue fails. A queue that was stopped after `shutdown` asked
/// for it is no error.
pub fn work(
    job: Assignment,
    threads: usize,
    runtime: &Handle,
    shutdown: &Shutdown,
) -> Result<(), MapError> {
    let rota = Rota::new(threads.max(1) * UNSETTLED);
    let job = Arc::new(job);
    rota.add(Arc::clone(&job));
    rota.close();
    let feeding = runtime.spawn(feed(Arc::clone(&rota), job, shutdown.clone()));
    let worked = compute(&rota, threads, runtime);
    feeding.abort();
    let failed = rota.failures().into_iter().next();
    match failed {
        Some((_, MapError::Queue(_))) if shutdown.is_stopping() => Ok(()),
        Some((_, error)) => Err(error),
        None => worked,
    }
}

/// Feeds the rota with the job's chunks; a stop gives back what is in hand.
async fn feed(rota: Arc<Rota>, job: Arc<Assignment>, shutdown: Shutdown) {
    let open = AtomicUsize::new(1);
    tokio::select! {
        () = pump(&rota, &job, Queue::Chunks, &open) => {}
        () = shutdown.reached(Stage::Draining) => rota.abort(),
    }
}

/// Moves chunks from one of a job's queues to the rota; `open` counts the job's queues.
pub(crate) async fn pump(rota: &Rota, job: &Assignment, queue: Queue, open: &AtomicUsize) {
    loop {
        match job.transport.next(queue).await {
            Ok(Some(delivery)) => {
                job.progress.taken(delivery.age());
                rota.offer(job.number, delivery, queue == Queue::Suspect);
            }
            Ok(None) => break,
            Err(error) => return rota.fail(job.number, error.into()),
        }
    }
    if open.fetch_sub(1, Ordering::AcqRel) == 1 {
        rota.end(job.number);
    }
}

/// Runs compute threads until the rota ends and everything is settled.
///
/// # Errors
/// When a thread cannot be started or dies.
pub(crate) fn compute(rota: &Arc<Rota>, threads: usize, runtime: &Handle) -> Result<(), MapError> {
    thread::scope(|scope| {
        let handles: Vec<_> = (0..threads.max(1))
            .map(|number| {
                thread::Builder::new()
                    .name(format!("map-{number}"))
                    .spawn_scoped(scope, || {
                        // In a panic too, so that the other threads do not wait for this one's chunk.
                        let guard = AbortUnlessDone { rota: Some(rota) };
                        map_all(rota, runtime);
                        guard.done();
                    })
            })
            .collect();
        handles.into_iter().try_for_each(|handle| {
            match handle.map(thread::ScopedJoinHandle::join) {
                Ok(Ok(())) => Ok(()),
                Ok(Err(_)) => Err(MapError::Thread("it panicked".into())),
                Err(error) => {
                    rota.abort();
                    Err(MapError::Thread(error.to_string()))
                }
            }
        })
    })
}

fn map_all(rota: &Arc<Rota>, runtime: &Handle) {
    // The processors of the jobs that came last, the latest at the end.
    let mut mappers: Vec<(Weak<Assignment>, Mapper)> = Vec::new();
    while let Some(task) = rota.next() {
        let job = task.job;
        let chunk = match decode(&task.payload, &job) {
            Ok(chunk) => chunk,
            Err(reason) => {
                if let Some(delivery) = task.chunk.take() {
                    let (job, attempt) = (job.label(), attempt_of(&delivery));
                    // What cannot be read has no number.
                    warn!(%job, chunk = "-", attempt, "set aside: {reason}");
                    runtime.block_on(delivery.bury(reason.clone()));
                }
                if job.strict {
                    rota.fail(job.number, MapError::Undecodable(reason));
                }
                continue;
            }
        };
        if task.deadly {
            // Out of its cradle: the children are watched here.
            if let Some(delivery) = task.chunk.take() {
                run_apart(rota, runtime, &job, &chunk, delivery, task.slot);
            }
            continue;
        }
        let mapper = mapper_of(&mut mappers, &job);
        let began = Instant::now();
        let mapped = mapper.map_counted(&chunk);
        if let Some(reason) = job.prepared.fatal() {
            rota.fail(job.number, MapError::Hopeless(reason.into()));
            continue;
        }
        match mapped {
            Ok(mapped) => {
                // Whoever found that it takes too long has taken it away.
                let Some(delivery) = task.chunk.take() else {
                    continue;
                };
                job.progress.map_seconds.observe(began.elapsed());
                count(&job, &chunk, &mapped);
                drop(chunk);
                let rota = Arc::clone(rota);
                let end = Settle::Ack;
                runtime.spawn(settle(rota, job, mapped.outcomes, delivery, task.slot, end));
            }
            Err(source) => rota.fail(job.number, encode_error(&chunk, source)),
        }
    }
}

/// Maps a chunk that may kill in processes of its own.
fn run_apart(
    rota: &Arc<Rota>,
    runtime: &Handle,
    job: &Arc<Assignment>,
    chunk: &Chunk,
    delivery: Delivery,
    slot: Slot,
) {
    let attempt = attempt_of(&delivery);
    match isolate(job, chunk, attempt, delivery.payload(), job.limits) {
        Ok(mapped) => {
            count(job, chunk, &mapped);
            let (rota, job) = (Arc::clone(rota), Arc::clone(job));
            let end = Settle::Ack;
            runtime.spawn(settle(rota, job, mapped.outcomes, delivery, slot, end));
        }
        Err(NotRun::Never(reason)) => {
            let reason = format!("its chunk cannot be run: {reason}");
            let id = chunk.head.id;
            warn!(
                job = %job.label(),
                chunk = %id, attempt, "a tombstone takes its place: {reason}"
            );
            let prepared = Arc::clone(&job.prepared);
            let mut mapper = Mapper::new(prepared, &job.spec, &job.outline);
            match mapper.tombstone(chunk, &reason, job.replays) {
                Ok(mapped) => {
                    count(job, chunk, &mapped);
                    let (rota, job) = (Arc::clone(rota), Arc::clone(job));
                    let end = Settle::Bury(reason);
                    runtime.spawn(settle(rota, job, mapped.outcomes, delivery, slot, end));
                }
                Err(source) => rota.fail(job.number, encode_error(chunk, source)),
            }
        }
        // The chunk goes back when its delivery is dropped, and is tried again.
        Err(NotRun::Later(reason)) => {
            let id = chunk.head.id;
            warn!(
                job = %job.label(),
                chunk = %id, attempt, "could not be run apart: {reason}"
            );
            thread::sleep(PAUSE);
        }
    }
}

fn mapper_of<'a>(
    mappers: &'a mut Vec<(Weak<Assignment>, Mapper)>,
    job: &Arc<Assignment>,
) -> &'a mut Mapper {
    // Jobs that are over; what they have loaded may be large.
    mappers.retain(|(job, _)| job.strong_count() > 0);
    let known = (mappers.iter()).position(|(known, _)| known.as_ptr() == Arc::as_ptr(job));
    let mapper = match known {
        Some(at) => mappers.remove(at),
        None => {
            if mappers.len() >= KEPT {
                mappers.remove(0);
            }
            let prepared = Arc::clone(&job.prepared);
            let mapper = Mapper::new(prepared, &job.spec, &job.outline);
            (Arc::downgrade(job), mapper)
        }
    };
    mappers.push(mapper);
    let last = mappers.len() - 1;
    &mut mappers[last].1
}

/// Which attempt at a chunk a delivery is, from 1, as far as the broker counts.
pub(crate) fn attempt_of(delivery: &Delivery) -> u64 {
    delivery.delivery_count().unwrap_or(0) + 1
}

fn encode_error(chunk: &Chunk, source: WireError) -> MapError {
    MapError::Encode {
        chunk: chunk.head.id.to_string(),
        source,
    }
}

/// How a chunk ends once its outcomes are confirmed.
enum Settle {
    Ack,
    /// It is kept among the dead letters, to be replayed.
    Bury(String),
}

/// Publishes what was mapped and settles its chunk, in this order (invariant I3).
async fn settle(
    rota: Arc<Rota>,
    job: Arc<Assignment>,
    outcomes: Vec<(u32, Bytes)>,
    delivery: Delivery,
    slot: Slot,
    end: Settle,
) {
    crash::point("mapped");
    let _in_hand = InHand::new(&job.progress);
    let began = Instant::now();
    for (partition, message) in outcomes {
        let size = message.len() as u64;
        // On failure the delivery is dropped, which gives the chunk back.
        if let Err(error) = publish::publish(&job, partition, message).await {
            rota.fail(job.number, error.into());
            return;
        }
        Progress::add(&job.progress.outcome_bytes, size);
    }
    job.progress.confirm_seconds.observe(began.elapsed());
    crash::point("outcome-confirmed");
    match end {
        Settle::Ack => drop(delivery.ack().await),
        Settle::Bury(reason) => drop(delivery.bury(reason).await),
    }
    crash::point("chunk-acknowledged");
    drop(slot);
}

fn count(job: &Assignment, chunk: &Chunk, mapped: &Mapped) {
    let progress = &job.progress;
    Progress::add(&progress.chunks_mapped, 1);
    Progress::add(&progress.bytes_mapped, chunk.body.len() as u64);
    Progress::add(&progress.records, mapped.records);
    Progress::add(&progress.quarantined, mapped.quarantined);
    progress.touch();
    if let Some(tally) = &job.tally {
        tally.mapped(chunk.body.len() as u64, mapped.quarantined);
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

fn decode(payload: &Bytes, job: &Assignment) -> Result<Chunk, String> {
    match wire::decode(payload, job.check) {
        Ok(Message::Chunk(chunk)) if chunk.head.id.split < job.outline.splits => Ok(chunk),
        Ok(Message::Chunk(chunk)) => Err(format!(
            "chunk {} of a job of {} splits",
            chunk.head.id, job.outline.splits
        )),
        Ok(_) => Err("not a chunk".into()),
        Err(error) => Err(error.to_string()),
    }
}

/// Stops the other threads unless told that all is well.
struct AbortUnlessDone<'a> {
    rota: Option<&'a Rota>,
}

impl AbortUnlessDone<'_> {
    fn done(mut self) {
        self.rota = None;
    }
}

impl Drop for AbortUnlessDone<'_> {
    fn drop(&mut self) {
        if let Some(rota) = self.rota {
            rota.abort();
        }
    }
}
