//! The checkpoints of a job that is being produced, in the log of jobs: what an earlier attempt has
//! published, and how far this one is. It must not know how splits are read.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use gristmill_common::crash;
use gristmill_common::id::ChunkId;
use gristmill_common::job::JobRun;
use gristmill_common::seal::SplitEnd;
use gristmill_jobs::registry::{Event, Registry, RegistryError, SplitDone};
use parking_lot::Mutex;
use tokio::runtime::Handle;

use crate::error::ProduceError;
use crate::produce::Resume;

/// How often complete splits are written down. The log stays short, which every command reads
/// whole; a producer that is killed sends again what it completed since, and nothing is doubled.
const INTERVAL: Duration = Duration::from_secs(1);
/// And as soon as they name this many sources: an entry has its bounds.
const MAX_RECORDS: usize = 50_000;

/// A checkpoint: what an earlier attempt has published.
#[derive(Debug, Default)]
pub(crate) struct Checkpoint {
    /// The splits that it has published whole.
    pub(crate) splits: BTreeMap<u32, SplitDone>,
    /// Of a stalled job: the chunks that are missing, and no others are to be sent.
    pub(crate) missing: Option<BTreeSet<ChunkId>>,
}

/// Writes checkpoints of the job to the log.
pub(crate) struct Checkpointer<'a> {
    checkpoint: Checkpoint,
    registry: &'a Registry,
    runtime: &'a Handle,
    run: &'a JobRun,
    pending: Mutex<Pending>,
}

/// What is complete and not yet written down.
struct Pending {
    splits: Vec<SplitDone>,
    /// The sources that they name.
    records: usize,
    /// When the last entry was written.
    last: Instant,
}

impl Pending {
    fn take(&mut self) -> Vec<SplitDone> {
        self.records = 0;
        self.last = Instant::now();
        std::mem::take(&mut self.splits)
    }
}

impl<'a> Checkpointer<'a> {
    pub(crate) fn new(
        checkpoint: Checkpoint,
        registry: &'a Registry,
        runtime: &'a Handle,
        run: &'a JobRun,
    ) -> Self {
        let pending = Mutex::new(Pending {
            splits: Vec::new(),
            records: 0,
            last: Instant::now(),
        });
        Self {
            checkpoint,
            registry,
            runtime,
            run,
            pending,
        }
    }

    /// Writes down what is complete, however little that is.
    ///
    /// # Errors
    /// When the log cannot be written.
    pub(crate) async fn finish(&self) -> Result<(), RegistryError> {
        let splits = self.pending.lock().take();
        self.write(splits).await
    }

    async fn write(&self, splits: Vec<SplitDone>) -> Result<(), RegistryError> {
        if splits.is_empty() {
            return Ok(());
        }
        let event = Event::SplitsComplete(splits);
        self.registry.append(self.run, &event).await
    }
}

impl Resume for Checkpointer<'_> {
    fn done(&self, split: u32) -> Option<(SplitEnd, &[(u32, u64)])> {
        let done = self.checkpoint.splits.get(&split)?;
        let holes = self.checkpoint.missing.as_ref().is_some_and(|missing| {
            let first = ChunkId { split, index: 0 };
            missing
                .range(first..)
                .next()
                .is_some_and(|id| id.split == split)
        });
        let end = SplitEnd {
            split,
            chunks: done.chunks,
            passed_over: done.passed_over,
        };
        (!holes).then_some((end, &done.records[..]))
    }

    fn wants(&self, id: ChunkId) -> bool {
        self.checkpoint
            .missing
            .as_ref()
            .is_none_or(|missing| missing.contains(&id))
    }

    fn complete(&self, end: SplitEnd, records: Vec<(u32, u64)>) -> Result<(), ProduceError> {
        crash::point("before-split-complete");
        let done = SplitDone {
            split: end.split,
            chunks: end.chunks,
            records,
            passed_over: end.passed_over,
        };
        let due = {
            let mut pending = self.pending.lock();
            pending.records += done.records.len();
            pending.splits.push(done);
            match pending.last.elapsed() >= INTERVAL || pending.records >= MAX_RECORDS {
                true => pending.take(),
                false => Vec::new(),
            }
        };
        let written = self.runtime.block_on(self.write(due));
        written.map_err(|error| ProduceError::Log(error.to_string()))
    }
}
