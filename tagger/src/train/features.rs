//! Which features occur in the training text, which are frequent enough to keep, and per token the
//! rows of those that do not depend on earlier tags. Must not know of weights.

use super::Options;
use super::data::{Corpus, Sample};
use super::index::KeyTable;
use crate::decode::window;
use crate::templates::{self, HISTORY, NO_HISTORY, POSITIONS, Parts, REACH};

/// Per token, the rows of its features that do not depend on earlier tags.
pub(super) struct Ids {
    start: Vec<usize>,
    ids: Vec<u32>,
}

impl Ids {
    pub(super) fn of(&self, token: usize) -> &[u32] {
        &self.ids[self.start[token]..self.start[token + 1]]
    }
}

impl Sample {
    pub(super) fn parts<'a>(&self, corpus: &'a Corpus) -> &'a [Parts] {
        &corpus.parts[self.first..self.first + self.len]
    }

    fn style(&self, corpus: &Corpus) -> u64 {
        templates::style(self.parts(corpus))
    }
}

fn each_key(
    corpus: &Corpus,
    sample: &Sample,
    at: usize,
    style: u64,
    edge: &Parts,
    mut push: impl FnMut(u64),
) {
    for position in 0..POSITIONS {
        match (at + position).checked_sub(REACH) {
            Some(index) if index < sample.len => {
                let token = sample.first + index;
                templates::single(
                    position,
                    corpus.view(token),
                    &corpus.known[token],
                    &mut push,
                );
            }
            _ => push(templates::edge_key(position)),
        }
    }
    templates::pairs(&window(sample.parts(corpus), at, edge), style)
        .into_iter()
        .for_each(push);
}

/// Keys of the features with earlier tags, the gold tags standing in for the model's own.
pub(super) fn gold_history(
    corpus: &Corpus,
    sample: &Sample,
    at: usize,
    edge: &Parts,
) -> [u64; HISTORY] {
    let words = window(sample.parts(corpus), at, edge);
    let tag = |back: usize| {
        at.checked_sub(back).map_or(NO_HISTORY, |index| {
            u64::from(corpus.gold[sample.first + index])
        })
    };
    templates::history(tag(1), tag(2), words[2], words[3])
}

/// Numbers the features seen often enough, from 1. Eight passes over slices of the key space bound
/// the memory.
pub(super) fn select(corpus: &Corpus, options: &Options) -> (KeyTable, usize) {
    let edge = Parts::edge();
    let mut kept = KeyTable::with_capacity(1 << 20);
    let mut rows = 0_u32;
    for pass in 0..8_u64 {
        // Upper half: occurrences in gold text; lower half: in silver text.
        let mut counts = KeyTable::with_capacity(1 << 20);
        for sample in &corpus.samples {
            let mut hit = |key: u64| {
                if key >> 61 == pass && key != 0 {
                    let count = counts.entry(key);
                    let (shift, half) = if sample.source == 0 {
                        (16, *count >> 16)
                    } else {
                        (0, *count & 0xffff)
                    };
                    if half < 0xffff {
                        *count += 1 << shift;
                    }
                }
            };
            let style = sample.style(corpus);
            for at in 0..sample.len {
                each_key(corpus, sample, at, style, &edge, &mut hit);
                gold_history(corpus, sample, at, &edge)
                    .into_iter()
                    .for_each(&mut hit);
            }
        }
        for (key, count) in counts.iter() {
            let gold = count >> 16;
            if gold >= options.min_gold || gold + (count & 0xffff) >= options.min_all {
                rows += 1;
                *kept.entry(key) = rows;
            }
        }
    }
    (kept, rows as usize)
}

/// Looks every token's features up once.
pub(super) fn collect(corpus: &Corpus, kept: &KeyTable) -> Ids {
    let edge = Parts::edge();
    let mut out = Ids {
        start: vec![0],
        ids: Vec::new(),
    };
    for sample in &corpus.samples {
        let style = sample.style(corpus);
        for at in 0..sample.len {
            each_key(corpus, sample, at, style, &edge, |key| {
                out.ids.extend(kept.get(key).map(|row| row - 1))
            });
            out.start.push(out.ids.len());
        }
    }
    out
}
