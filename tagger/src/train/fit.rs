//! Chooses the rows that a model keeps so that its file is no larger than wished. Must not know how
//! rows were trained.

use super::export;
use super::penn::Learner;
use super::{Options, TrainError};
use crate::model::encode;
use crate::model::parts::{ModelParts, SparseRows};

/// The weights learnt so far as they ship, of the rows that are `worth` their place.
pub(super) fn rows(
    learner: &Learner<'_>,
    options: &Options,
    averaged: usize,
    worth: impl Fn(u32) -> bool,
) -> SparseRows {
    let rows = learner.kept.iter().map(|(key, row)| (key, row - 1));
    export::quantise(
        rows.filter(|(_, row)| worth(*row))
            .map(|(key, row)| (key, learner.summed(row))),
        learner.tags,
        options.step * averaged as f32,
        options.least,
        options.dead,
    )
}

/// Halvings of the number of rows in question: to 1 in 1,000 of them.
const STEPS: u32 = 10;

/// The bytes of a model of at most `options.size` bytes: the rows that are worth most are kept.
pub(super) fn encode_within(
    parts: &mut ModelParts,
    learner: &Learner<'_>,
    options: &Options,
    averaged: usize,
) -> Result<Vec<u8>, TrainError> {
    let mut bytes = encode(parts)?;
    if bytes.len() <= options.size {
        return Ok(bytes);
    }
    let values = learner.values(averaged, 1.0 - options.dropout);
    let mut order: Vec<u32> = (0..values.len() as u32).collect();
    order.sort_by(|a, b| {
        values[*b as usize]
            .total_cmp(&values[*a as usize])
            .then(a.cmp(b))
    });
    parts.main_rows = SparseRows::default();
    let base = encode(parts)?.len();
    if base > options.size {
        return Err(TrainError::Size(base));
    }
    // Of so many rows the file is small enough, of so many too large.
    let (mut fits, mut large) = (0, order.len());
    let mut best = None;
    for _ in 0..STEPS {
        let count = usize::midpoint(fits, large);
        let least = order
            .get(count)
            .map_or(f32::MIN, |row| values[*row as usize]);
        parts.main_rows = rows(learner, options, averaged, |row| {
            values[row as usize] > least
        });
        bytes = encode(parts)?;
        if bytes.len() <= options.size {
            fits = count;
            best = Some(bytes);
        } else {
            large = count;
        }
    }
    best.ok_or(TrainError::Size(base))
}
