//! Sorted runs on disk: written once, read forwards, any number in one unnamed file.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gristmill_common::table::{push_uvarint, take_uvarint};

use crate::engine::error::FileError;
use crate::engine::files;

/// The most bytes that are collected before a write, or read at once.
const MAX_BUFFER: usize = 256 << 10;
/// The fewest: below this, system calls cost more than the work.
const MIN_BUFFER: usize = 4 << 10;
/// Two varints of lengths below 2^32.
const MAX_ENTRY_HEAD: usize = 10;

/// A buffer size that `share` bytes allow.
pub(crate) fn buffer_within(share: usize) -> usize {
    share.clamp(MIN_BUFFER, MAX_BUFFER)
}

/// An unnamed temporary file that takes runs one after the other.
#[derive(Debug)]
pub(crate) struct Spill {
    dir: PathBuf,
    file: Option<Arc<File>>,
    len: u64,
    runs: Vec<Run>,
}

/// One sorted run in a spill file.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    file: Arc<File>,
    dir: PathBuf,
    start: u64,
    end: u64,
    /// The largest entry, in bytes: what a reader must be able to hold.
    pub(crate) longest: usize,
}

impl Spill {
    /// Spills into `dir`; the file is created when the first run begins.
    pub(crate) fn new(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
            file: None,
            len: 0,
            runs: Vec::new(),
        }
    }

    /// Bytes written.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Whether no run was written.
    pub(crate) fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Begins a run; its entries must come sorted.
    pub(crate) fn begin(&mut self, buffer: usize) -> Result<RunWriter<'_>, FileError> {
        let file = match &self.file {
            Some(file) => Arc::clone(file),
            None => {
                let file = Arc::new(files::unnamed(&self.dir)?);
                self.file = Some(Arc::clone(&file));
                file
            }
        };
        Ok(RunWriter {
            start: self.len,
            spill: self,
            file,
            buffer: Vec::with_capacity(buffer),
            longest: 0,
        })
    }

    /// The runs, to be merged; the file goes when the last of them does.
    pub(crate) fn into_runs(self) -> Vec<Run> {
        self.runs
    }
}

impl Run {
    /// A new spill in the same folder.
    pub(crate) fn sibling(&self) -> Spill {
        Spill::new(&self.dir)
    }
}

/// Writes one run.
pub(crate) struct RunWriter<'a> {
    spill: &'a mut Spill,
    file: Arc<File>,
    start: u64,
    buffer: Vec<u8>,
    longest: usize,
}

impl RunWriter<'_> {
    /// Appends an entry.
    pub(crate) fn push(&mut self, key: &[u8], payload: &[u8]) -> Result<(), FileError> {
        let size = key.len() + payload.len() + MAX_ENTRY_HEAD;
        self.longest = self.longest.max(size);
        if self.buffer.len() + size > self.buffer.capacity() {
            self.flush()?;
        }
        push_uvarint(&mut self.buffer, key.len() as u128);
        push_uvarint(&mut self.buffer, payload.len() as u128);
        self.buffer.extend_from_slice(key);
        self.buffer.extend_from_slice(payload);
        Ok(())
    }

    /// Ends the run.
    pub(crate) fn end(mut self) -> Result<(), FileError> {
        self.flush()?;
        self.spill.runs.push(Run {
            file: self.file,
            dir: self.spill.dir.clone(),
            start: self.start,
            end: self.spill.len,
            longest: self.longest,
        });
        Ok(())
    }

    fn flush(&mut self) -> Result<(), FileError> {
        self.file
            .write_all_at(&self.buffer, self.spill.len)
            .map_err(FileError::new("write temporary data in", &self.spill.dir))?;
        self.spill.len += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }
}

/// Reads one run forwards.
#[derive(Debug)]
pub(crate) struct RunReader {
    run: Run,
    buffer: Vec<u8>,
    /// The unread part of the buffer.
    at: usize,
    filled: usize,
    /// The entry in hand, as ranges of the buffer: key start, payload start, end.
    entry: Option<(usize, usize, usize)>,
}

impl RunReader {
    pub(crate) fn open(run: Run, buffer: usize) -> Result<Self, FileError> {
        let buffer = buffer.max(run.longest);
        let mut reader = Self {
            run,
            buffer: vec![0; buffer],
            at: 0,
            filled: 0,
            entry: None,
        };
        reader.advance()?;
        Ok(reader)
    }

    /// The entry in hand; none at the run's end.
    pub(crate) fn head(&self) -> Option<(&[u8], &[u8])> {
        let (key, payload, end) = self.entry?;
        Some((&self.buffer[key..payload], &self.buffer[payload..end]))
    }

    /// Goes on to the next entry.
    pub(crate) fn advance(&mut self) -> Result<(), FileError> {
        self.entry = self.parse();
        if self.entry.is_none() && self.run.start < self.run.end {
            self.refill()?;
            self.entry = self.parse();
        }
        if let Some((_, _, end)) = self.entry {
            self.at = end;
        } else if self.at < self.filled {
            let torn = std::io::Error::other("a temporary file does not hold what was written");
            return Err(FileError::new("read temporary data in", &self.run.dir)(
                torn,
            ));
        }
        Ok(())
    }

    fn parse(&self) -> Option<(usize, usize, usize)> {
        let bytes = &self.buffer[self.at..self.filled];
        let mut rest = bytes;
        let key = usize::try_from(take_uvarint(&mut rest).ok()?).ok()?;
        let payload = usize::try_from(take_uvarint(&mut rest).ok()?).ok()?;
        let start = self.at + bytes.len() - rest.len();
        let end = start.checked_add(key)?.checked_add(payload)?;
        (end <= self.filled).then_some((start, start + key, end))
    }

    fn refill(&mut self) -> Result<(), FileError> {
        self.buffer.copy_within(self.at..self.filled, 0);
        self.filled -= self.at;
        self.at = 0;
        let left = self.run.end - self.run.start;
        let room = self.buffer.len() - self.filled;
        let take = usize::try_from(left).map_or(room, |left| left.min(room));
        let into = &mut self.buffer[self.filled..self.filled + take];
        self.run
            .file
            .read_exact_at(into, self.run.start)
            .map_err(FileError::new("read temporary data in", &self.run.dir))?;
        self.run.start += take as u64;
        self.filled += take;
        Ok(())
    }
}
