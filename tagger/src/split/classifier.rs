//! A small linear classifier of up to three labels: rows of weights by feature key. Must not know
//! what a feature means.

use crate::model::index::Index;
use crate::model::table::row_key;

/// Labels.
pub(crate) const LABELS: usize = 3;

/// Rows as plain data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ClassifierParts {
    /// Keys, strictly increasing, odd.
    pub keys: Vec<u32>,
    /// Per key the labels' weights.
    pub weights: Vec<[i8; LABELS]>,
}

/// Rows by key.
#[derive(Debug)]
pub(crate) struct Classifier {
    index: Index,
    parts: ClassifierParts,
}

impl Classifier {
    pub(crate) fn new(parts: ClassifierParts) -> Self {
        let mut index = Index::with_room(parts.keys.len());
        for (row, key) in parts.keys.iter().enumerate() {
            index.note(*key, row as u32);
        }
        Self { index, parts }
    }

    /// Adds the row of a feature, if there is one.
    #[inline]
    pub(crate) fn add_to(&self, feature: u64, scores: &mut [i32; LABELS]) {
        let key = row_key(feature);
        let (first, may) = self.index.find(key);
        if !may {
            return;
        }
        let first = first as usize;
        let near = self.parts.keys.get(first..).unwrap_or_default();
        let further = near.iter().take_while(|found| **found < key).count();
        if near.get(further) == Some(&key) {
            let weights = &self.parts.weights[first + further];
            for (score, weight) in scores.iter_mut().zip(weights) {
                *score += i32::from(*weight);
            }
        }
    }
}

/// The label with the highest score, the first of equals.
#[inline]
pub(crate) fn best(scores: &[i32; LABELS]) -> u8 {
    let mut best = 0;
    for (label, score) in scores.iter().enumerate() {
        if *score > scores[best] {
            best = label;
        }
    }
    best as u8
}
