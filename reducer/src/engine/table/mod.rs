//! The merge of a table: rows of all chunks in, each key once, in order, out.
//!
//! It must not know queues or how rows are printed. Within its budget it works in memory; past it,
//! sorted runs go to disk and are merged at the end. Both ways give the same rows.

mod figures;
mod groups;
mod layout;
mod rows;
mod top;

use std::path::Path;

use gristmill_common::shards::ShardRows;
use gristmill_common::spec::TableShape;
use gristmill_common::table::{BadTable, Merge, Row, push_uvarint};

use crate::engine::error::FileError;
use crate::engine::sort::{Combine, Merger, Spill, take_values};

pub(crate) use groups::Groups;
pub(crate) use layout::Layout;
use layout::check_shard;
use rows::{BATCH, Head, Rows};
pub(crate) use top::Top;

/// The merge of one partition's table, or of some shards of it.
#[derive(Debug)]
pub(crate) struct Table {
    columns: Vec<Merge>,
    layout: Layout,
    /// The shards that it takes: every `step`th from `first` on.
    first: usize,
    step: usize,
    rows: Rows,
    spill: Spill,
    budget: usize,
    payload: Vec<u8>,
}

/// Why rows could not be taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TableError {
    /// They are not rows of this table.
    #[error("{0}")]
    Malformed(String),
    /// They could not be spilled.
    #[error(transparent)]
    File(#[from] FileError),
}

impl From<BadTable> for TableError {
    fn from(bad: BadTable) -> Self {
        TableError::Malformed(bad.to_string())
    }
}

impl Table {
    /// A table that keeps within `budget` bytes and spills into `tmp`.
    pub(crate) fn new(shape: &TableShape, budget: usize, tmp: &Path) -> Self {
        Self::of_shards(shape, budget, tmp, 0, 1)
    }

    /// The same, of every `step`th shard from `first` on.
    pub(crate) fn of_shards(
        shape: &TableShape,
        budget: usize,
        tmp: &Path,
        first: usize,
        step: usize,
    ) -> Self {
        let columns: Vec<Merge> = shape.columns.iter().map(|(_, merge)| *merge).collect();
        Self {
            rows: Rows::new(columns.clone(), budget),
            columns,
            layout: Layout::new(shape),
            first,
            step,
            spill: Spill::new(tmp),
            budget,
            payload: Vec::new(),
        }
    }

    /// Merges the rows of one outcome's body.
    pub(crate) fn take(&mut self, body: &[u8]) -> Result<(), TableError> {
        let columns = self.columns.len();
        let mut rows = ShardRows::of(body, self.first, self.step)?;
        let mut batch = [Row::default(); BATCH];
        let mut values = vec![0; BATCH * columns];
        let mut shards = [0; BATCH];
        let mut heads = [Head::default(); BATCH];
        loop {
            let mut filled = 0;
            for (place, shard) in batch.iter_mut().zip(&mut shards) {
                let values = &mut values[filled * columns..][..columns];
                let Some((from, row)) = rows.next_row(values)? else {
                    break;
                };
                self.layout.check(row.key, row.member)?;
                (*shard, *place) = (from, row);
                filled += 1;
            }
            let batch = &batch[..filled];
            self.rows.look_up(batch, &mut heads);
            for (at, (row, &head)) in batch.iter().zip(&heads).enumerate() {
                check_shard(shards[at], head.shard())?;
                let values = &values[at * columns..][..columns];
                if self.rows.add(head, row, values).is_err() {
                    self.spill()?;
                    // An empty table takes any row.
                    let _ = self.rows.add(head, row, values);
                }
            }
            if filled < BATCH {
                return Ok(());
            }
        }
    }

    /// Gives out all rows in order of their keys; `spilled` grows by what went to disk. A member
    /// row has no values.
    pub(crate) fn finish<E: From<FileError>>(
        mut self,
        spilled: &mut u64,
        mut give: impl FnMut(&[u8], bool, &[u128]) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.spill.is_empty() {
            return self.rows.drain_sorted(give);
        }
        if !self.rows.is_empty() {
            self.spill()?;
        }
        let Self {
            columns,
            spill,
            budget,
            rows,
            ..
        } = self;
        drop(rows);
        *spilled += spill.len();
        let count = columns.len();
        let combine = Combine::Columns(columns);
        let mut merger = Merger::new(vec![spill], vec![], combine, budget, spilled)?;
        let (mut key, mut payload, mut values) = (Vec::new(), Vec::new(), Vec::new());
        while merger.next(&mut key, &mut payload)? {
            // A table without columns has only members.
            let member = payload.is_empty();
            take_values(&payload, if member { 0 } else { count }, &mut values);
            give(&key, member, &values)?;
        }
        Ok(())
    }

    /// Bytes on disk so far.
    pub(crate) fn spilled(&self) -> u64 {
        self.spill.len()
    }

    fn spill(&mut self) -> Result<(), FileError> {
        let mut writer = self
            .spill
            .begin(crate::engine::sort::buffer_within(self.budget / 8))?;
        let payload = &mut self.payload;
        self.rows.drain_sorted(|key, _, values| {
            put_values(values, payload);
            writer.push(key, payload)
        })?;
        writer.end()
    }
}

/// Makes `payload` what a sorted run holds of a row: its columns, nothing for a member row.
pub(crate) fn put_values(values: &[u128], payload: &mut Vec<u8>) {
    payload.clear();
    for &value in values {
        push_uvarint(payload, value);
    }
}
