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
    let values = learner.values(averaged);
    let mut order: Vec<u32> = (0..values.len() as u32)
        .filter(|row| values[*row as usize] > 0.0)
        .collect();
    order.sort_by(|a, b| {
        values[*b as usize]
            .total_cmp(&values[*a as usize])
            .then(a.cmp(b))
    });
    parts.main_rows = SparseRows::default();
    let base = encode(parts)?.len();
    let room = options
        .size
        .checked_sub(base)
        .ok_or(TrainError::Size(base))?;
    let mut count = order.len();
    let mut spent = bytes.len() - base;
    // Better rows have more weights, so that a share of the rows is more than that share of the
    // bytes: a few steps.
    for _ in 0..8 {
        count = (count as f64 * room as f64 / spent as f64 * 0.995) as usize;
        let least = order.get(count).map_or(0.0, |row| values[*row as usize]);
        parts.main_rows = rows(learner, options, averaged, |row| {
            values[row as usize] > least
        });
        bytes = encode(parts)?;
        if bytes.len() <= options.size {
            return Ok(bytes);
        }
        spent = bytes.len() - base;
    }
    Err(TrainError::Size(bytes.len()))
}
