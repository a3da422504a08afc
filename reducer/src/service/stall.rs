//! A partition of which nothing comes any more: whether its job is stalled, and what it misses.

use std::time::{Duration, Instant};

use gristmill_jobs::queue::Queue;
use gristmill_jobs::registry::Event;
use tracing::warn;

use super::intake::Intake;
use crate::engine::reduce_error::ReduceError;

/// A sealed job of which nothing was heard for so long is looked at, and again as often. Who has
/// something of it in hand says so every ten seconds.
const QUIET: Duration = Duration::from_secs(30);
/// How many missing chunks are written to the log.
const MISSING: usize = 100_000;

impl Intake<'_> {
    /// A sealed job with nothing to come is stalled: the log says what is missing.
    pub(super) fn look_for_stall(&mut self) -> Result<(), ReduceError> {
        let quiet = QUIET.min(self.job.stall_after);
        let is_due = self.heard.elapsed() >= quiet && self.looked.elapsed() >= quiet;
        if !is_due || !self.job.is_sealed() {
            return Ok(());
        }
        self.looked = Instant::now();
        if !self.job.is_drained(self.partition)? {
            self.heard = Instant::now();
            return Ok(());
        }
        if !self.renewed {
            // What a node has handed over and does not deliver is in no queue's count.
            self.renewed = true;
            self.job.transport.renew(Queue::Results(self.partition));
            self.job.append(&Event::Overdue);
            return Ok(());
        }
        if self.heard.elapsed() < self.job.stall_after {
            return Ok(());
        }
        self.heard = Instant::now();
        self.renewed = false;
        let arrivals = self.reducer.arrivals();
        let missing = arrivals.missing_ids(MISSING);
        let count = match (arrivals.expected(), arrivals.split_accounts()) {
            (Some(expected), _) => (expected - arrivals.count()) as u64,
            (None, Some((here, all))) => (all - here) as u64,
            // Not even the seal came: nobody knows.
            (None, None) => u64::MAX,
        };
        warn!(job = %self.job.run.job, partition = self.partition, "stalled: {}", arrivals.missing());
        self.job.append(&Event::Stalled { missing, count });
        Ok(())
    }
}
