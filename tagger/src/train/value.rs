//! What each row of weights is worth: how much worse the training text would be tagged without it.
//! Must not know of files.

use super::data::NO_TAG;
use super::linear::{best, softmax};
use super::penn::Learner;
use crate::decode::window;
use crate::templates::{self, NO_HISTORY, Parts};

/// How many words of machine-tagged text a hand-tagged one counts for.
const GOLD: f32 = 3.0;

impl Learner<'_> {
    /// Per row, the sum over the text of the loss (−Σ q log p) that leaving out this row alone
    /// would add, with the weights of `averaged` epochs summed.
    pub(super) fn values(&self, averaged: usize) -> Vec<f32> {
        let scale = 1.0 / averaged.max(1) as f32;
        let edge = Parts::edge();
        let mut values = vec![0.0_f32; self.sum.len() / self.lanes];
        let (mut scores, mut shares) = (vec![0.0_f32; self.lanes], vec![0.0_f32; self.lanes]);
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
                if self.corpus.gold[token] == NO_TAG {
                    continue;
                }
                softmax(&mut scores, self.tags);
                shares.fill(0.0);
                self.corpus
                    .each_share(token, |tag, share| shares[usize::from(tag)] += share);
                for &row in &active {
                    values[row as usize] +=
                        weight * self.loss_without(row, scale, &scores, &shares);
                }
            }
        }
        values
    }

    /// The weights of a row, summed over the epochs averaged.
    pub(super) fn summed(&self, row: u32) -> &[f32] {
        &self.sum[row as usize * self.lanes..][..self.lanes]
    }

    /// Loss without the row less loss with it: Σ q w + ln Σ p e^−w.
    fn loss_without(&self, row: u32, scale: f32, chances: &[f32], shares: &[f32]) -> f32 {
        let (mut lost, mut rest) = (0.0, 0.0);
        for ((weight, p), q) in self.summed(row).iter().zip(chances).zip(shares) {
            let weight = weight * scale;
            lost += q * weight;
            // Unlikely tags hardly move the sum; leaving them out spares most of the exponentials.
            rest += if *p > 1e-4 { p * (-weight).exp() } else { *p };
        }
        lost + rest.ln()
    }
}
