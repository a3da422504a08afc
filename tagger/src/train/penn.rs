//! Trains the main tags' weights: multinomial logistic regression by stochastic gradient, greedy
//! left to right with the model's own earlier tags, feature dropout, averaged over the last epochs.
//! Must not know of files.

use super::Options;
use super::data::{Corpus, NO_TAG};
use super::features::{self, Ids};
use super::index::KeyTable;
use super::linear::{Rows, best, softmax};
use crate::decode::window;
use crate::hash::Random;
use crate::templates::{self, NO_HISTORY, Parts};

const NONE: u32 = u32::MAX;

/// The weights while they are learnt.
pub(super) struct Learner<'a> {
    pub(super) corpus: &'a Corpus,
    pub(super) kept: KeyTable,
    pub(super) ids: Ids,
    pub(super) tags: usize,
    pub(super) lanes: usize,
    shared: Rows,
    own: [Rows; 2],
    own_at: [Vec<u32>; 2],
    /// Sum of the gold text's weights at the ends of the epochs averaged.
    pub(super) sum: Vec<f32>,
    order: Vec<u32>,
}

impl<'a> Learner<'a> {
    pub(super) fn new(corpus: &'a Corpus, tags: usize, options: &Options) -> Self {
        let (kept, rows) = features::select(corpus, options);
        let ids = features::collect(corpus, &kept);
        let edge = Parts::edge();
        let mut own_at = [vec![NONE; rows], vec![NONE; rows]];
        let mut owns = [0_u32; 2];
        for sample in corpus.samples.iter().filter(|_| options.apart) {
            for at in 0..sample.len {
                let history = features::gold_history(corpus, sample, at, &edge);
                let history = history
                    .into_iter()
                    .filter_map(|key| kept.get(key).map(|row| row - 1));
                for row in ids.of(sample.first + at).iter().copied().chain(history) {
                    let slot = &mut own_at[sample.source][row as usize];
                    if *slot == NONE {
                        *slot = owns[sample.source];
                        owns[sample.source] += 1;
                    }
                }
            }
        }
        let lanes = tags.div_ceil(8) * 8;
        Self {
            corpus,
            kept,
            ids,
            tags,
            lanes,
            shared: Rows::new(rows, lanes),
            own: owns.map(|count| Rows::new(count as usize, lanes)),
            own_at,
            sum: vec![0.0; rows * lanes],
            order: (0..corpus.samples.len() as u32).collect(),
        }
    }

    /// Goes over the text once; returns how many tags were right on the way and how many there
    /// were.
    pub(super) fn epoch(&mut self, options: &Options, random: &mut Random) -> (usize, usize) {
        let mut order = std::mem::take(&mut self.order);
        random.shuffle(&mut order);
        let edge = Parts::edge();
        let mut scores = vec![0.0_f32; self.lanes];
        let mut active = Vec::new();
        let mut coin = Coin::new(1.0 - options.dropout);
        let (mut right, mut all) = (0, 0);
        for &number in &order {
            let sample = &self.corpus.samples[number as usize];
            let (mut tag1, mut tag2) = (NO_HISTORY, NO_HISTORY);
            for at in 0..sample.len {
                active.clear();
                active.extend(
                    self.ids
                        .of(sample.first + at)
                        .iter()
                        .filter(|_| coin.toss(random)),
                );
                let words = window(sample.parts(self.corpus), at, &edge);
                for key in templates::history(tag1, tag2, words[2], words[3]) {
                    active.extend(
                        self.kept
                            .get(key)
                            .map(|row| row - 1)
                            .filter(|_| coin.toss(random)),
                    );
                }
                scores.fill(0.0);
                self.score(&active, sample.source, &mut scores);
                let guess = best(&scores[..self.tags]);
                (tag1, tag2) = (guess as u64, tag1);
                let gold = self.corpus.gold[sample.first + at];
                if gold == NO_TAG {
                    continue;
                }
                all += 1;
                right += usize::from(guess == usize::from(gold));
                softmax(&mut scores, self.tags);
                self.corpus.each_share(sample.first + at, |tag, share| {
                    scores[usize::from(tag)] -= share
                });
                self.update(&active, sample.source, &scores, options.rate);
            }
        }
        self.order = order;
        (right, all)
    }

    fn score(&self, active: &[u32], source: usize, scores: &mut [f32]) {
        for &row in active {
            self.shared.add_to(row as usize, scores);
            let own = self.own_at[source][row as usize];
            if own != NONE {
                self.own[source].add_to(own as usize, scores);
            }
        }
    }

    fn update(&mut self, active: &[u32], source: usize, gradient: &[f32], rate: f32) {
        for &row in active {
            self.shared.step(row as usize, gradient, rate);
            let own = self.own_at[source][row as usize];
            if own != NONE {
                self.own[source].step(own as usize, gradient, rate);
            }
        }
    }

    /// Adds the gold text's weights of this moment to the average.
    pub(super) fn remember(&mut self) {
        for (row, sum) in self.sum.chunks_exact_mut(self.lanes).enumerate() {
            self.shared.add_to(row, sum);
            let own = self.own_at[0][row];
            if own != NONE {
                self.own[0].add_to(own as usize, sum);
            }
        }
    }
}

/// A biased coin, four tosses a random number.
struct Coin {
    keep: u64,
    bits: u64,
    left: u32,
}

impl Coin {
    fn new(chance: f32) -> Self {
        Self {
            keep: (chance * 65536.0) as u64,
            bits: 0,
            left: 0,
        }
    }

    fn toss(&mut self, random: &mut Random) -> bool {
        if self.left == 0 {
            (self.bits, self.left) = (random.next(), 4);
        }
        let toss = self.bits & 0xffff;
        self.bits >>= 16;
        self.left -= 1;
        toss < self.keep
    }
}
