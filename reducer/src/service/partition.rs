//! One partition of a job on a broker: who works on it here, and its merge anew.
//!
//! The merge is rebuilt from the segments whenever this process is new to them, so a crash anywhere
//! costs only work. It must not know the other partitions.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::{Duration, Instant};

use gristmill_common::crash;
use gristmill_jobs::queue::Queue;

use super::context::{JobContext, Next};
use super::intake::{Done, Intake};
use crate::engine::destination::Destination;
use crate::engine::error::FileError;
use crate::engine::files;
use crate::engine::reduce::{PartitionResult, Reducer};
use crate::engine::reduce_error::ReduceError;
use crate::service::ledger::{Identity, Ledger};

/// How often a reducer that waits behind another looks whether that one is still there.
pub(super) const LOOK: Duration = Duration::from_secs(1);
/// After so long, a reducer that waits behind another subscribes too: the broker hands it the
/// partition if the other one freezes.
const STANDBY: Duration = Duration::from_secs(3);

/// How the work on a partition ended.
pub(crate) enum Ended {
    /// It is complete and merged here.
    Closed(Box<PartitionResult>),
    /// It is complete; another reducer closed it.
    Elsewhere,
    /// A stop was asked for, or the job is over.
    Stopped,
}

/// Works on a partition until it is closed.
pub(crate) fn reduce(
    job: &JobContext,
    partition: u32,
    destination: &Destination,
) -> Result<Ended, ReduceError> {
    let dir = job.state_dir.ledger(&job.run, partition);
    let of = job.identity(partition);
    std::fs::create_dir_all(&dir).map_err(FileError::new("create the folder", &dir))?;
    let since = Instant::now();
    let mut first = None;
    let held = loop {
        if job.stop.is_stopping() {
            return Ok(Ended::Stopped);
        }
        if let Some(held) = Held::take(&dir, job)? {
            break Some(held);
        }
        if Ledger::is_closed(&dir, &of, job.replays)? {
            return Ok(Ended::Elsewhere);
        }
        // Another reducer has it. Once this one stands by, the first message says that the broker
        // has handed it over.
        if since.elapsed() < STANDBY {
            job.pause(LOOK);
        } else if let Next::Message(delivery) = job.next(partition, LOOK)? {
            first = Some(delivery);
            break None;
        }
    };
    let ledger = Ledger::open(&dir, of)?;
    let mut intake = Intake::new(job, partition, ledger, job.reducer(partition, destination)?);
    if held.is_some() {
        job.expect(partition);
    }
    let ended = intake.run(first)?;
    job.transport.leave(Queue::Results(partition));
    drop(held);
    crash::point("before-merge");
    Ok(match ended {
        Done::Closed => match intake.reducer.finish() {
            // Its program was ended; the partition is merged anew from its segments.
            Err(ReduceError::Unable(_)) if job.stop.is_stopping() => Ended::Stopped,
            finished => Ended::Closed(Box::new(finished?)),
        },
        Done::Stopped => Ended::Stopped,
    })
}

/// Merges a closed partition anew from its segments.
pub(crate) fn rebuild(
    job: &JobContext,
    partition: u32,
    destination: &Destination,
) -> Result<PartitionResult, ReduceError> {
    let dir = job.state_dir.ledger(&job.run, partition);
    let mut ledger = Ledger::open(&dir, job.identity(partition))?;
    let mut reducer = job.reducer(partition, destination)?;
    while let Some(segment) = ledger.next()? {
        for message in &segment.messages {
            reducer.message(message)?;
        }
    }
    if !reducer.arrivals().is_complete() {
        return Err(ReduceError::Incomplete {
            partition,
            what: reducer.arrivals().missing(),
        });
    }
    reducer.finish()
}

/// A lock that says which reducer works on a partition, so that those that share a directory share
/// its partitions. Correctness does not rest on it.
struct Held {
    _file: Option<File>,
}

impl Held {
    fn take(dir: &Path, job: &JobContext) -> Result<Option<Self>, FileError> {
        // One at a time, with a pause: reducers that start together get about equal shares.
        let _turn = job.turns.lock();
        let path = dir.join(".lock");
        let file = files::open_lock(&path)?;
        match file.try_lock() {
            Ok(()) => {
                job.pause(job.spread());
                Ok(Some(Self { _file: Some(file) }))
            }
            Err(TryLockError::WouldBlock) => Ok(None),
            // A filesystem without locks: the broker decides who is active.
            Err(TryLockError::Error(_)) => Ok(Some(Self { _file: None })),
        }
    }
}

impl JobContext {
    /// An empty merge of a partition.
    fn reducer(
        &self,
        partition: u32,
        destination: &Destination,
    ) -> Result<Reducer<'_>, ReduceError> {
        Reducer::new(
            partition,
            &self.submission.spec,
            &self.submission.plan_summary,
            &self.settings,
            destination,
            &self.worker.progress,
            self.replays,
        )
    }

    pub(crate) fn identity(&self, partition: u32) -> Identity {
        Identity {
            job: self.run.job.clone(),
            run: self.run.run,
            partition,
        }
    }
}
