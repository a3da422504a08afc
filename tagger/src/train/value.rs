//! What each row of weights is worth: how much else the training text's tags would seem without it.
//! Must not know of files.

use super::linear::{best, softmax};
use super::penn::Learner;
use crate::decode::window;
use crate::templates::{self, NO_HISTORY, Parts};

/// How many words of machine-tagged text a hand-tagged one counts for.
const GOLD: f32 = 3.0;

impl Learner<'_> {
    /// Per row, the sum over the text of how far the chances of a word's tags move when this row
    /// alone is left out (the Kullback-Leibler divergence), with the weights of `averaged` epochs
    /// summed. The weights were learnt with the share `kept` of the features; with all of them
    /// chances come out too near 0 and 1, and nothing would seem to matter.
    ///
    /// How much worse the tags get is no measure: rows that only make the model too sure would seem
    /// to do harm, and without many of them at once it is lost.
    pub(super) fn values(&self, averaged: usize, kept: f32) -> Vec<f32> {
        let scale = kept / averaged.max(1) as f32;
        let edge = Parts::edge();
        let mut values = vec![0.0_f32; self.sum.len() / self.lanes];
        let mut scores = vec![0.0_f32; self.lanes];
        let mut active = Vec::new();
        for sample in &self.corpus.samples {
            let weight = if sample.source == 0 { GOLD } else { 1.0 };
            let (mut tag1, mut tag2) = (NO_HISTORY, NO_HISTORY);
            for at in 0..sample.len {
                let token = sample.first + at;
                active.clear();
                active.extend_from_slice(self.ids.of(token));
                let words = window(sample.parts(self.corpus), at, &edge);
                let history = templates::history(tag1, tag2, words[2], words[3]);
                active.extend(
                    history
                        .into_iter()
                        .filter_map(|key| self.kept.get(key))
                        .map(|row| row - 1),
                );
                scores.fill(0.0);
                for &row in &active {
                    let weights = self.summed(row);
                    scores
                        .iter_mut()
                        .zip(weights)
                        .for_each(|(score, w)| *score += w * scale);
                }
                (tag1, tag2) = (best(&scores[..self.tags]) as u64, tag1);
                softmax(&mut scores, self.tags);
                for &row in &active {
                    values[row as usize] += weight * self.moved_without(row, scale, &scores);
                }
            }
        }
        values
    }

    /// The weights of a row, summed over the epochs averaged.
    pub(super) fn summed(&self, row: u32) -> &[f32] {
        &self.sum[row as usize * self.lanes..][..self.lanes]
    }

    /// Σ p w + ln Σ p e^−w
    fn moved_without(&self, row: u32, scale: f32, chances: &[f32]) -> f32 {
        let (mut mean, mut rest) = (0.0, 0.0);
        for (weight, p) in self.summed(row).iter().zip(chances) {
            let weight = weight * scale;
            mean += p * weight;
            // Unlikely tags hardly move the sum; leaving them out spares most of the exponentials.
            rest += if *p > 1e-4 { p * (-weight).exp() } else { *p };
        }
        mean + rest.ln()
    }
}
