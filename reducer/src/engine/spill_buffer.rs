//! Where messages wait for their turn: in memory within a budget, then in unnamed temporary files.
//!
//! It takes everything, always: a reducer that refused an outcome would hold up the very one it
//! waits for. It must not know what the messages say.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use crate::engine::error::FileError;
use crate::engine::files;

/// Shorter bytes are copied, so that they do not keep a large buffer alive.
const COPIED: usize = 64 << 10;
/// What one waiting message costs beside its bytes.
const OVERHEAD: usize = 96;
/// The smallest spill file. Files grow with what waits, so that there are never many.
const MIN_FILE: u64 = 64 << 20;
/// At most about so many files hold all that waits.
const FILES: u64 = 16;

/// A waiting spill.
#[derive(Debug)]
pub(crate) struct SpillBuffer {
    budget: usize,
    held: usize,
    dir: PathBuf,
    files: BTreeMap<u64, SpillFile>,
    next_file: u64,
    on_disk: u64,
    spilled: u64,
}

/// A file of messages, dropped whole once all of them were taken.
#[derive(Debug)]
struct SpillFile {
    file: File,
    len: u64,
    waiting: u64,
}

/// A message that waits; to be given back to [`SpillBuffer::take`].
#[derive(Debug)]
pub(crate) enum Held {
    /// In memory.
    Memory(Bytes),
    /// In a file.
    Disk { file: u64, at: u64, len: usize },
}

impl SpillBuffer {
    /// A buffer that keeps within `budget` bytes of memory and spills into `tmp`.
    pub(crate) fn new(budget: usize, tmp: &Path) -> Self {
        Self {
            budget,
            held: 0,
            dir: tmp.to_owned(),
            files: BTreeMap::new(),
            next_file: 0,
            on_disk: 0,
            spilled: 0,
        }
    }

    /// Bytes that went to disk.
    pub(crate) fn spilled(&self) -> u64 {
        self.spilled
    }

    /// Takes a message in.
    pub(crate) fn put(&mut self, message: Bytes) -> Result<Held, FileError> {
        if self.held + message.len() + OVERHEAD <= self.budget || message.is_empty() {
            self.held += message.len() + OVERHEAD;
            let message = if message.len() < COPIED {
                Bytes::copy_from_slice(&message)
            } else {
                message
            };
            return Ok(Held::Memory(message));
        }
        self.spill(&message)
    }

    /// Gives a message out.
    pub(crate) fn take(&mut self, held: Held) -> Result<Bytes, FileError> {
        let (number, at, len) = match held {
            Held::Memory(message) => {
                self.held -= message.len() + OVERHEAD;
                return Ok(message);
            }
            Held::Disk { file, at, len } => (file, at, len),
        };
        let wrong = |error| FileError::new("read temporary data in", &self.dir)(error);
        let Some(spill) = self.files.get_mut(&number) else {
            return Err(wrong(std::io::Error::other("a spill file went missing")));
        };
        let mut message = vec![0; len];
        spill.file.read_exact_at(&mut message, at).map_err(wrong)?;
        spill.waiting -= len as u64;
        self.on_disk -= len as u64;
        if spill.waiting == 0 {
            self.files.remove(&number);
        }
        Ok(message.into())
    }

    fn spill(&mut self, message: &Bytes) -> Result<Held, FileError> {
        let limit = (self.on_disk / FILES).max(MIN_FILE);
        let number = match self.files.last_key_value() {
            Some((&number, last)) if last.len < limit => number,
            _ => {
                let number = self.next_file;
                self.next_file += 1;
                let spill = SpillFile {
                    file: files::unnamed(&self.dir)?,
                    len: 0,
                    waiting: 0,
                };
                self.files.insert(number, spill);
                number
            }
        };
        let Some(spill) = self.files.get_mut(&number) else {
            let error = std::io::Error::other("a spill file went missing");
            return Err(FileError::new("write temporary data in", &self.dir)(error));
        };
        let at = spill.len;
        spill
            .file
            .write_all_at(message, at)
            .map_err(FileError::new("write temporary data in", &self.dir))?;
        let len = message.len() as u64;
        spill.len += len;
        spill.waiting += len;
        self.on_disk += len;
        self.spilled += len;
        Ok(Held::Disk {
            file: number,
            at,
            len: message.len(),
        })
    }
}
