//! The compute threads of a mapper: plain threads that take chunks in turn and map them.
//!
//! Only taking, publishing and acknowledging are asynchronous. They must not know which jobs there
//! are, nor why.

pub(crate) mod assignment;
pub(crate) mod cost;
pub(crate) mod fair_scheduler;
pub(crate) mod in_flight;
pub(crate) mod isolate;
mod kept;
mod message;
mod publish;
mod room;
mod settle;
pub(crate) mod split;
mod suspect;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use gristmill_common::chunk::Chunk;
use gristmill_common::id::ChunkId;
use gristmill_common::progress::Working;
use gristmill_common::shutdown::{Shutdown, Stage};
use gristmill_common::wire::WireError;
use gristmill_jobs::queue::Queue;
use gristmill_jobs::transport::Delivery;
use tokio::runtime::Handle;
use tracing::warn;

use crate::engine::mapper::Mapper;
use crate::work::assignment::{Assignment, MapError};
use crate::work::fair_scheduler::{FairScheduler, Next, Task};
use crate::work::kept::Mappers;
use crate::work::message::{Work, decode};
use crate::work::settle::{Settle, count, publish_all, settle};
use crate::work::split::SplitWork;
use crate::work::suspect::{pass_over, relapsed, run_apart};

/// Chunks of a job in hand and not settled, per thread, where settling takes no time: one is enough
/// to let the thread go on while the last is published.
const UNSETTLED: usize = 2;
/// The pause after a child process could not be had.
pub(crate) const PAUSE: Duration = Duration::from_secs(1);

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
    let scheduler = FairScheduler::new(threads.max(1) * UNSETTLED);
    let job = Arc::new(job);
    scheduler.add(Arc::clone(&job));
    scheduler.close();
    let feeding = runtime.spawn(feed(Arc::clone(&scheduler), job, shutdown.clone()));
    let worked = compute(&scheduler, threads, runtime);
    feeding.abort();
    let failed = scheduler.failures().into_iter().next();
    match failed {
        Some((_, MapError::Queue(_))) if shutdown.is_stopping() => Ok(()),
        Some((_, error)) => Err(error),
        None => worked,
    }
}

/// Feeds the scheduler with the job's chunks; a stop gives back what is in hand.
async fn feed(scheduler: Arc<FairScheduler>, job: Arc<Assignment>, shutdown: Shutdown) {
    let open = AtomicUsize::new(1);
    tokio::select! {
        () = pump(&scheduler, &job, Queue::Chunks, &open) => {}
        () = shutdown.reached(Stage::Draining) => scheduler.abort(),
    }
}

/// Moves chunks from one of a job's queues to the scheduler; `open` counts the job's queues.
pub(crate) async fn pump(
    scheduler: &FairScheduler,
    job: &Assignment,
    queue: Queue,
    open: &AtomicUsize,
) {
    loop {
        match job.transport.next(queue).await {
            Ok(Some(delivery)) => {
                job.progress.taken(delivery.age());
                scheduler.offer(job.number, delivery, queue == Queue::Suspect);
            }
            Ok(None) => break,
            Err(error) => return scheduler.fail(job.number, error.into()),
        }
    }
    if open.fetch_sub(1, Ordering::AcqRel) == 1 {
        scheduler.end(job.number);
    }
}

/// Runs compute threads until the scheduler ends and everything is settled.
///
/// # Errors
/// When a thread cannot be started or dies.
pub(crate) fn compute(
    scheduler: &Arc<FairScheduler>,
    threads: usize,
    runtime: &Handle,
) -> Result<(), MapError> {
    thread::scope(|scope| {
        let handles: Vec<_> = (0..threads.max(1))
            .map(|number| {
                thread::Builder::new()
                    .name(format!("map-{number}"))
                    .spawn_scoped(scope, || {
                        // In a panic too, so that the other threads do not wait for this one's
                        // chunk.
                        let guard = AbortUnlessDone {
                            scheduler: Some(scheduler),
                        };
                        map_all(scheduler, runtime);
                        guard.done();
                    })
            })
            .collect();
        handles.into_iter().try_for_each(|handle| {
            match handle.map(thread::ScopedJoinHandle::join) {
                Ok(Ok(())) => Ok(()),
                Ok(Err(_)) => Err(MapError::Thread("it panicked".into())),
                Err(error) => {
                    scheduler.abort();
                    Err(MapError::Thread(error.to_string()))
                }
            }
        })
    })
}

fn map_all(scheduler: &Arc<FairScheduler>, runtime: &Handle) {
    let mut mappers = Mappers::default();
    let mut gone = 0;
    // The job whose mapper holds rows.
    let mut held = None;
    while let Some(next) = scheduler.next(&mut gone) {
        let task = match next {
            Next::Task(task) => task,
            Next::Gone(left) => {
                mappers.keep(&left);
                continue;
            }
        };
        let Some(chunk) = chunk_of(&task, scheduler, runtime, &mut mappers) else {
            continue;
        };
        let job = task.job;
        if task.suspect && !job.runs_programs() {
            // No longer in flight, so not overdue for a thread's sake: the children are watched
            // here.
            if let Some(delivery) = task.in_flight.take() {
                run_apart(scheduler, runtime, &job, &chunk, delivery, task.permit);
            }
            continue;
        }
        if let Some(reason) = relapsed(&job, task.relapses) {
            if let Some(delivery) = task.in_flight.take() {
                let held = (delivery, task.permit);
                pass_over(scheduler, runtime, &job, &chunk, held, &reason);
            }
            continue;
        }
        let mapper = mappers.of(&job);
        let began = Instant::now();
        let working = Working::on(&job.progress.at_work.mapping);
        let mapped = if job.holds_rows() {
            held = Some(Arc::clone(&job));
            mapper.map_held(&chunk)
        } else {
            mapper.map_counted(&chunk)
        };
        drop(working);
        if let Some(fatal) = job.prepared.fatal() {
            scheduler.fail(job.number, fatal.clone().into());
            continue;
        }
        if job.prepared.is_stopping() {
            // Programs were killed, perhaps: the chunk goes back.
            continue;
        }
        match mapped {
            Ok(mapped) => {
                // Whoever found that it takes too long has taken it away.
                let Some(delivery) = task.in_flight.take() else {
                    continue;
                };
                job.progress.map_seconds.observe(began.elapsed());
                if let Some(cost) = &job.cost {
                    cost.took(began.elapsed());
                }
                count(&job, &chunk, &mapped);
                drop(chunk);
                // Before the permit, which wakes those who wait until nothing else is in flight.
                drop(task.in_flight);
                let (scheduler, outcomes) = (Arc::clone(scheduler), mapped.outcomes);
                let end = Settle::Ack;
                runtime.spawn(settle(scheduler, job, outcomes, delivery, task.permit, end));
            }
            Err(source) => scheduler.fail(job.number, encode_error(chunk.head.id, source)),
        }
    }
    if let Some(job) = held
        && let Err(error) = publish_held(&job, mappers.of(&job), runtime)
    {
        scheduler.fail(job.number, error);
    }
}

/// The chunk that a message is. A split is mapped, and what cannot be read is set aside.
fn chunk_of(
    task: &Task,
    scheduler: &FairScheduler,
    runtime: &Handle,
    mappers: &mut Mappers,
) -> Option<Chunk> {
    let Task { job, in_flight, .. } = task;
    match decode(&task.payload, job) {
        Ok(Work::Chunk(chunk)) => return Some(chunk),
        Ok(Work::Split(split, attached)) => {
            let work = SplitWork {
                scheduler,
                runtime,
                job,
                in_flight,
                suspect: task.suspect,
                relapsed: relapsed(job, task.relapses),
            };
            work.map(&split, &attached, mappers.of(job));
        }
        Err(reason) => {
            if let Some(delivery) = in_flight.take() {
                dead_letter(job, delivery, &reason, runtime);
            }
            if job.strict {
                scheduler.fail(job.number, MapError::Undecodable(reason));
            }
        }
    }
    None
}

/// Publishes what is still held of a job's rows.
fn publish_held(job: &Assignment, mapper: &mut Mapper, runtime: &Handle) -> Result<(), MapError> {
    let outcomes = mapper.held().map_err(|source| MapError::Encode {
        chunk: "that was mapped last".into(),
        source,
    })?;
    Ok(runtime.block_on(publish_all(job, outcomes))?)
}

/// Sets a message aside that cannot be read.
fn dead_letter(job: &Assignment, delivery: Delivery, reason: &str, runtime: &Handle) {
    let (job, attempt) = (job.label(), attempt_of(&delivery));
    // What cannot be read has no number.
    warn!(%job, chunk = "-", attempt, "set aside: {reason}");
    runtime.block_on(delivery.dead_letter(reason.to_owned()));
}

/// Which attempt at a chunk a delivery is, from 1, as far as the broker counts.
pub(crate) fn attempt_of(delivery: &Delivery) -> u64 {
    delivery.delivery_count().unwrap_or(0) + 1
}

pub(super) fn encode_error(chunk: ChunkId, source: WireError) -> MapError {
    MapError::Encode {
        chunk: chunk.to_string(),
        source,
    }
}

/// Stops the other threads unless told that all is well.
struct AbortUnlessDone<'a> {
    scheduler: Option<&'a FairScheduler>,
}

impl AbortUnlessDone<'_> {
    fn done(mut self) {
        self.scheduler = None;
    }
}

impl Drop for AbortUnlessDone<'_> {
    fn drop(&mut self) {
        if let Some(scheduler) = self.scheduler {
            scheduler.abort();
        }
    }
}
