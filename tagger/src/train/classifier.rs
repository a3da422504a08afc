//! Trains a small linear classifier: multinomial logistic regression with AdaGrad and feature
//! dropout, averaged over the last epochs. Must not know what a feature means.

use super::index::KeyTable;
use crate::hash::Random;
use crate::model::table::row_key;
use crate::split::classifier::{ClassifierParts, LABELS};

/// Passes over the examples, and over how many of the last the weights are averaged.
pub(super) const EPOCHS: usize = 6;
const AVERAGED: usize = 3;
/// AdaGrad's learning rate.
const RATE: f32 = 0.2;
/// Weight per unit of the stored numbers.
const STEP: f32 = 0.05;

#[derive(Clone, Copy, Default)]
struct Row {
    weights: [f32; LABELS],
    squares: [f32; LABELS],
    sum: [f32; LABELS],
}

/// Counts features first, then learns; an example is the list of its features' keys.
pub(super) struct Learner {
    counts: KeyTable,
    keys: KeyTable,
    rows: Vec<Row>,
    labels: usize,
    random: Random,
    active: Vec<u32>,
}

impl Learner {
    /// For the first `labels` labels.
    pub(super) fn new(labels: usize, seed: u64) -> Self {
        Self {
            counts: KeyTable::with_capacity(1 << 12),
            keys: KeyTable::with_capacity(1 << 12),
            rows: Vec::new(),
            labels,
            random: Random::new(seed),
            active: Vec::new(),
        }
    }

    /// Notes that a feature occurs; only those that occur twice are learnt.
    pub(super) fn count(&mut self, key: u64) {
        let count = self.counts.entry(key.max(1));
        *count = count.saturating_add(1);
    }

    /// Ends the counting.
    pub(super) fn start(&mut self) {
        let counts = std::mem::replace(&mut self.counts, KeyTable::with_capacity(1));
        for (key, _) in counts.iter().filter(|(_, count)| *count > 1) {
            self.rows.push(Row::default());
            *self.keys.entry(key) = self.rows.len() as u32;
        }
    }

    /// Learns from one example.
    pub(super) fn learn(&mut self, features: &[u64], label: u8) {
        self.active.clear();
        for &key in features {
            // A feature is left out one time in four.
            if self.random.next() & 3 != 0 {
                self.active
                    .extend(self.keys.get(key.max(1)).map(|row| row - 1));
            }
        }
        let mut scores = [0.0_f32; LABELS];
        for row in &self.active {
            let weights = self.rows[*row as usize].weights;
            scores.iter_mut().zip(weights).for_each(|(s, w)| *s += w);
        }
        super::linear::softmax(&mut scores, self.labels);
        scores[usize::from(label)] -= 1.0;
        for row in &self.active {
            let row = &mut self.rows[*row as usize];
            let weights = row.weights.iter_mut().zip(&mut row.squares);
            for ((weight, square), gradient) in weights.zip(scores) {
                *square += gradient * gradient;
                *weight -= RATE * gradient / (square.sqrt() + 1e-6);
            }
        }
    }

    /// Ends an epoch, counted from 0.
    pub(super) fn end(&mut self, epoch: usize) {
        if epoch + AVERAGED >= EPOCHS {
            for row in &mut self.rows {
                row.sum
                    .iter_mut()
                    .zip(row.weights)
                    .for_each(|(s, w)| *s += w);
            }
        }
    }

    /// The weights as they ship.
    pub(super) fn export(&self) -> ClassifierParts {
        let mut rows: Vec<(u32, [i8; LABELS])> = self
            .keys
            .iter()
            .map(|(key, row)| {
                let sums = self.rows[row as usize - 1].sum;
                let middle = sums[..self.labels].iter().sum::<f32>() / self.labels as f32;
                let units = sums.map(|sum| {
                    let mean = (sum - middle) / AVERAGED as f32;
                    (mean / STEP).round().clamp(-127.0, 127.0) as i8
                });
                (row_key(key), units)
            })
            .filter(|(_, units)| units[..self.labels].iter().any(|unit| unit.abs() > 1))
            .collect();
        rows.sort_unstable();
        rows.dedup_by_key(|(key, _)| *key);
        let (keys, weights) = rows.into_iter().unzip();
        ClassifierParts { keys, weights }
    }
}
