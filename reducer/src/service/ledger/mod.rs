//! The ledger of one partition: segments `000001`, `000002`, … in a folder, each put there once.
//!
//! Whoever writes a number first has it (I4): a reducer that was frozen and wakes up finds its
//! number taken, reads what is there, and goes on behind it. So correctness does not rest on who
//! consumes the queue. It must not know what the messages say.

mod loss;
mod segment;
mod state_dir;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use tracing::warn;

use crate::engine::error::FileError;
use crate::engine::files;

pub(crate) use loss::LedgerError;
pub(crate) use segment::{FULL, Identity, Segment};
pub(crate) use state_dir::StateDir;

/// One partition's ledger.
#[derive(Debug)]
pub(crate) struct Ledger {
    dir: PathBuf,
    of: Identity,
    /// The number of the next segment.
    next: u64,
    /// Numbers whose files were already reported as foreign or torn.
    reported: BTreeSet<u64>,
}

/// What became of an append.
#[derive(Debug)]
pub(crate) enum Appended {
    /// The segment is durable.
    Done,
    /// Somebody else wrote that number: this is what it holds. Read it, and append again.
    Taken(Segment),
}

impl Ledger {
    /// The ledger in a folder, which is made if it is missing.
    pub(crate) fn open(dir: &Path, of: Identity) -> Result<Self, FileError> {
        fs::create_dir_all(dir).map_err(FileError::new("create the folder", dir))?;
        Ok(Self {
            dir: dir.to_owned(),
            of,
            next: 1,
            reported: BTreeSet::new(),
        })
    }

    /// The next segment that is there, or `None`. Files that are no segments of this ledger are
    /// reported and passed over.
    ///
    /// # Errors
    /// When it cannot be read, or segments are missing before one that is there ([`Loss`]).
    pub(crate) fn next(&mut self) -> Result<Option<Segment>, LedgerError> {
        loop {
            let path = self.path(self.next);
            let read = match Segment::read(&path, &self.of, self.next) {
                Ok(read) => read,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    let Some(there) = self.next_number()? else {
                        return Ok(None);
                    };
                    self.close_gap(there)?;
                    continue;
                }
                Err(error) => return Err(FileError::new("read", &path)(error).into()),
            };
            match read {
                Ok(segment) => {
                    self.next += 1;
                    return Ok(Some(segment));
                }
                Err(reason) => {
                    if self.reported.insert(self.next) {
                        warn!(file = %path.display(), "ignored: {reason}");
                    }
                    self.next += 1;
                }
            }
        }
    }

    /// Makes a segment durable under the next number, unless that is taken.
    ///
    /// # Errors
    /// When it cannot be written, or the folder with all earlier segments is gone ([`Loss`]).
    pub(crate) fn append(&mut self, segment: &Segment) -> Result<Appended, LedgerError> {
        let number = self.next;
        let put = match self.put(segment, number) {
            Err(error) if number > 1 && !self.dir.exists() => {
                let lost = format!("its folder is gone ({error})");
                return Err(self.loss(lost).into());
            }
            put => put?,
        };
        if put {
            self.next += 1;
            return Ok(Appended::Done);
        }
        match self.next()? {
            Some(other) => Ok(Appended::Taken(other)),
            // Only files that are no segments lay there; the next number is free.
            None => self.append(segment),
        }
    }

    /// Writes a segment under a number; false when that is taken.
    fn put(&self, segment: &Segment, number: u64) -> Result<bool, FileError> {
        let temp = self.dir.join(files::temp_name(&format!(
            "{number:06}-{:016x}",
            gristmill_common::id::unique()
        )));
        let guard = Temp { path: &temp };
        let mut file = File::create_new(&temp).map_err(FileError::new("create", &temp))?;
        let path = self.path(number);
        segment
            .write(&mut file, &self.of, number)
            .map_err(FileError::new("write", &path))?;
        drop(file);
        let put = files::put(&temp, &path)?;
        drop(guard);
        if put {
            files::sync_dir(&self.dir)?;
        }
        Ok(put)
    }

    fn path(&self, number: u64) -> PathBuf {
        self.dir.join(format!("{number:06}"))
    }

    /// Whether the ledger in a folder ends with a segment that closes it after `replays` replays.
    pub(crate) fn is_closed(dir: &Path, of: &Identity, replays: u32) -> Result<bool, FileError> {
        let mut last = 0;
        let entries = match fs::read_dir(dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(FileError::new("list the folder", dir)(error)),
        };
        let numbers = numbers(entries).map_err(FileError::new("list the folder", dir))?;
        for &number in numbers.iter().rev() {
            let path = dir.join(format!("{number:06}"));
            last += 1;
            match Segment::read(&path, of, number).map_err(FileError::new("read", &path))? {
                Ok(segment) => return Ok(segment.closes >= Some(replays)),
                // A few torn or foreign files at the end do not hide the segment that closes.
                Err(_) if last < 16 => {}
                Err(_) => return Ok(false),
            }
        }
        Ok(false)
    }
}

/// The numbers of what may be segments.
fn numbers(entries: fs::ReadDir) -> std::io::Result<BTreeSet<u64>> {
    let mut numbers = BTreeSet::new();
    for entry in entries {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| name.parse().ok());
        numbers.extend(number.filter(|&number: &u64| number > 0));
    }
    Ok(numbers)
}

/// A temporary file, removed whatever happens: the segment has a link of its own.
struct Temp<'a> {
    path: &'a Path,
}

impl Drop for Temp<'_> {
    fn drop(&mut self) {
        let _ = fs::remove_file(self.path);
    }
}

#[cfg(test)]
#[path = "ledger_tests.rs"]
mod tests;
