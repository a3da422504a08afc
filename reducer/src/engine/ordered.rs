//! The output of an ordered job: bodies written in the order of the input.
//!
//! The next chunk of the first unfinished split goes straight to the output; all others wait in the
//! [`SpillBuffer`]. It must not know queues, seals or accounts.

use std::collections::BTreeMap;
use std::ops::Range;

use bytes::Bytes;
use gristmill_common::id::{ChunkId, partition_of_split};
use gristmill_common::spec::{Format, JobSpec};

use crate::engine::document_limit::DocumentLimit;
use crate::engine::error::FileError;
use crate::engine::out_file::OutFile;
use crate::engine::spill_buffer::{Held, SpillBuffer};
use crate::engine::tar_part::TarPart;

/// Puts the bodies of one partition in order.
#[derive(Debug)]
pub(crate) struct Ordered {
    /// The chunk that comes next; its split may be past the last.
    next: ChunkId,
    splits: Range<u32>,
    waiting: BTreeMap<ChunkId, Vec<Held>>,
    form: Form,
    out: OutFile,
}

/// What becomes of the bodies on their way to the output.
#[derive(Debug)]
enum Form {
    /// They are written as they are.
    Plain,
    /// Their frames are counted, and the first ones of each document are written.
    Limited(DocumentLimit),
    /// Their frames become members of a tar.
    Tar(TarPart),
}

impl Ordered {
    /// Writes the splits of one partition of a job to `out`, in the form that the spec asks for.
    pub(crate) fn new(partition: u32, spec: &JobSpec, splits: u32, out: OutFile) -> Self {
        let splits = range_of(partition, spec.partitions, splits);
        Self {
            next: ChunkId {
                split: splits.start,
                index: 0,
            },
            splits,
            waiting: BTreeMap::new(),
            form: match spec.kind.document_limit() {
                Some(most) => Form::Limited(DocumentLimit::new(most)),
                None if spec.format == Format::Tar => Form::Tar(TarPart::default()),
                None => Form::Plain,
            },
            out,
        }
    }

    /// Takes a chunk's bodies, new and whole. `chunks_of` tells how many chunks a split has, once
    /// that is known.
    pub(crate) fn take(
        &mut self,
        id: ChunkId,
        bodies: Vec<Bytes>,
        spill: &mut SpillBuffer,
        chunks_of: impl Fn(u32) -> Option<u32>,
    ) -> Result<(), FileError> {
        if id != self.next {
            let mut held = Vec::with_capacity(bodies.len());
            for body in bodies {
                if !body.is_empty() {
                    held.push(spill.put(body)?);
                }
            }
            self.waiting.insert(id, held);
            return Ok(());
        }
        for body in bodies {
            self.write(&body)?;
        }
        self.next.index += 1;
        self.advance(spill, chunks_of)
    }

    /// Writes what waited for its turn and has it now.
    pub(crate) fn advance(
        &mut self,
        spill: &mut SpillBuffer,
        chunks_of: impl Fn(u32) -> Option<u32>,
    ) -> Result<(), FileError> {
        while self.splits.contains(&self.next.split) {
            if chunks_of(self.next.split) == Some(self.next.index) {
                self.next = ChunkId {
                    split: self.next.split + 1,
                    index: 0,
                };
            } else if let Some(bodies) = self.waiting.remove(&self.next) {
                for held in bodies {
                    let body = spill.take(held)?;
                    self.write(&body)?;
                }
                self.next.index += 1;
            } else {
                break;
            }
        }
        self.out.flush_stream()
    }

    /// The output, once every split was written; none if something is missing.
    ///
    /// # Errors
    /// When its end cannot be written.
    pub(crate) fn finish(mut self) -> Result<Option<OutFile>, FileError> {
        let whole = match &self.form {
            Form::Plain => true,
            Form::Limited(limit) => limit.is_between_frames(),
            Form::Tar(tar) => tar.is_between_frames(),
        };
        if self.next.split < self.splits.end || !self.waiting.is_empty() || !whole {
            return Ok(None);
        }
        if let Form::Tar(tar) = self.form {
            tar.finish(&mut self.out)?;
        }
        Ok(Some(self.out))
    }

    /// Writes a body of the chunk that comes next.
    fn write(&mut self, body: &Bytes) -> Result<(), FileError> {
        match &mut self.form {
            Form::Plain => self.out.write_shared(body),
            Form::Limited(limit) => limit.write(self.next.split, body, &mut self.out),
            Form::Tar(tar) => tar.write(body, &mut self.out),
        }
    }
}

/// The splits of a partition: those for which [`partition_of_split`] names it.
fn range_of(partition: u32, partitions: u32, splits: u32) -> Range<u32> {
    let first = |wanted: u32| {
        let (mut low, mut high) = (0, splits);
        while low < high {
            let middle = low + (high - low) / 2;
            if partition_of_split(middle, splits, partitions) < wanted {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    };
    first(partition)..first(partition.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_what_the_partition_function_says() {
        for splits in 0..20 {
            for partitions in 1..6 {
                for partition in 0..partitions {
                    let mine: Vec<u32> = (0..splits)
                        .filter(|&s| partition_of_split(s, splits, partitions) == partition)
                        .collect();
                    let range: Vec<u32> = range_of(partition, partitions, splits).collect();
                    assert_eq!(range, mine, "{partition} of {partitions}, {splits} splits");
                }
            }
        }
    }
}
