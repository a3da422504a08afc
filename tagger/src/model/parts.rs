//! A model as plain data, between the trainer, the file and the tagger. Must not know how either
//! stores it.

use crate::lexicon::Entry;

/// Rows of small integer weights by feature key, sorted by key, each key once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SparseRows {
    /// Keys, strictly increasing, odd (see [`super::table::row_key`]).
    pub keys: Vec<u32>,
    /// Per row, which tags have a weight: bit per tag.
    pub masks: Vec<u64>,
    /// The weights of all rows one after the other, in tag order, each an `i8` as its byte.
    pub weights: Vec<u8>,
}

/// One row of [`SparseRows`] or of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RowRef<'a> {
    /// Odd.
    pub key: u32,
    /// Bit per tag that has a weight.
    pub mask: u64,
    /// These tags' weights, each an `i8` as its byte.
    pub weights: &'a [u8],
}

/// What rows are gathered in.
pub(crate) trait Rows {
    /// Room for `count` rows.
    fn with_room(count: usize) -> Self;
    /// Adds a row. The caller adds at most as many as it asked room for, their keys increasing.
    fn push(&mut self, row: RowRef<'_>);
}

impl Rows for SparseRows {
    fn with_room(count: usize) -> Self {
        Self {
            keys: Vec::with_capacity(count),
            masks: Vec::with_capacity(count),
            weights: Vec::new(),
        }
    }

    fn push(&mut self, row: RowRef<'_>) {
        self.keys.push(row.key);
        self.masks.push(row.mask);
        self.weights.extend_from_slice(row.weights);
    }
}

impl SparseRows {
    /// The rows in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = RowRef<'_>> {
        let mut rest = self.weights.as_slice();
        self.keys.iter().zip(&self.masks).map(move |(&key, &mask)| {
            let (weights, after) = rest.split_at(mask.count_ones() as usize);
            rest = after;
            RowRef { key, mask, weights }
        })
    }

    /// The rows in another form.
    pub(crate) fn to<T: Rows>(&self) -> T {
        let mut rows = T::with_room(self.keys.len());
        self.iter().for_each(|row| rows.push(row));
        rows
    }
}

/// All that a model file holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ModelParts {
    /// Penn tags, sorted.
    pub xpos: Vec<String>,
    /// Universal tags, sorted.
    pub upos: Vec<String>,
    /// What the model was trained on, in words.
    pub sources: String,
    /// Licences and attributions that must travel with the model.
    pub notice: String,
    /// Per Penn tag, the universal tags it was seen with: bit per tag.
    pub allowed: Vec<u64>,
    /// Paths of the Brown clusters.
    pub clusters: Vec<u32>,
    /// Ambiguity classes.
    pub classes: Vec<u64>,
    /// Lexicon, keys strictly increasing.
    pub lexicon: Vec<(u32, Entry)>,
    /// Weights for the Penn tags.
    pub xpos_rows: SparseRows,
    /// Weights for the universal tag given the Penn tags.
    pub upos_rows: SparseRows,
}
