//! A job that a mapper takes chunks of.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use gristmill_common::job::JobRun;
use gristmill_jobs::queue::Queue;
use gristmill_jobs::transport::Transport;
use tokio::task::JoinHandle;

use crate::work::assignment::Assignment;
use crate::work::fair_scheduler::FairScheduler;
use crate::work::pump;

/// A job that this mapper takes chunks of.
pub(super) struct Subscribed {
    pub(super) run: JobRun,
    pub(super) number: u64,
    pub(super) prefetch: u16,
    consumer: Transport,
    pumps: [JoinHandle<()>; 2],
}

impl Subscribed {
    /// Takes chunks of a job, `prefetch` of them ahead, and hands them to the scheduler.
    pub(super) fn begin(
        scheduler: &Arc<FairScheduler>,
        assignment: &Arc<Assignment>,
        run: JobRun,
        prefetch: u16,
    ) -> Self {
        scheduler.add(Arc::clone(assignment));
        let open = Arc::new(AtomicUsize::new(2));
        let pumps = [Queue::Chunks, Queue::Suspect].map(|queue| {
            let (scheduler, job) = (Arc::clone(scheduler), Arc::clone(assignment));
            let open = Arc::clone(&open);
            tokio::spawn(async move { pump(&scheduler, &job, queue, &open).await })
        });
        Self {
            run,
            number: assignment.number,
            prefetch,
            consumer: assignment.transport.clone(),
            pumps,
        }
    }

    /// Subscribes anew.
    pub(super) fn renew(&self) {
        self.consumer.renew(Queue::Chunks);
        self.consumer.renew(Queue::Suspect);
    }

    /// Waits until what was taken has been passed on.
    pub(super) async fn end(self) {
        for pump in self.pumps {
            let _ = pump.await;
        }
    }

    /// Takes nothing any more, at once.
    pub(super) fn abort(&self) {
        self.pumps.iter().for_each(JoinHandle::abort);
    }

    /// Takes no more chunks; what was taken is worked off.
    pub(super) fn leave(&self) {
        self.consumer.leave(Queue::Chunks);
        self.consumer.leave(Queue::Suspect);
    }
}
