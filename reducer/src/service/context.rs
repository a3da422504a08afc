//! One job on a broker as this reducer works on it: what its threads share, and how much they take
//! in hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use gristmill_common::job::JobRun;
use gristmill_common::progress::{JobCounters, Progress};
use gristmill_common::shutdown::{Shutdown, Stage};
use gristmill_jobs::declare::queue_depth;
use gristmill_jobs::queue::Queue;
use gristmill_jobs::registry::{Event, Submission};
use gristmill_jobs::transport::{Delivery, PublishError, Transport};
use gristmill_jobs::worker::Worker;
use gristmill_rabbitmq::QueueError;
use parking_lot::Mutex;
use tracing::warn;

use crate::engine::product::Settings;
use crate::engine::reduce_error::ReduceError;
use crate::service::Publish;
use crate::service::ledger::StateDir;

/// The least memory of one partition.
pub(super) const LEAST: u64 = 1 << 20;
/// How long reducers that start together take to share the partitions of a job.
const SPREAD: Duration = Duration::from_millis(300);

/// All that the threads of one job share.
pub(crate) struct JobContext {
    pub(crate) run: JobRun,
    pub(crate) submission: Submission,
    /// How often the job was replayed.
    pub(crate) replays: u32,
    pub(crate) state_dir: StateDir,
    pub(crate) worker: Worker,
    pub(crate) transport: Transport,
    pub(crate) settings: Settings,
    /// What is reported of this job.
    pub(crate) counters: Arc<JobCounters>,
    /// Stops the work on this job.
    pub(crate) stop: Shutdown,
    /// Set once the log says that the job is sealed.
    pub(crate) sealed: Arc<AtomicBool>,
    /// How long nothing may come before a sealed job counts as stalled.
    pub(crate) stall_after: Duration,
    /// Where the finished output goes beside the output directory.
    pub(crate) publish: Option<Arc<dyn Publish>>,
    pub(crate) turns: Mutex<()>,
    pub(crate) duplicates: AtomicU64,
}

/// How many outcomes of a partition the broker hands over unsettled. They have at most about a MiB:
/// what is in hand stays near the memory.
pub(super) fn prefetch(partitions: u32) -> u16 {
    (64 / partitions.max(1)).max(8) as u16
}

impl JobContext {
    /// A batch of this many messages is written: half of what the broker hands over unsettled.
    pub(crate) fn window(&self) -> usize {
        usize::from(prefetch(self.submission.spec.partitions) / 2)
    }

    /// A batch of this many bytes is written.
    pub(crate) fn full(&self) -> usize {
        (self.settings.memory / 4).max(LEAST as usize)
    }

    /// The pause after taking a partition.
    pub(crate) fn spread(&self) -> Duration {
        match self.submission.spec.partitions {
            // It cannot be shared.
            0 | 1 => Duration::ZERO,
            many => SPREAD / many,
        }
    }

    /// The next message of a partition's queue.
    pub(crate) fn next(&self, partition: u32, wait: Duration) -> Result<Next, ReduceError> {
        self.worker.runtime.block_on(async {
            tokio::select! {
                biased;
                () = self.stop.reached(Stage::Draining) => Ok(Next::Stopped),
                next = self.transport.next(Queue::Results(partition)) => match next? {
                    Some(delivery) => {
                        self.worker.progress.taken(delivery.age());
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
        let _entered = self.worker.runtime.enter();
        self.transport.expect(Queue::Results(partition));
    }

    /// Waits, unless a stop is asked for.
    pub(crate) fn pause(&self, time: Duration) {
        self.worker.runtime.block_on(async {
            let _ = tokio::time::timeout(time, self.stop.reached(Stage::Draining)).await;
        });
    }

    pub(crate) fn duplicate(&self) {
        self.duplicates.fetch_add(1, Ordering::Relaxed);
        Progress::add(&self.worker.progress.duplicates, 1);
    }

    /// Whether the output of an earlier run, or of this one before a replay, makes room for this
    /// one's.
    pub(crate) fn may_replace(&self) -> bool {
        self.submission.replace || self.replays > 0
    }

    pub(crate) fn is_sealed(&self) -> bool {
        self.sealed.load(Ordering::Relaxed)
    }

    /// Whether no chunk and no outcome for a partition waits on the broker.
    pub(crate) fn is_drained(&self, partition: u32) -> Result<bool, ReduceError> {
        for queue in [Queue::Chunks, Queue::Suspect, Queue::Results(partition)] {
            match self
                .worker
                .runtime
                .block_on(queue_depth(&self.worker.broker, &self.run, queue))
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
        let depth = queue_depth(&self.worker.broker, &self.run, Queue::Dead);
        Ok(self.worker.runtime.block_on(depth)?.map_or(0, u64::from))
    }

    /// Writes an event about the job; a log that cannot be written is the manager's to notice.
    pub(crate) fn append(&self, event: &Event) {
        let written = self
            .worker
            .runtime
            .block_on(self.worker.registry.append(&self.run, event));
        if let Err(error) = written {
            warn!(job = %self.run.job, "{error}");
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
