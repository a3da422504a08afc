//! The mapper role: takes chunks from a queue until it is finished.
//!
//! Compute threads are plain threads; only taking, publishing and acknowledging are asynchronous.

use std::sync::Arc;
use std::thread;

use bytes::Bytes;
use gristmill_common::chunk::Chunk;
use gristmill_common::outline::Outline;
use gristmill_common::progress::Progress;
use gristmill_common::shutdown::{Shutdown, Stage};
use gristmill_common::spec::JobSpec;
use gristmill_common::transport::{Delivery, PublishError, Queue, Transport};
use gristmill_common::wire::{self, Check, Message, WireError};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use crate::mapper::Mapped;
use crate::{Mapper, Prepared};

/// Mapped chunks that may wait to be published, per thread. Each waits with its results, so this
/// bounds memory; one is enough to let the thread go on while the last is published.
const WAITING: usize = 1;

/// Why mapping stopped.
#[derive(Debug, thiserror::Error)]
pub enum MapError {
    /// A message is no chunk; it was buried.
    #[error("a chunk cannot be read and was set aside: {0}")]
    Undecodable(String),
    /// A result does not fit a message.
    #[error("the results of chunk {chunk} cannot travel: {source}")]
    Encode {
        /// Which chunk.
        chunk: String,
        /// What is wrong.
        source: WireError,
    },
    /// The queue refused.
    #[error("the queue failed: {0}")]
    Queue(#[from] PublishError),
    /// A thread could not be started, or died.
    #[error("a mapper thread failed: {0}")]
    Thread(String),
}

/// Maps the chunks of a job on `threads` threads until the queue of chunks is finished or
/// `shutdown` asks for a stop. Blocks; `runtime` is where publishing and acknowledging run.
///
/// A chunk is acknowledged only when all its outcomes are taken (invariant I3); a stop gives back
/// what is in hand and not yet mapped.
///
/// # Errors
/// When a message cannot be read or a queue fails. A queue that was stopped after `shutdown` asked
/// for it is no error.
#[expect(
    clippy::too_many_arguments,
    reason = "a role's whole surroundings, named one by one"
)]
pub fn work(
    transport: &Transport,
    prepared: Arc<Prepared>,
    spec: &JobSpec,
    outline: &Outline,
    threads: usize,
    runtime: &Handle,
    progress: &Progress,
    shutdown: &Shutdown,
) -> Result<(), MapError> {
    // Advanced when one thread fails, so that the others stop too.
    let halt = Shutdown::new();
    let results: Vec<Result<(), MapError>> = thread::scope(|scope| {
        let handles: Vec<_> = (0..threads.max(1))
            .map(|number| {
                let worker = Worker {
                    transport,
                    runtime,
                    progress,
                    shutdown,
                    halt: &halt,
                };
                let mapper = Mapper::new(Arc::clone(&prepared), spec, outline);
                thread::Builder::new()
                    .name(format!("map-{number}"))
                    .spawn_scoped(scope, move || worker.run(mapper))
            })
            .collect();
        handles
            .into_iter()
            .map(|handle| match handle.map(thread::ScopedJoinHandle::join) {
                Ok(Ok(result)) => result,
                Ok(Err(_)) => Err(MapError::Thread("it panicked".into())),
                Err(error) => Err(MapError::Thread(error.to_string())),
            })
            .collect()
    });
    results.into_iter().collect()
}

/// What one compute thread works with.
#[derive(Clone, Copy)]
struct Worker<'a> {
    transport: &'a Transport,
    runtime: &'a Handle,
    progress: &'a Progress,
    shutdown: &'a Shutdown,
    halt: &'a Shutdown,
}

impl Worker<'_> {
    fn run(self, mapper: Mapper) -> Result<(), MapError> {
        // Dropped in a panic too, so that the other threads do not wait for this one's chunk.
        let _halt = HaltUnlessDone::new(self.halt);
        let (hand_over, waiting) = mpsc::channel(WAITING);
        let settler = self.runtime.spawn(settle(self.transport.clone(), waiting));
        let mapped = self.map_all(mapper, hand_over);
        let settled = self
            .runtime
            .block_on(settler)
            .unwrap_or_else(|error| Err(MapError::Thread(error.to_string())));
        let result = mapped.and(settled);
        match result {
            Err(MapError::Queue(PublishError::Stopped)) if self.shutdown.is_stopping() => Ok(()),
            Err(error) => {
                self.halt.advance(Stage::Aborted);
                Err(error)
            }
            Ok(()) => {
                _halt.done();
                Ok(())
            }
        }
    }

    fn map_all(
        self,
        mut mapper: Mapper,
        hand_over: mpsc::Sender<(Vec<(u32, Bytes)>, Delivery)>,
    ) -> Result<(), MapError> {
        while let Some(delivery) = self.next()? {
            let chunk = match decode(delivery.payload()) {
                Ok(chunk) => chunk,
                Err(reason) => {
                    self.runtime.block_on(delivery.bury(reason.clone()));
                    return Err(MapError::Undecodable(reason));
                }
            };
            let mapped = mapper
                .map_counted(&chunk)
                .map_err(|source| MapError::Encode {
                    chunk: chunk.head.id.to_string(),
                    source,
                })?;
            self.count(&chunk, &mapped);
            drop(chunk);
            // Refused only when the settler has ended, which says why itself.
            let sent = hand_over.send((mapped.outcomes, delivery));
            if self.runtime.block_on(sent).is_err() {
                break;
            }
        }
        Ok(())
    }

    fn next(self) -> Result<Option<Delivery>, PublishError> {
        if self.shutdown.is_stopping() || self.halt.is_stopping() {
            return Ok(None);
        }
        self.runtime.block_on(async {
            tokio::select! {
                found = self.transport.next(Queue::Chunks) => found,
                () = self.shutdown.reached(Stage::Draining) => Ok(None),
                () = self.halt.reached(Stage::Draining) => Ok(None),
            }
        })
    }

    fn count(self, chunk: &Chunk, mapped: &Mapped) {
        Progress::add(&self.progress.chunks_mapped, 1);
        Progress::add(&self.progress.bytes_mapped, chunk.body.len() as u64);
        Progress::add(&self.progress.records, mapped.records);
        Progress::add(&self.progress.quarantined, mapped.quarantined);
    }
}

/// Publishes what was mapped and acknowledges its chunk, in this order (invariant I3).
async fn settle(
    transport: Transport,
    mut waiting: mpsc::Receiver<(Vec<(u32, Bytes)>, Delivery)>,
) -> Result<(), MapError> {
    while let Some((outcomes, delivery)) = waiting.recv().await {
        for (partition, message) in outcomes {
            // On failure the delivery is dropped, which gives the chunk back.
            transport
                .publish(Queue::Results(partition), message)
                .await?;
        }
        delivery.ack().await;
    }
    Ok(())
}

fn decode(payload: &Bytes) -> Result<Chunk, String> {
    match wire::decode(payload, Check::Head) {
        Ok(Message::Chunk(chunk)) => Ok(chunk),
        Ok(_) => Err("not a chunk".into()),
        Err(error) => Err(error.to_string()),
    }
}

/// Stops the other threads unless told that all is well.
struct HaltUnlessDone<'a> {
    halt: Option<&'a Shutdown>,
}

impl<'a> HaltUnlessDone<'a> {
    fn new(halt: &'a Shutdown) -> Self {
        Self { halt: Some(halt) }
    }

    fn done(mut self) {
        self.halt = None;
    }
}

impl Drop for HaltUnlessDone<'_> {
    fn drop(&mut self) {
        if let Some(halt) = self.halt {
            halt.advance(Stage::Aborted);
        }
    }
}
