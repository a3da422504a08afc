//! Chunks run twice, by two programs that know nothing of each other: do they give the same?

use gristmill_common::chunk::ChunkHead;
use gristmill_common::entries::{Entries, Entry};

use crate::engine::batch::Batch;
use crate::engine::output::Output;
use crate::engine::prepared::Prepared;
use crate::engine::processor::Processor;

/// Runs chunks twice.
pub struct Rerun {
    runs: [(Box<dyn Processor>, Output); 2],
}

/// What came of a chunk that was run twice.
#[derive(Debug)]
pub struct Reran<'a> {
    /// Both runs gave the same.
    pub same: bool,
    /// The results of the first run, as far as they are written in input order.
    pub results: &'a [u8],
    /// What the first run set aside.
    pub set_aside: &'a Entries,
}

impl Rerun {
    /// Runs by two that were made ready apart from each other, so that they share no process.
    #[must_use]
    pub fn new(one: &Prepared, other: &Prepared) -> Self {
        Self {
            runs: [one, other]
                .map(|prepared| (prepared.processor(), Output::new(prepared.shape()))),
        }
    }

    /// Runs a chunk.
    pub fn chunk(&mut self, prepared: &Prepared, head: &ChunkHead, body: &[u8]) -> Reran<'_> {
        for (processor, out) in &mut self.runs {
            out.clear();
            let batch = Batch::of_chunk(head, body, prepared.splitter());
            // It never fails: what fails is set aside.
            let _ = processor.process(&batch, out);
        }
        let [(_, one), (_, other)] = &self.runs;
        Reran {
            same: is_same(one, other),
            results: &one.bytes,
            set_aside: one.quarantined(),
        }
    }
}

/// Whether two outputs hold the same. What a program says on stderr is no result.
fn is_same(one: &Output, other: &Output) -> bool {
    fn parts(entry: Entry<'_>) -> (&[u8], u64, &str, u64) {
        let records = entry.records();
        (entry.document, entry.offset, entry.reason, records)
    }
    one.bytes == other.bytes
        && one.table.rows().eq(other.table.rows())
        && one.grouped.iter().eq(other.grouped.iter())
        && one.counters == other.counters
        && (one.quarantined.iter().map(parts)).eq(other.quarantined.iter().map(parts))
}
