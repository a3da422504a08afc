//! Says to the reducers of a job, now and then, that this mapper has something of it in hand: a
//! program may take hours for a chunk, and so may reading a split. Without that, a partition to
//! which nothing comes would count as stalled.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gristmill_common::wire;
use gristmill_jobs::queue::Queue;
use tokio::task::JoinHandle;

use crate::work::assignment::Assignment;
use crate::work::fair_scheduler::FairScheduler;

/// How often, of what has been in hand for so long.
const OFTEN: Duration = Duration::from_secs(10);

/// What was said of each job, by its number in the scheduler.
#[derive(Default)]
pub(super) struct AtWork(HashMap<u64, Said>);

struct Said {
    at: Instant,
    saying: JoinHandle<()>,
}

impl AtWork {
    /// Says it of the jobs of which it is due. Nothing waits for it.
    pub(super) fn say(&mut self, scheduler: &FairScheduler) {
        // Kept for long enough to tell when it is due again.
        (self.0).retain(|_, said| !said.saying.is_finished() || said.at.elapsed() < OFTEN);
        for job in scheduler.long_in_hand(OFTEN) {
            self.0.entry(job.number).or_insert_with(|| Said {
                at: Instant::now(),
                saying: tokio::spawn(say(job)),
            });
        }
    }
}

async fn say(job: Arc<Assignment>) {
    let Ok(message) = wire::encode_at_work() else {
        return;
    };
    for partition in 0..job.spec.partitions.max(1) {
        let queue = Queue::Results(partition);
        // A queue that takes nothing has a reducer with enough to do.
        if job.transport.publish(queue, message.clone()).await.is_err() {
            return;
        }
    }
}
