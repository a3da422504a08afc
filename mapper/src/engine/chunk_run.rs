//! Several chunks of a split that have one outcome together: what a mapper that reads its splits
//! itself makes of a table.
//!
//! Where a run ends is a pure function of the split's text, and so is its outcome, whichever of its
//! chunks were mapped in other processes (I1, I2).

use bytes::Bytes;
use gristmill_common::chunk::Chunk;
use gristmill_common::id::{ChunkId, content_hash};
use gristmill_common::outcome::SourceCount;
use gristmill_common::spec::Shape;
use gristmill_common::table::{MAX_COLUMNS, Merge, rows};
use gristmill_common::wire::{self, Check, Message, WireError};

use crate::engine::account::Counts;
use crate::engine::encode::cost;
use crate::engine::output::Output;
use crate::engine::table::Table;

/// A run ends after the chunk with which it has so much text.
const TEXT: u64 = 64 << 20;
/// Or with which its rows and entries take so much memory.
const MEMORY: usize = 8 << 20;

/// The chunks of a run so far.
#[derive(Debug)]
pub(crate) struct ChunkRun {
    id: ChunkId,
    /// Of all chunks' hashes, in order.
    hash: u64,
    chunks: u32,
    text: u64,
    entries: usize,
    counts: Counts,
    merges: Vec<Merge>,
    out: Output,
    /// By partition, the rows of chunks that other processes mapped: which part of a key decides
    /// the partition is not known of them.
    apart: Vec<Table>,
}

impl ChunkRun {
    /// The first run of a split; `None` for a job whose results are not tables.
    pub(crate) fn first_of(split: u32, shape: &Shape, partitions: u32) -> Option<Self> {
        let Shape::Table(table) = shape else {
            return None;
        };
        let merges: Vec<Merge> = table.columns.iter().map(|(_, merge)| *merge).collect();
        Some(Self {
            id: ChunkId { split, index: 0 },
            hash: 0,
            chunks: 0,
            text: 0,
            entries: 0,
            counts: Counts::default(),
            apart: (0..partitions.max(1))
                .map(|_| Table::new(merges.clone()))
                .collect(),
            merges,
            out: Output::new(shape),
        })
    }

    /// Adds what a chunk gave.
    pub(crate) fn add(&mut self, chunk: &Chunk, counts: &[SourceCount], out: &Output) {
        self.note(chunk);
        counts.iter().for_each(|count| self.counts.add(count));
        self.entries += out.quarantined.iter().map(cost).sum::<usize>();
        self.out.append(out);
    }

    /// Adds what a chunk gave in another process, as the outcomes that it was encoded to.
    ///
    /// # Errors
    /// When they are none.
    pub(crate) fn add_outcomes(
        &mut self,
        chunk: &Chunk,
        outcomes: &[(u32, Bytes)],
    ) -> Result<(), WireError> {
        self.note(chunk);
        for (partition, message) in outcomes {
            let Message::Outcome(outcome) = wire::decode(message, Check::Head)? else {
                return Err(WireError::Malformed("not an outcome".into()));
            };
            let head = outcome.head;
            head.counts.iter().for_each(|count| self.counts.add(count));
            self.entries += head.quarantined.iter().map(cost).sum::<usize>();
            self.out.quarantined.extend(head.quarantined);
            for counter in head.counters {
                self.out.counters.add(counter);
            }
            let Some(table) = self.apart.get_mut(*partition as usize) else {
                return Err(WireError::Malformed(format!("partition {partition}")));
            };
            let columns = self.merges.len();
            for row in rows::<MAX_COLUMNS>(&outcome.body, columns) {
                let row = row.map_err(|bad| WireError::Malformed(bad.to_string()))?;
                if row.member {
                    table.member(row.key, 0);
                    continue;
                }
                let at = table.row(row.key);
                let totals = table.values_mut(at).iter_mut();
                for ((total, merge), value) in totals.zip(&self.merges).zip(row.values) {
                    merge.apply(total, value);
                }
            }
        }
        Ok(())
    }

    fn note(&mut self, chunk: &Chunk) {
        let hashes = [self.hash, chunk.hash].map(u64::to_le_bytes);
        self.hash = content_hash(hashes.as_flattened());
        self.chunks += 1;
        self.text += chunk.body.len() as u64;
    }

    /// Whether it ends with the chunk that was added last.
    pub(crate) fn is_full(&self) -> bool {
        let rows = self.apart.iter().map(Table::size).sum::<usize>() + self.out.size();
        self.text >= TEXT || rows + self.entries >= MEMORY
    }

    /// Whether no chunk is in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.chunks == 0
    }

    /// Number of the run in its split, which is how many ended before it.
    pub(crate) fn index(&self) -> u32 {
        self.id.index
    }

    /// What it is as a chunk: its id and its hash.
    pub(crate) fn identity(&self) -> (ChunkId, u64) {
        (self.id, self.hash)
    }

    /// Its account, per source.
    pub(crate) fn counts(&self) -> Vec<SourceCount> {
        self.counts.all().to_vec()
    }

    /// Its results.
    pub(crate) fn output(&mut self) -> (&mut Output, &[Table]) {
        (&mut self.out, &self.apart)
    }

    /// Ends it: the next one is empty.
    pub(crate) fn end(&mut self) {
        self.id.index += 1;
        self.hash = 0;
        self.chunks = 0;
        self.text = 0;
        self.entries = 0;
        self.counts = Counts::default();
        self.out.clear();
        self.apart.iter_mut().for_each(Table::clear);
    }
}
