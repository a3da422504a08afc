//! The kinds of result: ordered bytes, tables, and pairs that a program reduces.

use serde::{Deserialize, Serialize};

use super::Finish;
use crate::table::Merge;

/// What a kind's outcomes hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Shape {
    /// Bytes, concatenated in chunk order.
    Ordered,
    /// Keys with aggregates that merge exactly in any order.
    Table(TableShape),
    /// Pairs of a key and a value, which the user's own program reduces, sorted by key.
    Grouped,
}

impl Shape {
    /// Whether a partition takes a contiguous range of splits (else a share of every chunk's keys).
    #[must_use]
    pub fn by_split(&self) -> bool {
        match self {
            Shape::Ordered => true,
            Shape::Table(table) => table.keyed_by == KeyedBy::Document,
            Shape::Grouped => false,
        }
    }
}

/// The layout of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableShape {
    /// What the keys are.
    pub keyed_by: KeyedBy,
    /// Names of the columns as they are printed, and how each merges. One without a name is not
    /// printed; the others stand before it.
    pub columns: Vec<(String, Merge)>,
    /// Name of the column that counts distinct values, printed last, if there is one. The keys are
    /// then always encoded by [`crate::key`].
    pub distinct: Option<String>,
    /// How many rows are kept: the first by a column downwards ([`TableShape::rank`]), then by key.
    pub top: Option<u64>,
    /// How finished rows come of the merged ones; without it they are printed as they are.
    pub finish: Option<Finish>,
}

impl TableShape {
    /// Whether keys of one field are encoded like keys of several.
    #[must_use]
    pub fn encoded(&self) -> bool {
        self.distinct.is_some() || self.finish.is_some()
    }

    /// Whether there are rows for the values of a group, beside the group's own.
    #[must_use]
    pub fn has_members(&self) -> bool {
        self.distinct.is_some()
            || self
                .finish
                .as_ref()
                .is_some_and(|finish| finish.distinct > 0 || !finish.texts.is_empty())
    }

    /// Whether there are rows that count a group's numbers in buckets.
    #[must_use]
    pub fn has_buckets(&self) -> bool {
        self.finish
            .as_ref()
            .is_some_and(|finish| finish.quantiles > 0)
    }

    /// The printed column by which the first rows are chosen.
    #[must_use]
    pub fn rank(&self) -> usize {
        self.finish.as_ref().map_or(0, |finish| finish.rank)
    }

    /// How many values a finished row has.
    #[must_use]
    pub fn width(&self) -> usize {
        match &self.finish {
            Some(finish) => finish.figures.len(),
            None => self.columns.len() + usize::from(self.distinct.is_some()),
        }
    }
}

/// What a table's keys are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeyedBy {
    /// Values of these fields. One field without distinct counting: the key is its bytes; else the
    /// key is encoded by [`crate::key`]. No field: one row, whose key is empty.
    Fields(Vec<String>),
    /// A document: split and ordinal as big-endian u32s, then the name, printed as `name`.
    Document,
}

/// The key of a document in a table keyed by documents: input order is byte order.
pub fn document_key(key: &mut Vec<u8>, split: u32, ordinal: u32, name: &[u8]) {
    key.clear();
    key.extend_from_slice(&split.to_be_bytes());
    key.extend_from_slice(&ordinal.to_be_bytes());
    key.extend_from_slice(name);
}
