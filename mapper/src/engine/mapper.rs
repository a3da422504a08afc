//! One thread's driver: a chunk in, encoded outcomes out.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use gristmill_common::chunk::Chunk;
use gristmill_common::counters::Counters;
use gristmill_common::entries::Entry;
use gristmill_common::id::partition_of_split;
use gristmill_common::outcome::SourceCount;
use gristmill_common::spec::{EncodingErrors, JobSpec};
use gristmill_common::wire::WireError;

use crate::engine::account::account;
use crate::engine::batch::Batch;
use crate::engine::bisect::Runner;
use crate::engine::chunk_run::ChunkRun;
use crate::engine::encode::{Attempt, Target, encode};
use crate::engine::held_rows::HeldRows;
use crate::engine::output::Output;
use crate::engine::prepared::Prepared;
use crate::engine::table::Table;
use crate::engine::utf8_filter::filter_utf8;

/// Maps chunks, one after the other.
pub struct Mapper {
    prepared: Arc<Prepared>,
    runner: Runner,
    out: Output,
    scratch: Output,
    held: HeldRows,
    filters_utf8: bool,
    by_split: bool,
    splits: u32,
    partitions: u32,
}

/// What mapping one chunk gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mapped {
    /// Encoded outcomes, each with the partition that it is for.
    pub outcomes: Vec<(u32, Bytes)>,
    /// Records that went through.
    pub records: u64,
    /// Records that were set aside, by producer and mapper.
    pub quarantined: u64,
    /// What the user's programs counted.
    pub counters: Counters,
}

/// A poison record: one that killed a process.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct PoisonRecord {
    /// Its number among the chunk's records.
    pub(crate) number: u64,
    /// How the process died.
    pub(crate) reason: String,
}

impl Mapper {
    /// A mapper for one thread, of a job with `splits` splits.
    #[must_use]
    pub fn new(prepared: Arc<Prepared>, spec: &JobSpec, splits: u32) -> Self {
        Self {
            runner: Runner::new(&prepared),
            out: Output::new(prepared.shape()),
            scratch: Output::new(prepared.shape()),
            held: HeldRows::new(|| Output::new(prepared.shape())),
            filters_utf8: spec.encoding_errors == EncodingErrors::Quarantine,
            by_split: prepared.shape().by_split(),
            splits,
            partitions: spec.partitions.max(1),
            prepared,
        }
    }

    /// Maps one chunk: encoded outcomes, each with its partition. Every partition concerned gets
    /// at least one, even an empty one.
    ///
    /// # Errors
    /// When an outcome does not fit a message although it was cut into parts.
    pub fn map(&mut self, chunk: &Chunk) -> Result<Vec<(u32, Bytes)>, WireError> {
        self.map_counted(chunk).map(|mapped| mapped.outcomes)
    }

    /// As [`Mapper::map`], with how many records were mapped and set aside.
    ///
    /// # Errors
    /// As [`Mapper::map`].
    pub fn map_counted(&mut self, chunk: &Chunk) -> Result<Mapped, WireError> {
        let pieces = self.run(chunk);
        self.outcomes(chunk, &pieces, None)
    }

    /// As [`Mapper::map_counted`], but the outcomes are those of the chunk before: rows of several
    /// chunks may travel with one of them. The last one's are [`Mapper::held`].
    ///
    /// # Errors
    /// As [`Mapper::map`].
    pub(crate) fn map_held(&mut self, chunk: &Chunk) -> Result<Mapped, WireError> {
        let outcomes = self.held.let_go(false)?;
        let pieces = self.run(chunk);
        let counts = account(&chunk.head, &pieces, &self.out.quarantined);
        self.out
            .quarantined
            .extend(chunk.head.faults.iter().map(Entry::from));
        let mapped = Mapped {
            outcomes,
            records: counts.iter().map(|count| count.mapped).sum(),
            quarantined: counts.iter().map(|count| count.quarantined).sum(),
            counters: self.out.counters.clone(),
        };
        let attempt = Attempt::at(chunk.head.id, chunk.hash, None);
        let target = self.target(chunk.head.id.split);
        self.held.add(attempt, target, counts, &mut self.out);
        Ok(mapped)
    }

    /// The outcomes of the chunk that [`Mapper::map_held`] mapped last, with all rows.
    ///
    /// # Errors
    /// As [`Mapper::map`].
    pub(crate) fn held(&mut self) -> Result<Vec<(u32, Bytes)>, WireError> {
        self.held.let_go(true)
    }

    /// Maps one chunk of several that have one outcome together.
    pub(crate) fn map_into(&mut self, chunk: &Chunk, run: &mut ChunkRun) {
        let pieces = self.run(chunk);
        let counts = account(&chunk.head, &pieces, &self.out.quarantined);
        self.out
            .quarantined
            .extend(chunk.head.faults.iter().map(Entry::from));
        run.add(chunk, &counts, &self.out);
    }

    /// Encodes the one outcome of several chunks, and empties `run` for the next.
    ///
    /// # Errors
    /// As [`Mapper::map`].
    pub(crate) fn outcomes_of(&self, run: &mut ChunkRun) -> Result<Mapped, WireError> {
        let (id, hash) = run.identity();
        let (target, counts) = (self.target(id.split), run.counts());
        let (out, apart) = run.output();
        let mapped = mapped(Attempt::at(id, hash, None), &target, counts, out, apart)?;
        run.end();
        Ok(mapped)
    }

    /// Runs a chunk; its results are in `out`. Returns the records of its pieces.
    fn run(&mut self, chunk: &Chunk) -> Vec<u64> {
        self.out.clear();
        let prepared = Arc::clone(&self.prepared);
        let whole = Batch::of_chunk(&chunk.head, &chunk.body, prepared.splitter());
        let filtered;
        let batch = if self.filters_utf8 {
            filtered = filter_utf8(whole.clone(), &mut self.out);
            &filtered
        } else {
            &whole
        };
        self.runner
            .run(&prepared, batch, &mut self.out, &mut self.scratch);
        self.counted(&whole)
    }

    /// What stands for a chunk that cannot be run: all its records are set aside, and no processor
    /// sees it. One that may be replayed is `skipped` ([`OutcomeHead::skipped`]): how often the job
    /// was replayed before.
    ///
    /// [`OutcomeHead::skipped`]: gristmill_common::outcome::OutcomeHead::skipped
    ///
    /// # Errors
    /// As [`Mapper::map`].
    pub(crate) fn set_aside(
        &mut self,
        chunk: &Chunk,
        reason: &str,
        skipped: Option<u32>,
    ) -> Result<Mapped, WireError> {
        self.out.clear();
        let prepared = Arc::clone(&self.prepared);
        let whole = Batch::of_chunk(&chunk.head, &chunk.body, prepared.splitter());
        let mut pieces = Vec::new();
        for part in whole.parts() {
            pieces.push(whole.count_of(part));
            for record in whole.records(part) {
                let (piece, bytes) = (part.piece, record.bytes);
                self.out.quarantine(piece, record.offset, reason, bytes);
            }
        }
        self.outcomes(chunk, &pieces, skipped)
    }

    /// The records of a chunk's pieces: as the processor counted them, if it saw all and said so.
    fn counted(&mut self, whole: &Batch<'_>) -> Vec<u64> {
        let recount = || whole.parts().iter().map(|part| whole.count_of(part));
        let said = std::mem::take(&mut self.out.counts);
        if self.filters_utf8 || said.len() != whole.parts().len() {
            return recount().collect();
        }
        debug_assert!(recount().eq(said.iter().copied()), "miscounted records");
        said
    }

    /// How many records a chunk has, as far as this job is concerned.
    pub(crate) fn count(&self, chunk: &Chunk) -> u64 {
        let prepared = Arc::clone(&self.prepared);
        Batch::of_chunk(&chunk.head, &chunk.body, prepared.splitter()).count()
    }

    /// Runs the records of a chunk from `from` to before `to`, without those of `poison`, for no
    /// other purpose than to see whether this process survives it.
    pub(crate) fn probe(&mut self, chunk: &Chunk, range: Range<u64>, poison: &[PoisonRecord]) {
        let prepared = Arc::clone(&self.prepared);
        let whole = Batch::of_chunk(&chunk.head, &chunk.body, prepared.splitter());
        self.out.clear();
        self.run_around(&prepared, &whole, range, poison);
    }

    /// As [`Mapper::map_counted`], but records that are known to kill are set aside, each with its
    /// reason, and never given to the processor.
    ///
    /// # Errors
    /// As [`Mapper::map`].
    pub(crate) fn map_around(
        &mut self,
        chunk: &Chunk,
        poison: &[PoisonRecord],
    ) -> Result<Mapped, WireError> {
        let prepared = Arc::clone(&self.prepared);
        let whole = Batch::of_chunk(&chunk.head, &chunk.body, prepared.splitter());
        let pieces: Vec<u64> = (whole.parts().iter())
            .map(|part| whole.count_of(part))
            .collect();
        self.out.clear();
        self.run_around(&prepared, &whole, 0..whole.count(), poison);
        self.outcomes(chunk, &pieces, None)
    }

    fn run_around(
        &mut self,
        prepared: &Prepared,
        whole: &Batch<'_>,
        range: Range<u64>,
        poison: &[PoisonRecord],
    ) {
        let (before, _) = whole.cut(range.end);
        let (_, mut rest) = before.cut(range.start);
        let mut at = range.start;
        for record in poison
            .iter()
            .filter(|record| range.contains(&record.number))
        {
            let (safe, tail) = rest.cut(record.number - at);
            let (alone, after) = tail.cut(1);
            self.run_some(prepared, safe);
            let mut parts = alone.parts().to_vec();
            for part in &mut parts {
                if alone.count_of(part) > 0 {
                    self.out
                        .quarantine(part.piece, part.offset, &record.reason, part.bytes);
                    *part = part.emptied();
                }
            }
            // The documents stay present.
            let present = Batch::new(alone.split(), alone.splitter(), parts);
            self.run_some(prepared, present);
            rest = after;
            at = record.number + 1;
        }
        self.run_some(prepared, rest);
    }

    /// Adds the results of some records to those that are there.
    fn run_some(&mut self, prepared: &Prepared, batch: Batch<'_>) {
        if batch.parts().is_empty() {
            return;
        }
        let mut some = Output::new(prepared.shape());
        let batch = match self.filters_utf8 {
            true => filter_utf8(batch, &mut some),
            false => batch,
        };
        self.runner
            .run(prepared, &batch, &mut some, &mut self.scratch);
        self.out.append(&some);
    }

    /// Encodes what `out` holds.
    fn outcomes(
        &mut self,
        chunk: &Chunk,
        pieces: &[u64],
        skipped: Option<u32>,
    ) -> Result<Mapped, WireError> {
        let counts = account(&chunk.head, pieces, &self.out.quarantined);
        self.out
            .quarantined
            .extend(chunk.head.faults.iter().map(Entry::from));
        let attempt = Attempt::at(chunk.head.id, chunk.hash, skipped);
        let target = self.target(chunk.head.id.split);
        mapped(attempt, &target, counts, &mut self.out, &[])
    }

    fn target(&self, split: u32) -> Target {
        if self.by_split {
            Target::One(partition_of_split(split, self.splits, self.partitions))
        } else {
            Target::ByKey {
                partitions: self.partitions,
                account: split % self.partitions,
            }
        }
    }
}

/// Encodes what `out` holds, and the rows that are `apart`, with an account.
fn mapped(
    attempt: Attempt,
    target: &Target,
    counts: Vec<SourceCount>,
    out: &mut Output,
    apart: &[Table],
) -> Result<Mapped, WireError> {
    let records = counts.iter().map(|count| count.mapped).sum();
    let quarantined = counts.iter().map(|count| count.quarantined).sum();
    let counters = out.counters.clone();
    let outcomes = encode(attempt, target, counts, out, apart)?;
    Ok(Mapped {
        outcomes,
        records,
        quarantined,
        counters,
    })
}
