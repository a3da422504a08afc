//! A few units tried out: what comes of them, for people to look at.

use gristmill_common::chunk::ChunkHead;
use gristmill_common::entries::Entries;
use gristmill_common::key::fields;
use gristmill_common::spec::{Each, Exec, Reduce};

use super::pairs;
use crate::engine::batch::Batch;
use crate::engine::output::Output;
use crate::engine::prepared::Prepared;
use crate::engine::processor::Processor;

/// Runs the first units of chunks, one chunk after the other.
pub struct Trial {
    each: Each,
    distinct: bool,
    processor: Box<dyn Processor>,
    out: Output,
    left: u64,
}

/// What came of one chunk's units.
#[derive(Debug)]
pub struct Tried<'a> {
    /// Results, as they would be written; of a reduction the mapper's side, `key TAB value`.
    pub results: Vec<u8>,
    /// What was set aside.
    pub set_aside: &'a Entries,
}

impl Trial {
    /// Tries `units` units of a job.
    #[must_use]
    pub fn new(prepared: &Prepared, exec: &Exec, units: u64) -> Self {
        Self {
            each: exec.each,
            distinct: exec.reduce == Some(Reduce::Distinct),
            processor: prepared.processor(),
            out: Output::new(prepared.shape()),
            left: units,
        }
    }

    /// Whether all units were tried.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.left == 0
    }

    /// Tries the units of a chunk, as far as they are wanted.
    pub fn chunk(&mut self, prepared: &Prepared, head: &ChunkHead, body: &[u8]) -> Tried<'_> {
        self.out.clear();
        let whole = Batch::of_chunk(head, body, prepared.splitter());
        let batch = match self.each {
            Each::Chunk => {
                let parts = whole.parts().iter().filter(|part| !part.bytes.is_empty());
                let parts: Vec<_> = parts.take(self.left as usize).copied().collect();
                self.left -= parts.len() as u64;
                Batch::new(whole.split(), whole.splitter(), parts)
            }
            Each::Document | Each::Record => {
                let (first, _) = whole.cut(self.left);
                self.left -= first.count().min(self.left);
                first
            }
        };
        // It never fails: what fails is set aside.
        let _ = self.processor.process(&batch, &mut self.out);
        let mut results = self.out.bytes.clone();
        for row in self.out.table.rows() {
            if self.distinct {
                // A row for the key, and one for each of its values.
                if let Some([key, value]) = fields(row.key).as_deref() {
                    pairs::push_line(&mut results, key, value);
                }
                continue;
            }
            results.extend_from_slice(row.key);
            for value in row.values {
                results.extend_from_slice(format!("\t{value}").as_bytes());
            }
            results.push(b'\n');
        }
        for (key, value) in self.out.grouped.sorted() {
            pairs::push_line(&mut results, key, value);
        }
        Tried {
            results,
            set_aside: self.out.quarantined(),
        }
    }
}
