//! Publishing an outcome, and saying so while nobody takes it. It must not know what outcomes say.

use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use gristmill_common::progress::{Cause, JobCounters, Trouble};
use gristmill_common::wire;
use gristmill_jobs::queue::Queue;
use gristmill_jobs::transport::{PublishError, Transport};

use crate::work::assignment::Assignment;

/// A job of which no outcome is taken for so long holds its mapper up. Shorter waits are the
/// back-pressure of a full queue.
const PATIENCE: Duration = Duration::from_secs(20);

/// Publishes an outcome, and says how many bytes that took; meanwhile the job's counts tell when
/// none of its outcomes is taken.
pub(super) async fn publish(
    job: &Assignment,
    partition: u32,
    message: Bytes,
) -> Result<u64, PublishError> {
    let message = match job.transport {
        // Nothing is wrong with what was encoded here.
        Transport::Amqp(_) => wire::packed(&message).unwrap_or(message),
        Transport::Embedded(_) | Transport::Faulty(_) => message,
    };
    let size = message.len() as u64;
    let mut publishing = pin!(job.transport.publish(Queue::Results(partition), message));
    let Some(counters) = &job.counters else {
        return publishing.await.map(|()| size);
    };
    let mut still = Duration::ZERO;
    loop {
        let taken = counters.outcomes_taken();
        tokio::select! {
            biased;
            done = &mut publishing => {
                counters.outcome_taken();
                return done.map(|()| size);
            }
            () = tokio::time::sleep(PATIENCE) => {}
        }
        still = match counters.outcomes_taken() == taken {
            true => still + PATIENCE,
            false => Duration::ZERO,
        };
        if !still.is_zero() {
            hold_up(counters, partition, still);
        }
    }
}

fn hold_up(counters: &JobCounters, partition: u32, still: Duration) {
    let seconds = still.as_secs();
    counters.is_held_up(Trouble {
        cause: Cause::Publish,
        reason: format!(
            "nobody takes its outcomes for {seconds} s: the queue of partition {partition} is full or \
             has no leader, or the broker is in alarm"
        ),
    });
}
