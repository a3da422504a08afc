//! The pairs of one partition: sorted as they come, then streamed to the user's reduce program,
//! whose output is the part file.
//!
//! Pairs leave by key; those of one key in the order of the input, however chunks were cut and in
//! whatever order they came (I6). It must not know how programs are run.

use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use gristmill_common::counters::Counters;
use gristmill_common::id::ChunkId;
use gristmill_common::pair::pairs;
use gristmill_common::reduce_program::{ReduceFault, ReduceProgram};

use crate::engine::error::FileError;
use crate::engine::out_file::{Finished, OutFile};
use crate::engine::reduce_error::ReduceError;
use crate::engine::sort::{Merger, Sorted, Sorter};

/// Before a value in the sorter: the split and the chunk that it came from, and its place there,
/// each a big-endian u32, so that byte order is input order.
const PLACE: usize = 12;

/// A partition's pairs while outcomes come in.
pub(crate) struct Grouped {
    partition: u32,
    sorter: Sorter,
    /// Bytes for reading what was spilled.
    reading: usize,
    payload: Vec<u8>,
    program: Arc<dyn ReduceProgram>,
    out: OutFile,
}

impl Grouped {
    /// Sorts within `budget` bytes, spills into `tmp`, and has `program` write `out`.
    pub(crate) fn new(
        partition: u32,
        budget: usize,
        tmp: &Path,
        program: Arc<dyn ReduceProgram>,
        out: OutFile,
    ) -> Self {
        let reading = budget / 6;
        Self {
            partition,
            sorter: Sorter::new(budget - reading, tmp),
            reading,
            payload: Vec::new(),
            program,
            out,
        }
    }

    /// Takes a chunk's bodies, new and whole.
    pub(crate) fn take(&mut self, id: ChunkId, bodies: &[Bytes]) -> Result<(), ReduceError> {
        let pairs = bodies.iter().flat_map(|body| pairs(body));
        for (place, pair) in (0_u32..).zip(pairs) {
            let (key, value) =
                pair.map_err(|bad| ReduceError::Malformed(format!("chunk {id}: {bad}")))?;
            self.payload.clear();
            for number in [id.split, id.index, place] {
                self.payload.extend_from_slice(&number.to_be_bytes());
            }
            self.payload.extend_from_slice(value);
            self.sorter.push(key, &self.payload)?;
        }
        Ok(())
    }

    /// Whether a body could be taken.
    pub(crate) fn check(body: &[u8]) -> Result<(), ReduceError> {
        let bad = pairs(body).find_map(Result::err);
        bad.map_or(Ok(()), |bad| Err(ReduceError::Malformed(bad.to_string())))
    }

    /// Bytes on disk so far.
    pub(crate) fn spilled(&self) -> u64 {
        self.sorter.spilled()
    }

    /// Runs the program; `spilled` grows by what went to disk, and `counters` by what was counted.
    pub(crate) fn finish(
        self,
        spilled: &mut u64,
        counters: &mut Counters,
    ) -> Result<Finished, ReduceError> {
        let sorted = self.sorter.finish();
        *spilled += sorted.spilled();
        let mut lines = Lines {
            merger: Sorted::merge(vec![sorted], self.reading, spilled)?,
            key: Vec::new(),
            payload: Vec::new(),
            line: Vec::new(),
            at: 0,
            failed: None,
        };
        let mut part = PartFile {
            out: self.out,
            failed: None,
        };
        let reduced = self.program.reduce(self.partition, &mut lines, &mut part);
        // What was wrong with our own files comes first: the program only suffers from it.
        if let Some(error) = lines.failed.or(part.failed) {
            return Err(error.into());
        }
        for counter in reduced? {
            counters.add(counter);
        }
        Ok(part.out.finish()?)
    }
}

impl From<ReduceFault> for ReduceError {
    fn from(fault: ReduceFault) -> Self {
        match fault {
            ReduceFault::Program(what) => ReduceError::Program(what),
            ReduceFault::Here(what) | ReduceFault::Lost(what) => ReduceError::Unable(what),
        }
    }
}

/// The sorted pairs as lines.
struct Lines {
    merger: Merger,
    key: Vec<u8>,
    payload: Vec<u8>,
    line: Vec<u8>,
    /// How much of the line was read.
    at: usize,
    failed: Option<FileError>,
}

impl Read for Lines {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < into.len() {
            if self.at == self.line.len() && !self.next()? {
                break;
            }
            let len = (self.line.len() - self.at).min(into.len() - filled);
            into[filled..filled + len].copy_from_slice(&self.line[self.at..self.at + len]);
            self.at += len;
            filled += len;
        }
        Ok(filled)
    }
}

impl Lines {
    fn next(&mut self) -> io::Result<bool> {
        self.line.clear();
        self.at = 0;
        match self.merger.next(&mut self.key, &mut self.payload) {
            Ok(false) => Ok(false),
            Ok(true) => {
                self.line.extend_from_slice(&self.key);
                self.line.push(b'\t');
                self.line
                    .extend_from_slice(self.payload.get(PLACE..).unwrap_or_default());
                self.line.push(b'\n');
                Ok(true)
            }
            Err(error) => {
                self.failed = Some(error);
                Err(io::Error::other("the sorted pairs cannot be read"))
            }
        }
    }
}

/// The part file, as a program writes it.
struct PartFile {
    out: OutFile,
    failed: Option<FileError>,
}

impl Write for PartFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.out.write(bytes) {
            Ok(()) => Ok(bytes.len()),
            Err(error) => {
                self.failed = Some(error);
                Err(io::Error::other("the part file cannot be written"))
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
#[path = "grouped_tests.rs"]
mod tests;
