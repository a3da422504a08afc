//! The intake of one partition on a broker: outcomes become segments, then are acknowledged, then
//! merged.
//!
//! The order is the promise (I3): a message is acknowledged only when a segment that holds it is
//! durable. It must not know the other partitions, nor who else works on this one.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use bytes::Bytes;
use gristmill_common::crash;
use gristmill_common::id::ChunkId;
use gristmill_common::progress::Progress;
use gristmill_common::shutdown::Stage;
use gristmill_common::wire::{self, Check, Message};
use gristmill_jobs::report::MAX_REASONS;
use gristmill_jobs::transport::Delivery;
use tracing::{info, warn};

use super::context::{JobContext, Next};
use super::partition::LOOK;
use crate::engine::reduce::Reducer;
use crate::engine::reduce_error::ReduceError;
use crate::service::ledger::{Appended, FULL, Ledger, Segment};

/// A batch is written when its oldest message has waited so long.
const AGE: Duration = Duration::from_secs(1);
/// How long a complete batch waits for nothing more.
const LULL: Duration = Duration::from_millis(20);
/// How often it is said that another reducer writes to the same ledger.
const SAY: Duration = Duration::from_secs(10);

/// How the intake ended.
pub(super) enum Done {
    Closed,
    Stopped,
}

/// What came and is not durable yet.
#[derive(Default)]
struct Batch {
    messages: Vec<(Bytes, Message)>,
    /// To be acknowledged once the batch is durable; duplicates of its messages too.
    deliveries: Vec<Delivery>,
    /// Chunks whose outcome came whole.
    ids: HashSet<ChunkId>,
    /// Splits whose account came.
    accounts: HashSet<u32>,
    bytes: usize,
    sealed: bool,
    since: Option<Instant>,
}

/// Takes the messages of a partition until it is complete.
pub(super) struct Intake<'a> {
    pub(super) job: &'a JobContext,
    pub(super) partition: u32,
    ledger: Ledger,
    pub(super) reducer: Reducer<'a>,
    batch: Batch,
    /// When something came last.
    pub(super) heard: Instant,
    /// When it was looked last whether anything is to come.
    pub(super) looked: Instant,
    /// Its queue was subscribed to anew since then.
    pub(super) renewed: bool,
    overtaken: Overtaken,
}

/// How often another reducer was first with a segment, said now and then: two that take turns would
/// fill a log with it.
#[derive(Default)]
struct Overtaken {
    times: u64,
    said: Option<Instant>,
}

impl Overtaken {
    /// Counts one time; how many there were since it was said last, when it is to be said again.
    fn again(&mut self, now: Instant) -> Option<u64> {
        self.times += 1;
        let due = self.said.is_none_or(|said| now.duration_since(said) >= SAY);
        due.then(|| {
            self.said = Some(now);
            std::mem::take(&mut self.times)
        })
    }
}

impl<'a> Intake<'a> {
    pub(super) fn new(
        job: &'a JobContext,
        partition: u32,
        ledger: Ledger,
        reducer: Reducer<'a>,
    ) -> Self {
        Self {
            job,
            partition,
            ledger,
            reducer,
            batch: Batch::default(),
            heard: Instant::now(),
            looked: Instant::now(),
            renewed: false,
            overtaken: Overtaken::default(),
        }
    }

    pub(super) fn run(&mut self, first: Option<Delivery>) -> Result<Done, ReduceError> {
        while let Some(segment) = self.ledger.next()? {
            if self.read(&segment)? {
                return Ok(Done::Closed);
            }
        }
        self.tell();
        if let Some(delivery) = first {
            self.take(delivery)?;
        }
        loop {
            if self.reducer.arrivals().is_complete() && self.batch.deliveries.is_empty() {
                return self.close();
            }
            let wait = if self.batch.deliveries.is_empty() {
                LOOK
            } else if self.might_be_complete() {
                LULL
            } else {
                let age = self.batch.since.map_or(AGE, |since| since.elapsed());
                AGE.saturating_sub(age)
            };
            let next = self.job.next(self.partition, wait)?;
            let idle = matches!(next, Next::Nothing);
            match next {
                Next::Message(delivery) => {
                    self.heard = Instant::now();
                    self.renewed = false;
                    self.take(delivery)?;
                }
                Next::Nothing => {}
                Next::Stopped => {
                    if self.job.stop.stage() == Stage::Draining {
                        self.flush()?;
                    }
                    return Ok(Done::Stopped);
                }
            }
            let due = self.batch.since.is_some_and(|since| since.elapsed() >= AGE);
            let full = self.batch.bytes >= self.job.full().min(FULL)
                || self.batch.deliveries.len() >= self.job.window();
            if (full || due || idle && self.might_be_complete())
                && !self.batch.deliveries.is_empty()
                && self.flush()?
            {
                return Ok(Done::Closed);
            }
            if idle && self.batch.deliveries.is_empty() {
                self.job.counters.goes_on();
                self.look_for_stall()?;
            }
        }
    }

    /// Whether the batch in hand completes the partition.
    fn might_be_complete(&self) -> bool {
        let arrivals = self.reducer.arrivals();
        self.batch.sealed
            || arrivals
                .expected()
                .is_some_and(|expected| arrivals.count() + self.batch.ids.len() >= expected)
    }

    /// Takes a message into the batch, or settles it if it is none of ours or says nothing new.
    fn take(&mut self, delivery: Delivery) -> Result<(), ReduceError> {
        let payload = delivery.payload().clone();
        let message = match wire::decode(&payload, Check::Full) {
            Ok(message) => message,
            Err(error) => return self.dead_letter(delivery, error.to_string()),
        };
        if message == Message::AtWork {
            // That it came is what it says.
            self.job.worker.runtime.block_on(delivery.ack());
            return Ok(());
        }
        match self.reducer.is_news(&message) {
            Ok(true) => {}
            Ok(false) => {
                self.job.duplicate();
                self.job.worker.runtime.block_on(delivery.ack());
                return Ok(());
            }
            Err(ReduceError::Malformed(what)) => return self.dead_letter(delivery, what),
            Err(error) => return Err(error),
        }
        self.batch.since.get_or_insert_with(Instant::now);
        let again = match &message {
            // An ordinary outcome may follow a skipped one in the same batch.
            Message::Outcome(outcome)
                if outcome.head.parts == 1 && outcome.head.skipped.is_none() =>
            {
                !self.batch.ids.insert(outcome.head.id)
            }
            Message::Seal(_) => std::mem::replace(&mut self.batch.sealed, true),
            Message::SplitAccount(account) => {
                let again = !self.batch.accounts.insert(account.split);
                let accounts = self.reducer.arrivals().split_accounts();
                let (here, all) = accounts.unwrap_or_default();
                self.batch.sealed |= here + self.batch.accounts.len() >= all;
                again
            }
            _ => false,
        };
        self.batch.deliveries.push(delivery);
        if again {
            self.job.duplicate();
        } else {
            self.batch.bytes += payload.len();
            self.batch.messages.push((payload, message));
        }
        Ok(())
    }

    fn dead_letter(&self, delivery: Delivery, reason: String) -> Result<(), ReduceError> {
        warn!(job = %self.job.run.job, partition = self.partition, "a message was set aside: {reason}");
        self.job
            .worker
            .runtime
            .block_on(delivery.dead_letter(reason));
        Ok(())
    }

    /// Makes the batch durable, acknowledges it, merges it. True when somebody else has closed the
    /// partition meanwhile.
    fn flush(&mut self) -> Result<bool, ReduceError> {
        let mut batch = std::mem::take(&mut self.batch);
        let mut closed = false;
        while !batch.messages.is_empty() && !closed {
            let segment = Segment {
                messages: (batch.messages.iter())
                    .map(|(bytes, _)| bytes.clone())
                    .collect(),
                closes: None,
            };
            crash::point("before-link");
            let began = Instant::now();
            match self.ledger.append(&segment)? {
                Appended::Done => {
                    let progress = &self.job.worker.progress;
                    progress.segment_seconds.observe(began.elapsed());
                    let bytes: usize = segment.messages.iter().map(Bytes::len).sum();
                    Progress::add(&progress.durable_bytes, bytes as u64);
                    progress.touch();
                    self.job.counters.goes_on();
                    break;
                }
                Appended::Taken(other) => {
                    if let Some(times) = self.overtaken.again(Instant::now()) {
                        info!(
                            job = %self.job.run.job,
                            partition = self.partition,
                            times,
                            "another reducer was here first; going on behind it"
                        );
                    }
                    closed = self.read(&other)?;
                    let mut kept = Vec::new();
                    for (bytes, message) in batch.messages {
                        if self.reducer.is_news(&message)? {
                            kept.push((bytes, message));
                        } else {
                            self.job.duplicate();
                        }
                    }
                    batch.messages = kept;
                }
            }
        }
        crash::point("after-link");
        for delivery in batch.deliveries {
            self.job.worker.runtime.block_on(delivery.ack());
        }
        crash::point("outcomes-acknowledged");
        if !closed {
            for (bytes, message) in batch.messages {
                self.reducer.apply(message, &bytes)?;
            }
            let whole = match self.reducer.arrivals().split_accounts() {
                Some(_) => batch.accounts.len(),
                None => batch.ids.len(),
            };
            Progress::add(&self.job.worker.progress.chunks_reduced, whole as u64);
        }
        self.tell();
        Ok(closed)
    }

    /// Says, for reports, how far the partition is.
    fn tell(&self) {
        let arrivals = self.reducer.arrivals();
        let (durable, expected) = match arrivals.split_accounts() {
            Some((here, all)) => (here, Some(all)),
            None => (arrivals.count(), arrivals.expected()),
        };
        let reasons = self.reducer.reasons().commonest(MAX_REASONS);
        let set_aside = (self.reducer.quarantined(), reasons);
        let counters = &self.job.counters;
        counters.partition(self.partition, durable, expected, set_aside);
    }

    /// Merges a segment. True when it closes the partition; one that closed it before a replay, or
    /// before segments were lost, does not.
    fn read(&mut self, segment: &Segment) -> Result<bool, ReduceError> {
        for message in &segment.messages {
            self.reducer.message(message)?;
        }
        Ok(segment.closes >= Some(self.job.replays) && self.reducer.arrivals().is_complete())
    }

    fn close(&mut self) -> Result<Done, ReduceError> {
        let closing = Segment {
            messages: Vec::new(),
            closes: Some(self.job.replays),
        };
        crash::point("before-close");
        loop {
            match self.ledger.append(&closing)? {
                Appended::Done => return Ok(Done::Closed),
                Appended::Taken(other) => {
                    if self.read(&other)? {
                        return Ok(Done::Closed);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn being_overtaken_is_said_now_and_then_with_how_often() {
        let mut overtaken = Overtaken::default();
        let start = Instant::now();
        let said = (0..150).filter_map(|at| overtaken.again(start + SAY / 100 * at));
        assert_eq!(said.collect::<Vec<_>>(), [1, 100]);
    }
}
