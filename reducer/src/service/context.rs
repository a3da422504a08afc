//! What the threads of one job on a broker share.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gristmill_common::job::{JobName, JobRun};
use gristmill_common::plan_summary::PlanSummary;
use gristmill_common::progress::{JobCounters, Progress};
use gristmill_common::shutdown::{Shutdown, Stage};
use gristmill_common::spec::JobSpec;
use gristmill_jobs::declare::queue_depth;
use gristmill_jobs::queue::Queue;
use gristmill_jobs::registry::{Event, Registry};
use gristmill_jobs::transport::{Delivery, PublishError, Transport};
use gristmill_rabbitmq::{Broker, QueueError};
use tokio::runtime::Handle;
use tracing::warn;

use crate::engine::product::Settings;
use crate::engine::reduce_error::ReduceError;
use crate::service::Publish;
use crate::service::ledger::StateDir;

/// All that the threads of one job share.
pub(crate) struct JobContext<'a> {
    pub(crate) name: &'a JobName,
    pub(crate) run: u64,
    pub(crate) spec: &'a JobSpec,
    pub(crate) plan_summary: &'a PlanSummary,
    pub(crate) replace: bool,
    /// How often the job was replayed.
    pub(crate) replays: u32,
    pub(crate) state_dir: &'a StateDir,
    pub(crate) broker: &'a Broker,
    pub(crate) registry: &'a Registry,
    pub(crate) transport: &'a Transport,
    pub(crate) runtime: &'a Handle,
    pub(crate) settings: Settings,
    pub(crate) progress: &'a Progress,
    /// What is reported of this job.
    pub(crate) counters: &'a JobCounters,
    /// Stops the work on this job.
    pub(crate) stop: &'a Shutdown,
    /// Set once the log says that the job is sealed.
    pub(crate) sealed: &'a AtomicBool,
    /// A batch of so many messages is written: half of what the broker hands over unsettled.
    pub(crate) window: usize,
    /// A batch of so many bytes is written.
    pub(crate) full: usize,
    /// How long nothing may come before a sealed job counts as stalled.
    pub(crate) stall_after: Duration,
    /// Where the finished output goes beside the output directory.
    pub(crate) publish: Option<&'a dyn Publish>,
    /// The pause after taking a partition.
    pub(crate) spread: Duration,
    pub(crate) turns: Mutex<()>,
    pub(crate) duplicates: AtomicU64,
}

impl JobContext<'_> {
    /// This run of the job.
    pub(crate) fn this(&self) -> JobRun {
        JobRun::new(self.name, self.run)
    }

    /// The next message of a partition's queue.
    pub(crate) fn next(&self, partition: u32, wait: Duration) -> Result<Next, ReduceError> {
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                () = self.stop.reached(Stage::Draining) => Ok(Next::Stopped),
                next = self.transport.next(Queue::Results(partition)) => match next? {
                    Some(delivery) => {
                        self.progress.taken(delivery.age());
                        Ok(Next::Message(delivery))
                    }
                    None => Ok(Next::Stopped),
                },
                () = tokio::time::sleep(wait) => Ok(Next::Nothing),
            }
        })
    }

    /// From now on what a partition's queue holds is to come here.
    pub(crate) fn expect(&self, partition: u32) {
        // It may begin the subscription, which is a task.
        let _entered = self.runtime.enter();
        self.transport.expect(Queue::Results(partition));
    }

    /// Waits, unless a stop is asked for.
    pub(crate) fn pause(&self, time: Duration) {
        self.runtime.block_on(async {
            let _ = tokio::time::timeout(time, self.stop.reached(Stage::Draining)).await;
        });
    }

    pub(crate) fn turn(&self) -> MutexGuard<'_, ()> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn duplicate(&self) {
        self.duplicates.fetch_add(1, Ordering::Relaxed);
        Progress::add(&self.progress.duplicates, 1);
    }

    /// Whether the output of an earlier run, or of this one before a replay, makes room for this
    /// one's.
    pub(crate) fn may_replace(&self) -> bool {
        self.replace || self.replays > 0
    }

    pub(crate) fn is_sealed(&self) -> bool {
        self.sealed.load(Ordering::Relaxed)
    }

    /// Whether no chunk and no outcome for a partition waits on the broker.
    pub(crate) fn is_drained(&self, partition: u32) -> Result<bool, ReduceError> {
        for queue in [Queue::Chunks, Queue::Suspect, Queue::Results(partition)] {
            match self
                .runtime
                .block_on(queue_depth(self.broker, &self.this(), queue))
            {
                Ok(Some(0)) => {}
                Ok(Some(_)) => return Ok(false),
                Ok(None) => return Err(PublishError::NoQueue(queue).into()),
                // It is asked again later.
                Err(_) => return Ok(false),
            }
        }
        Ok(true)
    }

    /// How many messages lie in the job's queue of dead letters.
    pub(crate) fn dead_letters(&self) -> Result<u64, QueueError> {
        let run = self.this();
        let depth = queue_depth(self.broker, &run, Queue::Dead);
        Ok(self.runtime.block_on(depth)?.map_or(0, u64::from))
    }

    /// Writes an event about the job; a log that cannot be written is the manager's to notice.
    pub(crate) fn append(&self, event: &Event) {
        let written = self
            .runtime
            .block_on(self.registry.append(self.name, self.run, event));
        if let Err(error) = written {
            warn!(job = %self.name, "{error}");
        }
    }
}

/// What waiting for a message gives.
pub(crate) enum Next {
    Message(Delivery),
    /// Nothing came in time.
    Nothing,
    /// A stop was asked for.
    Stopped,
}
