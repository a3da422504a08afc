//! A ledger that has lost segments: it is said by name, and closed up so that what is sent again
//! goes on behind what is left. It must not know what the segments hold.

use std::fs;
use std::io::ErrorKind;

use super::{Ledger, Segment, numbers};
use crate::engine::error::FileError;
use crate::engine::reduce_error::ReduceError;

/// Outcomes that were durable, and acknowledged, are gone from a ledger: whoever has them must send
/// them again.
#[derive(Debug, thiserror::Error)]
#[error(
    "the ledger of partition {partition} in {} has lost what was durable there: {what}; the same \
     `produce` again sends it anew", dir.display()
)]
pub(crate) struct Loss {
    /// Of the ledger.
    pub(super) partition: u32,
    /// Its folder.
    pub(super) dir: std::path::PathBuf,
    /// What is missing, in words.
    pub(super) what: String,
}

/// Why a ledger cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LedgerError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Lost(#[from] Loss),
}

impl From<LedgerError> for ReduceError {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::File(error) => ReduceError::File(error),
            LedgerError::Lost(loss) => ReduceError::Lost(loss.to_string()),
        }
    }
}

impl Ledger {
    pub(super) fn loss(&self, what: String) -> Loss {
        Loss {
            partition: self.of.partition,
            dir: self.dir.clone(),
            what,
        }
    }

    /// The number of the first segment that is there behind the next one.
    pub(super) fn next_number(&self) -> Result<Option<u64>, FileError> {
        let wrong = FileError::new("list the folder", &self.dir);
        let numbers = match fs::read_dir(&self.dir).and_then(numbers) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            numbers => numbers.map_err(wrong)?,
        };
        for &number in numbers.range(self.next..) {
            let path = self.path(number);
            match Segment::read(&path, &self.of, number) {
                Ok(Ok(_)) => return Ok(Some(number)),
                // Somebody put a file there that is no segment, or took it away.
                Ok(Err(_)) => {}
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(FileError::new("read", &path)(error)),
            }
        }
        Ok(None)
    }

    /// Segments are missing up to `there`: puts empty ones in their places, so that nobody who was
    /// away writes where nobody reads any more, and says what is lost. A place that is taken was
    /// not missing: a filesystem of the network may show a later file first.
    pub(super) fn close_gap(&mut self, there: u64) -> Result<(), LedgerError> {
        if there == self.next {
            // It came just now.
            return Ok(());
        }
        let empty = Segment::default();
        // Behind what is left first: a segment that closes the ledger is not to be its last.
        let mut last = there + 1;
        while !self.put(&empty, last)? {
            last += 1;
        }
        let mut lost = Vec::new();
        for number in (self.next..there).rev() {
            if self.put(&empty, number)? {
                lost.push(number);
            }
        }
        match (lost.last(), lost.first()) {
            (Some(first), Some(last)) => {
                let what = format!("{} segments, {first:06} to {last:06}", lost.len());
                Err(self.loss(what).into())
            }
            // Nothing is missing: it is read on.
            _ => Ok(()),
        }
    }
}
