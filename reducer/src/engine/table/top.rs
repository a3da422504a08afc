//! The first N rows of a finished table: by one column downwards, then by key.

use std::path::Path;

use gristmill_common::table::push_uvarint;

use crate::engine::error::FileError;
use crate::engine::sort::{Sorted, Sorter, take_values};

/// Rows are sorted out when so many more than needed have come.
const SLACK: usize = 4096;
/// Bytes of the inverted column before the key.
const RANK: usize = 16;

/// Keeps the first N of all rows given.
#[derive(Debug)]
pub(crate) struct Top {
    keep: usize,
    /// The column that decides.
    rank: usize,
    sorter: Sorter,
    /// The last of the first N so far: what comes after it is of no interest.
    bar: Option<Vec<u8>>,
    key: Vec<u8>,
    payload: Vec<u8>,
}

impl Top {
    /// Keeps the first `keep` rows within `budget` bytes; more of them spill into `tmp`.
    pub(crate) fn new(keep: u64, rank: usize, budget: usize, tmp: &Path) -> Self {
        Self {
            keep: usize::try_from(keep).unwrap_or(usize::MAX),
            rank,
            sorter: Sorter::new(budget, tmp),
            bar: None,
            key: Vec::new(),
            payload: Vec::new(),
        }
    }

    /// Takes a finished row.
    pub(crate) fn row(&mut self, key: &[u8], values: &[u128]) -> Result<(), FileError> {
        if self.keep == 0 {
            return Ok(());
        }
        self.key.clear();
        let rank = !values.get(self.rank).copied().unwrap_or(0);
        self.key.extend_from_slice(&rank.to_be_bytes());
        self.key.extend_from_slice(key);
        if self.bar.as_ref().is_some_and(|bar| self.key > *bar) {
            return Ok(());
        }
        self.payload.clear();
        for &value in values {
            push_uvarint(&mut self.payload, value);
        }
        self.sorter.push(&self.key, &self.payload)?;
        if self.sorter.held() >= self.keep.saturating_mul(2).max(SLACK) {
            self.sorter.truncate(self.keep);
            self.bar = self.sorter.last_key().map(<[u8]>::to_vec);
        }
        Ok(())
    }

    /// Ends the intake.
    pub(crate) fn finish(self) -> Sorted {
        self.sorter.finish()
    }

    /// Gives out the first `keep` rows of what several partitions kept, each with `columns` values.
    pub(crate) fn merge<E: From<FileError>>(
        all: Vec<Sorted>,
        keep: u64,
        columns: usize,
        budget: usize,
        spilled: &mut u64,
        mut give: impl FnMut(&[u8], &[u128]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut merger = Sorted::merge(all, budget, spilled)?;
        let (mut key, mut payload, mut values) = (Vec::new(), Vec::new(), Vec::new());
        let mut left = keep;
        while left > 0 && merger.next(&mut key, &mut payload)? {
            take_values(&payload, columns, &mut values);
            give(&key[RANK..], &values)?;
            left -= 1;
        }
        Ok(())
    }
}
