//! The merge of a table: rows of all chunks in, each key once, in order, out.
//!
//! It must not know queues or how rows are printed. Within its budget it works in memory; past it,
//! sorted runs go to disk and are merged at the end. Both ways give the same rows.

mod figures;
mod groups;
mod rows;
mod top;

use std::path::Path;

use gristmill_common::key;
use gristmill_common::spec::{KeyedBy, TableShape};
use gristmill_common::table::{FEW_COLUMNS, MAX_COLUMNS, Merge, Row, push_uvarint, rows as decode};

use crate::engine::error::FileError;
use crate::engine::sort::{Combine, Merger, Spill, take_values};

pub(crate) use groups::Groups;
use rows::{BATCH, Head, Rows};
pub(crate) use top::Top;

/// The merge of one partition's table.
#[derive(Debug)]
pub(crate) struct Table {
    columns: Vec<Merge>,
    layout: Layout,
    rows: Rows,
    spill: Spill,
    budget: usize,
    payload: Vec<u8>,
}

/// What keys must look like.
#[derive(Clone, Copy, Debug)]
enum Layout {
    /// Any bytes.
    Raw,
    /// So many encoded fields; member rows one more.
    Fields {
        count: usize,
        members: bool,
        buckets: bool,
    },
    /// A split and an ordinal before the name.
    Document,
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

impl Table {
    /// A table that keeps within `budget` bytes and spills into `tmp`.
    pub(crate) fn new(shape: &TableShape, budget: usize, tmp: &Path) -> Self {
        let columns: Vec<Merge> = shape.columns.iter().map(|(_, merge)| *merge).collect();
        let layout = match &shape.keyed_by {
            KeyedBy::Document => Layout::Document,
            KeyedBy::Fields(fields) if fields.len() < 2 && !shape.encoded() => Layout::Raw,
            KeyedBy::Fields(fields) => Layout::Fields {
                count: fields.len(),
                members: shape.has_members(),
                buckets: shape.has_buckets(),
            },
        };
        Self {
            rows: Rows::new(columns.clone(), budget),
            columns,
            layout,
            spill: Spill::new(tmp),
            budget,
            payload: Vec::new(),
        }
    }

    /// Merges the rows of one outcome's body.
    pub(crate) fn take(&mut self, body: &[u8]) -> Result<(), TableError> {
        if self.columns.len() <= FEW_COLUMNS {
            self.take_with::<FEW_COLUMNS>(body)
        } else {
            self.take_with::<MAX_COLUMNS>(body)
        }
    }

    fn take_with<const ROOM: usize>(&mut self, body: &[u8]) -> Result<(), TableError> {
        let mut rows = decode::<ROOM>(body, self.columns.len());
        let mut batch = [Row {
            key: &[],
            member: false,
            values: [0; ROOM],
        }; BATCH];
        let mut heads = [Head::default(); BATCH];
        loop {
            let mut filled = 0;
            for (place, row) in batch.iter_mut().zip(&mut rows) {
                *place = row.map_err(|bad| TableError::Malformed(bad.to_string()))?;
                self.check(place.key, place.member)?;
                filled += 1;
            }
            let batch = &batch[..filled];
            self.rows.look_up(batch, &mut heads);
            for (row, &head) in batch.iter().zip(&heads) {
                if self.rows.add(head, row).is_err() {
                    self.spill()?;
                    // An empty table takes any row.
                    let _ = self.rows.add(head, row);
                }
            }
            if filled < BATCH {
                return Ok(());
            }
        }
    }

    /// Whether the rows of a body could be taken.
    pub(crate) fn check_body(&self, body: &[u8]) -> Result<(), TableError> {
        if self.columns.len() <= FEW_COLUMNS {
            self.check_with::<FEW_COLUMNS>(body)
        } else {
            self.check_with::<MAX_COLUMNS>(body)
        }
    }

    fn check_with<const ROOM: usize>(&self, body: &[u8]) -> Result<(), TableError> {
        for row in decode::<ROOM>(body, self.columns.len()) {
            let row = row.map_err(|bad| TableError::Malformed(bad.to_string()))?;
            self.check(row.key, row.member)?;
        }
        Ok(())
    }

    #[inline]
    fn check(&self, key: &[u8], member: bool) -> Result<(), TableError> {
        let fits = match self.layout {
            Layout::Raw => !member,
            Layout::Document => !member && key.len() >= 8,
            Layout::Fields {
                count,
                members,
                buckets,
            } => {
                let is_whole = |count: usize| key::prefix_len(key, count) == Some(key.len());
                (members || !member) && is_whole(count + usize::from(member))
                    || buckets && !member && is_whole(count + 1)
            }
        };
        if fits {
            return Ok(());
        }
        Err(TableError::Malformed(format!(
            "a key of {} bytes that does not fit the table",
            key.len()
        )))
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
            payload.clear();
            for &value in values {
                push_uvarint(payload, value);
            }
            writer.push(key, payload)
        })?;
        writer.end()
    }
}
