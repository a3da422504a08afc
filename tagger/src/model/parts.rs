//! A model as plain data, between the trainer, the file and the tagger. Must not know how either
//! stores it.

use super::fine::FineParts;
use crate::lemma::LemmaParts;
use crate::lexicon::Entry;
use crate::split::SplitterParts;

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
    /// The main tags, sorted: Penn tags or a treebank's own; the universal tags where
    /// [`ModelParts::upos`] is empty.
    pub main: Vec<String>,
    /// The universal tags that are found once the main ones are known, sorted; empty where these
    /// are the universal tags.
    pub upos: Vec<String>,
    /// What the model was trained on, in words.
    pub sources: String,
    /// Licences and attributions that must travel with the model.
    pub notice: String,
    /// Per main tag, the universal tags it was seen with: bit per tag.
    pub allowed: Vec<u64>,
    /// Paths of the Brown clusters.
    pub clusters: Vec<u32>,
    /// Ambiguity classes.
    pub classes: Vec<u64>,
    /// Lexicon, keys strictly increasing.
    pub lexicon: Vec<(u32, Entry)>,
    /// Weights for the main tags.
    pub main_rows: SparseRows,
    /// Weights for the universal tag given the main tags.
    pub upos_rows: SparseRows,
    /// The treebank's own tags given the universal ones, where these are the main tags.
    pub fine: Option<FineParts>,
    /// How raw text is split; None for the built-in English rules.
    pub splitter: Option<SplitterParts>,
    /// What lemmas are, where the treebank has any.
    pub lemmas: Option<LemmaParts>,
}
