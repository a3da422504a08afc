//! Mapping the chunks of a split as they are cut.

use bytes::Bytes;
use gristmill_common::chunk::{Chunk, ChunkHead};
use gristmill_common::crash;
use gristmill_common::progress::Progress;
use gristmill_common::split_task::{SplitAccount, SplitTask};
use gristmill_common::wire::{self, BodyForm};
use gristmill_input::{ChunkSink, Halt};

use super::SplitWork;
use super::outcomes::Outcomes;
use super::sharing::Sharing;
use crate::engine::chunk_run::ChunkRun;
use crate::engine::mapper::{Mapped, Mapper};
use crate::work::assignment::MapError;
use crate::work::encode_error;
use crate::work::suspect::{Apart, map_apart};

/// Takes the chunks of a split, maps them and sends what comes out.
pub(super) struct Mapping<'a> {
    work: &'a SplitWork<'a>,
    mapper: &'a mut Mapper,
    outcomes: Outcomes<'a>,
    /// The chunks whose common outcome is not sent yet.
    run: Option<ChunkRun>,
    /// How chunks go to others, if they do.
    sharing: Option<Sharing<'a>>,
    /// Which attempt it is, where chunks are run in processes of their own.
    apart: Option<u64>,
    /// The buffer of the chunk before.
    spare: Vec<u8>,
}

impl<'a> Mapping<'a> {
    pub(super) fn new(
        work: &'a SplitWork<'a>,
        task: &SplitTask,
        mapper: &'a mut Mapper,
        outcomes: Outcomes<'a>,
        apart: Option<u64>,
    ) -> Self {
        let job = work.job;
        Self {
            run: ChunkRun::first_of(
                task.split,
                &job.spec.kind,
                job.prepared.shape(),
                job.spec.partitions,
            ),
            sharing: Sharing::of(work, task),
            work,
            mapper,
            outcomes,
            apart,
            spare: Vec::new(),
        }
    }

    /// All chunks were cut: sends the rest. Returns how many chunks have outcomes, if `cut` were
    /// cut.
    pub(super) fn end(&mut self, cut: u32) -> Result<u32, MapError> {
        self.send_run()?;
        Ok(self.run.as_ref().map_or(cut, ChunkRun::index))
    }

    /// Waits until all outcomes are taken, and gives every partition the account.
    pub(super) fn close(&mut self, account: &SplitAccount) -> Result<(), MapError> {
        self.outcomes.land(0)?;
        let message = wire::encode_split_account(account);
        let message = message.map_err(|source| MapError::Encode {
            chunk: format!("{}/-", account.split),
            source,
        })?;
        for partition in 0..self.work.job.spec.partitions.max(1) {
            self.outcomes.send(partition, message.clone())?;
        }
        self.outcomes.land(0)
    }

    /// Maps a chunk; false when the job is over or somebody else has the split.
    pub(super) fn map(&mut self, chunk: &Chunk) -> Result<bool, MapError> {
        let SplitWork {
            scheduler,
            job,
            in_flight,
            ..
        } = *self.work;
        in_flight.goes_on();
        if self.is_taken() || !scheduler.has(job.number) {
            return Ok(false);
        }
        if let Some(sharing) = &mut self.sharing
            && sharing.share(chunk)?
        {
            return Ok(true);
        }
        let encode_error = |source| encode_error(chunk.head.id, source);
        let mapped = match (self.apart, &mut self.run) {
            (None, Some(run)) => {
                self.mapper.map_into(chunk, run);
                None
            }
            (None, None) => Some(self.mapper.map_counted(chunk).map_err(encode_error)?),
            (Some(attempt), run) => {
                let encoded = wire::encode_chunk(&chunk.head, chunk.body.to_vec(), BodyForm::Raw);
                let (payload, _) = encoded.map_err(encode_error)?;
                let apart = map_apart(job, chunk, attempt, &Bytes::from(payload), None)?;
                let Some(Apart { mapped, .. }) = apart else {
                    return Ok(false);
                };
                match run {
                    None => Some(mapped),
                    Some(run) => {
                        let added = run.add_outcomes(chunk, &mapped.outcomes);
                        added.map_err(encode_error)?;
                        None
                    }
                }
            }
        };
        if let Some(fatal) = job.prepared.fatal() {
            return Err(fatal.clone().into());
        }
        // Whoever took it away meanwhile has it mapped elsewhere, and perhaps otherwise divided.
        if job.prepared.is_stopping() || self.is_taken() {
            return Ok(false);
        }
        Progress::add(&job.progress.bytes_mapped, chunk.body.len() as u64);
        job.progress.touch();
        if let Some(counters) = &job.counters {
            counters.mapped_text(chunk.body.len() as u64);
        }
        match mapped {
            Some(mapped) => self.send(mapped)?,
            None if self.run.as_ref().is_some_and(ChunkRun::is_full) => self.send_run()?,
            None => {}
        }
        Ok(true)
    }

    /// Whether somebody else has the split, because it took too long here.
    pub(super) fn is_taken(&self) -> bool {
        self.apart.is_none() && self.work.in_flight.is_taken()
    }

    fn send_run(&mut self) -> Result<(), MapError> {
        let Some(run) = self.run.as_mut().filter(|run| !run.is_empty()) else {
            return Ok(());
        };
        let (id, _) = run.identity();
        let mapped = self.mapper.outcomes_of(run);
        let mapped = mapped.map_err(|source| encode_error(id, source))?;
        self.send(mapped)
    }

    fn send(&mut self, mapped: Mapped) -> Result<(), MapError> {
        let job = self.work.job;
        Progress::add(&job.progress.records, mapped.records);
        Progress::add(&job.progress.quarantined, mapped.quarantined);
        if let Some(counters) = &job.counters {
            counters.set_aside(mapped.quarantined);
            counters.counted(&mapped.counters);
        }
        for (partition, message) in mapped.outcomes {
            self.outcomes.send(partition, message)?;
        }
        Ok(())
    }
}

impl ChunkSink for Mapping<'_> {
    fn take(&mut self, head: ChunkHead, body: Vec<u8>) -> Result<(), Halt> {
        crash::point("chunk-cut");
        let hash = wire::hash_of_chunk(&head, &body);
        let hash = hash.map_err(|source| encode_error(head.id, source))?;
        let body = Bytes::from(body);
        let chunk = Chunk { head, body, hash };
        let goes_on = self.map(&chunk);
        // Nobody else has it, so it is not copied.
        self.spare = Vec::from(chunk.body);
        match goes_on? {
            true => Ok(()),
            false => Err(Halt::Stopped),
        }
    }

    fn buffer(&mut self, capacity: usize) -> Vec<u8> {
        let mut spare = std::mem::take(&mut self.spare);
        spare.clear();
        spare.reserve(capacity);
        spare
    }
}
