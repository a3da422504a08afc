//! Splits that a mapper reads itself: a thread opens the sources, cuts them as a producer would,
//! and maps each chunk where it is.
//!
//! A split is acknowledged when the outcomes of all its chunks and its account are taken (I3). A
//! thread that stops half-way gives it back; whoever has it next makes the same chunks of it, and
//! the reducers drop what they have.

mod apart;
mod frames;
mod mapping;
mod outcomes;
mod reader;
mod sharing;
mod sources;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gristmill_common::crash;
use gristmill_common::progress::Progress;
use gristmill_common::split_task::{SplitAccount, SplitTask};
use gristmill_input::{Account, Halt, Located, Plan, Reading, read_split};
use gristmill_jobs::queue::Queue;
use gristmill_jobs::transport::Delivery;
use tokio::runtime::Handle;
use tokio::time::timeout;

pub use self::apart::READER;
use self::mapping::Mapping;
use self::outcomes::Outcomes;
pub use self::reader::read_apart;
use crate::engine::mapper::Mapper;
use crate::work::assignment::{Assignment, MapError, SplitReading};
use crate::work::attempt_of;
use crate::work::fair_scheduler::FairScheduler;
use crate::work::in_flight::InFlight;

/// How long putting a split back may take.
const PUT_BACK: Duration = Duration::from_secs(5);

/// One split in the hands of a thread.
pub(crate) struct SplitWork<'a> {
    pub(crate) scheduler: &'a FairScheduler,
    pub(crate) runtime: &'a Handle,
    pub(crate) job: &'a Arc<Assignment>,
    pub(crate) in_flight: &'a InFlight,
    /// It came back, or is a suspect: it is read in a process of its own, and each of its chunks is
    /// run in others.
    pub(crate) suspect: bool,
    /// Why it cannot be run, if it came back too often.
    pub(crate) relapsed: Option<String>,
}

impl SplitWork<'_> {
    /// Reads and maps the split, and settles it; a failure ends the job here.
    /// `attached` is the bytes of the sources that came with it.
    pub(crate) fn map(&self, task: &SplitTask, attached: &Bytes, mapper: &mut Mapper) {
        let Some(reading) = &self.job.reading else {
            let reason = "a split to read, in a job of chunks".to_owned();
            return self.fail(MapError::Undecodable(reason));
        };
        if let Some(reason) = &self.relapsed {
            // Which of its chunks it is that ends mappers is not known, and some have outcomes.
            let split = task.split;
            let reason = format!("split {split} cannot be run: {reason}");
            return self.fail(MapError::Hopeless(reason));
        }
        // No longer in flight, so not overdue for a thread's sake: the children are watched.
        let held = match self.suspect && !self.job.runs_programs() {
            true => self.in_flight.take(),
            false => None,
        };
        match self.read(task, attached, reading, mapper, held.as_ref()) {
            Ok(true) => {
                // Whoever found that it takes too long has taken it away.
                if let Some(delivery) = held.or_else(|| self.in_flight.take()) {
                    self.runtime.block_on(delivery.ack());
                }
                crash::point("chunk-acknowledged");
            }
            Ok(false) | Err(MapError::Queue(_)) if reading.stop.is_stopping() => {
                self.put_back();
            }
            // Dropped unsettled, it goes back to its queue.
            Ok(false) => {}
            Err(error) => {
                if let MapError::Unable(_) = error {
                    self.put_back();
                }
                self.fail(error);
            }
        }
    }

    /// Others are to read the split, and nothing is wrong with it: it goes to the end of its queue
    /// as a message of its own.
    /// Brokers before 4.3 count a message that is merely returned as one that failed, and whoever
    /// has it next would run each chunk of it in a process of its own.
    fn put_back(&self) {
        let Some(delivery) = self.in_flight.take() else {
            return;
        };
        let message = delivery.payload().clone();
        let publishing = self.job.transport.publish(Queue::Chunks, message);
        self.runtime.block_on(async {
            // What is not taken in time is returned after all.
            if let Ok(Ok(())) = timeout(PUT_BACK, publishing).await {
                delivery.ack().await;
            }
        });
    }

    fn fail(&self, error: MapError) {
        self.scheduler.fail(self.job.number, error);
    }

    /// Reads and maps the split; false when somebody else is to do it.
    fn read(
        &self,
        task: &SplitTask,
        attached: &Bytes,
        settings: &SplitReading,
        mapper: &mut Mapper,
        held: Option<&Delivery>,
    ) -> Result<bool, MapError> {
        let paths = sources::find(task, attached, &settings.inputs)?;
        let outcomes = Outcomes::new(self, &settings.stop);
        let mut mapping = Mapping::new(self, task, mapper, outcomes, held.map(attempt_of));
        let read = match self.suspect {
            true => apart::read(self.job, task, (&paths, attached), settings, &mut mapping)?,
            false => self.read_here(task, &paths, settings, &mut mapping)?,
        };
        let Some(mut account) = read else {
            return Ok(false);
        };
        if mapping.is_taken() {
            return Ok(false);
        }
        account.chunks = mapping.end(account.chunks)?;
        // What was read is what was planned, and no mixture of two versions.
        sources::check_unchanged(task, &paths)?;
        crash::point("split-read");
        mapping.close(&account)?;
        Progress::add(&self.job.progress.chunks_mapped, 1);
        if let Some(counters) = &self.job.counters {
            counters.mapped(0, 0);
        }
        Ok(true)
    }

    /// Reads the split in this process; `None` when somebody else is to do it.
    fn read_here(
        &self,
        task: &SplitTask,
        paths: &[Located],
        settings: &SplitReading,
        mapping: &mut Mapping<'_>,
    ) -> Result<Option<SplitAccount>, MapError> {
        let plan = Plan::of_task(task, paths);
        // Its own: that it goes on shows that reading does.
        let progress = Arc::new(Progress::default());
        self.in_flight.reads(&progress);
        let (spec, tmp) = (&self.job.spec, settings.tmp.clone());
        let reading = Reading::new(&plan, spec, tmp, &progress, &settings.stop)
            .map_err(|halt| MapError::Hopeless(halt.to_string()))?;
        let read = read_split(&reading, task.split, mapping);
        let total = &self.job.progress;
        Progress::add(&total.bytes_read, Progress::get(&progress.bytes_read));
        Progress::add(&total.sources_done, Progress::get(&progress.sources_done));
        match read {
            Ok(account) => Ok(Some(account_of(task.split, account))),
            Err(Halt::Stopped) => Ok(None),
            Err(Halt::Sink(error)) => Err(match error.downcast() {
                Ok(error) => *error,
                Err(error) => MapError::Unable(error.to_string()),
            }),
            Err(halt) => Err(error_of(is_hopeless(&halt), halt.to_string())),
        }
    }
}

/// What is said of a split that was read to its end.
fn account_of(split: u32, account: Account) -> SplitAccount {
    SplitAccount {
        split,
        chunks: account.chunks,
        records: account.records.into_iter().collect(),
        passed_over: account.passed_over,
    }
}

/// Whether what ended a reading early ends it everywhere; else the trouble is this mapper's.
fn is_hopeless(halt: &Halt) -> bool {
    match halt {
        Halt::Stopped
        | Halt::Temporary { .. }
        | Halt::Thread(_)
        | Halt::Store { .. }
        | Halt::Sink(_) => false,
        Halt::Corrupt(_)
        | Halt::Changed { .. }
        | Halt::TooMuch(_)
        | Halt::Glob(_)
        | Halt::RecordStart(_) => true,
    }
}

fn error_of(hopeless: bool, reason: String) -> MapError {
    match hopeless {
        true => MapError::Hopeless(reason),
        false => MapError::Unable(reason),
    }
}
