//! A model as plain data, between the trainer, the file and the tagger. Must not know how either stores it.

use crate::lexicon::Entry;

/// Rows of small integer weights by feature key, sorted by key, each key once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SparseRows {
    /// Keys, strictly increasing, odd (see [`super::table::row_key`]).
    pub keys: Vec<u32>,
    /// Per row, which tags have a weight: bit per tag.
    pub masks: Vec<u64>,
    /// The weights of all rows one after the other, in tag order.
    pub weights: Vec<i8>,
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
