//! Trains the universal tag's weights given the Penn tags of the sentence (gold text only). Must
//! not know of files.

use super::Options;
use super::data::{Corpus, NO_TAG};
use super::index::KeyTable;
use super::linear::{Rows, softmax};
use crate::decode::window;
use crate::hash::Random;
use crate::templates::{self, Parts, UNIVERSAL};
use crate::universal::{ahead, tags_around};

/// Trained weights: per key a row of `lanes` weights.
pub(super) struct Universal {
    pub(super) keys: KeyTable,
    pub(super) sum: Vec<f32>,
    pub(super) lanes: usize,
}

/// `upos` holds one universal tag per token of `corpus`, `allowed` per Penn tag the universal tags
/// seen with it.
pub(super) fn train(
    corpus: &Corpus,
    upos: &[u8],
    allowed: &[u64],
    tags: usize,
    skip: u64,
    options: &Options,
) -> Universal {
    let edge = Parts::edge();
    let lanes = tags.div_ceil(8) * 8;
    let mut keys = KeyTable::with_capacity(1 << 18);
    let mut count = 0;
    let mut examples: Vec<([u32; UNIVERSAL], u8)> = Vec::new();
    for sample in corpus.samples.iter().filter(|sample| sample.source == 0) {
        let gold = &corpus.gold[sample.first..sample.first + sample.len];
        for at in 0..sample.len {
            let (xpos, upos) = (gold[at], upos[sample.first + at]);
            if xpos == NO_TAG || upos == NO_TAG || allowed[usize::from(xpos)].count_ones() < 2 {
                continue;
            }
            let words = window(sample.parts(corpus), at, &edge);
            let around = tags_around(at, sample.len, |index| gold[index]);
            let next = ahead(at, sample.len, skip, |index| gold[index]);
            let rows = templates::universal(&words, &around, next).map(|key| {
                let row = keys.entry(key);
                if *row == 0 {
                    count += 1;
                    *row = count;
                }
                *row - 1
            });
            examples.push((rows, upos));
        }
    }
    let mut rows = Rows::new(count as usize, lanes);
    let mut sum = vec![0.0; count as usize * lanes];
    let mut random = Random::new(options.seed ^ 0x75_70_6f_73);
    let mut scores = vec![0.0_f32; lanes];
    for epoch in 0..6 {
        random.shuffle(&mut examples);
        for (active, gold) in &examples {
            scores.fill(0.0);
            let dropped = random.next();
            let live = |at: usize| dropped >> (2 * at) & 3 != 0;
            active
                .iter()
                .enumerate()
                .filter(|(at, _)| live(*at))
                .for_each(|(_, row)| rows.add_to(*row as usize, &mut scores));
            softmax(&mut scores, tags);
            scores[usize::from(*gold)] -= 1.0;
            active
                .iter()
                .enumerate()
                .filter(|(at, _)| live(*at))
                .for_each(|(_, row)| rows.step(*row as usize, &scores, options.rate));
        }
        if epoch >= 3 {
            for (row, sum) in sum.chunks_exact_mut(lanes).enumerate() {
                rows.add_to(row, sum);
            }
        }
    }
    sum.iter_mut().for_each(|weight| *weight /= 3.0);
    Universal { keys, sum, lanes }
}
