//! One partition from its queue to its finished, unpublished part.
//!
//! It must not know where chunks come from. An outcome is acknowledged once it was taken; none is
//! ever left waiting in the queue.

use gristmill_common::plan_summary::PlanSummary;
use gristmill_common::progress::Working;
use gristmill_common::spec::JobSpec;
use gristmill_jobs::environment::Environment;
use gristmill_jobs::queue::Queue;
use gristmill_jobs::transport::PublishError;

use crate::engine::destination::Destination;
use crate::engine::product::Settings;
use crate::engine::reduce::{PartitionResult, Reducer};
use crate::engine::reduce_error::ReduceError;

impl From<PublishError> for ReduceError {
    fn from(error: PublishError) -> Self {
        ReduceError::Queue {
            gone: matches!(error, PublishError::NoQueue(_)),
            what: error.to_string(),
        }
    }
}

/// Reduces one partition: takes its outcomes until they are what the seal says, and writes its part
/// under a temporary name (or to the stream). Blocks; call it on a thread outside the runtime.
///
/// The shutdown of `env` aborts it at once; a job that drains ends when the transport does.
///
/// # Errors
/// When the partition is not complete when the transport ends, the input changed, more is set aside
/// than the job permits, or files cannot be written. The caller then stops the transport, so that
/// nobody waits for this partition's queue.
pub fn reduce(
    partition: u32,
    env: Environment<'_>,
    spec: &JobSpec,
    plan_summary: &PlanSummary,
    settings: &Settings,
    destination: &Destination,
) -> Result<PartitionResult, ReduceError> {
    let Environment {
        runtime, progress, ..
    } = env;
    let mut reducer = Reducer::new(
        partition,
        spec,
        plan_summary,
        settings,
        destination,
        progress,
        0,
    )?;
    let queue = Queue::Results(partition);
    let working = Working::on(&progress.at_work.merging);
    while !reducer.arrivals().is_complete() {
        let Some(delivery) = working.pause(|| env.next(queue))? else {
            let what = reducer.arrivals().missing();
            return Err(if env.shutdown.is_stopping() {
                ReduceError::Stopped { partition, what }
            } else {
                ReduceError::Incomplete { partition, what }
            });
        };
        reducer.message(delivery.payload())?;
        runtime.block_on(delivery.ack());
    }
    // Duplicates may still come, and whoever publishes them must not wait for room.
    let late = env.transport.clone();
    runtime.spawn(async move {
        while let Ok(Some(delivery)) = late.next(queue).await {
            delivery.ack().await;
        }
    });
    reducer.finish()
}
