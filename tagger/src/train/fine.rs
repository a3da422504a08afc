//! Trains the treebank's own tags given the universal ones: multinomial logistic regression over
//! the tags seen with a word's universal tag, with weights only where feature and tag were seen
//! together, so that memory grows with the text and not with the tag set. Must not know of files.

use std::collections::HashMap;

use super::Options;
use super::index::KeyTable;
use crate::conllu::Sentence;
use crate::hash::Random;
use crate::model::fine::FineParts;
use crate::model::table::row_key;
use crate::templates::{self, FineWord, NO_FINE};
use crate::word;

/// Passes over the text, and over how many of the last the weights are averaged.
const EPOCHS: usize = 8;
const AVERAGED: usize = 4;

struct Example {
    words: Vec<FineWord>,
    upos: Vec<u16>,
    gold: Vec<u16>,
}

/// A weight while it is learnt.
#[derive(Clone, Copy, Default)]
struct Weight {
    value: f32,
    squares: f32,
    sum: f32,
}

struct Learner {
    candidates: Vec<Vec<u16>>,
    /// Feature key to row, from 1.
    rows: KeyTable,
    /// Per row, its tags and weights.
    weights: Vec<Vec<(u16, Weight)>>,
    scores: Vec<f32>,
    active: Vec<u32>,
}

/// Learns the weights for `tags` of their own, given universal tags numbered as in `upos`.
pub(super) fn train(
    sentences: &[Sentence],
    tags: &[String],
    upos: &[String],
    options: &Options,
) -> FineParts {
    let examples = examples(sentences, tags, upos);
    let mut learner = Learner::new(&examples, tags.len(), upos.len());
    let mut order: Vec<usize> = (0..examples.len()).collect();
    let mut random = Random::new(options.seed ^ 0x78_70_6f_73);
    for epoch in 0..EPOCHS {
        random.shuffle(&mut order);
        for &number in &order {
            learner.learn(&examples[number], options.rate, &mut random);
        }
        if epoch + AVERAGED >= EPOCHS {
            for (_, weight) in learner.weights.iter_mut().flatten() {
                weight.sum += weight.value;
            }
        }
    }
    learner.export(tags, options)
}

fn examples(sentences: &[Sentence], tags: &[String], upos: &[String]) -> Vec<Example> {
    let number = |set: &[String], tag: &String| set.binary_search(tag).unwrap_or(0) as u16;
    let mut scratch = String::new();
    let mut example = |sentence: &Sentence| {
        let words = sentence.words.iter();
        let upos: Vec<u16> = words.map(|word| number(upos, &word.upos)).collect();
        let words = sentence.words.iter().zip(&upos);
        Example {
            words: words
                .map(|(w, main)| FineWord::new(&word::view(&w.form, &mut scratch), *main))
                .collect(),
            gold: sentence
                .words
                .iter()
                .map(|w| number(tags, &w.xpos))
                .collect(),
            upos,
        }
    };
    sentences.iter().map(&mut example).collect()
}

impl Learner {
    fn new(examples: &[Example], tags: usize, upos: usize) -> Self {
        let mut together: Vec<HashMap<u16, usize>> = vec![HashMap::new(); upos];
        let mut counts = KeyTable::with_capacity(1 << 16);
        let each = |visit: &mut dyn FnMut(u64, u16)| {
            for example in examples {
                for (at, &gold) in example.gold.iter().enumerate() {
                    let before = before(&example.gold, at);
                    templates::fine(&example.words, at, before, |key| visit(key.max(1), gold));
                }
            }
        };
        for (upos, gold) in examples.iter().flat_map(|e| e.upos.iter().zip(&e.gold)) {
            *together[usize::from(*upos)].entry(*gold).or_default() += 1;
        }
        each(&mut |key, _| *counts.entry(key) += 1);
        let mut rows = KeyTable::with_capacity(1 << 16);
        let mut weights: Vec<Vec<(u16, Weight)>> = Vec::new();
        each(&mut |key, gold| {
            if counts.get(key).is_none_or(|count| count < 2) {
                return;
            }
            let row = rows.entry(key);
            if *row == 0 {
                weights.push(Vec::new());
                *row = weights.len() as u32;
            }
            let row = &mut weights[*row as usize - 1];
            if let Err(place) = row.binary_search_by_key(&gold, |(tag, _)| *tag) {
                row.insert(place, (gold, Weight::default()));
            }
        });
        let ranked = |counts: &HashMap<u16, usize>| {
            let mut tags: Vec<u16> = counts.keys().copied().collect();
            tags.sort_unstable_by_key(|tag| (std::cmp::Reverse(counts[tag]), *tag));
            tags
        };
        Self {
            candidates: together.iter().map(ranked).collect(),
            rows,
            weights,
            scores: vec![0.0; tags],
            active: Vec::new(),
        }
    }

    /// Goes over a sentence with the model's own tags before each word.
    fn learn(&mut self, example: &Example, rate: f32, random: &mut Random) {
        let mut before = [NO_FINE; 2];
        for (at, &gold) in example.gold.iter().enumerate() {
            let guess = self.step(example, at, before, rate, random).unwrap_or(gold);
            before = [u64::from(guess), before[0]];
        }
    }

    /// One step; the tag guessed, None where there is no choice.
    fn step(
        &mut self,
        example: &Example,
        at: usize,
        before: [u64; 2],
        rate: f32,
        random: &mut Random,
    ) -> Option<u16> {
        let candidates = &self.candidates[usize::from(example.upos[at])];
        if candidates.len() < 2 {
            return None;
        }
        let dropped = random.next();
        let mut number = 0;
        self.active.clear();
        templates::fine(&example.words, at, before, |key| {
            number += 1;
            // A feature is left out one time in four.
            if dropped >> (2 * (number % 32)) & 3 != 0 {
                self.active
                    .extend(self.rows.get(key.max(1)).map(|row| row - 1));
            }
        });
        candidates
            .iter()
            .for_each(|tag| self.scores[usize::from(*tag)] = 0.0);
        for row in &self.active {
            for (tag, weight) in &self.weights[*row as usize] {
                self.scores[usize::from(*tag)] += weight.value;
            }
        }
        let (mut guess, mut top) = (candidates[0], f32::MIN);
        for &tag in candidates {
            let score = self.scores[usize::from(tag)];
            if score > top {
                (guess, top) = (tag, score);
            }
        }
        let mut sum = 0.0;
        for &tag in candidates {
            let score = &mut self.scores[usize::from(tag)];
            *score = (*score - top).exp();
            sum += *score;
        }
        let gold = example.gold[at];
        for &tag in candidates {
            let score = &mut self.scores[usize::from(tag)];
            *score = *score / sum - f32::from(u8::from(tag == gold));
        }
        for row in &self.active {
            for (tag, weight) in &mut self.weights[*row as usize] {
                let gradient = self.scores[usize::from(*tag)];
                weight.squares += gradient * gradient;
                weight.value -= rate * gradient / (weight.squares.sqrt() + 1e-6);
            }
        }
        Some(guess)
    }

    fn export(self, tags: &[String], options: &Options) -> FineParts {
        let step = options.step * AVERAGED as f32;
        let mut rows: Vec<(u32, Vec<(u16, i8)>)> = Vec::new();
        for (key, row) in self.rows.iter() {
            let weights = self.weights[row as usize - 1].iter();
            let weights = weights.map(|(tag, weight)| {
                let units = (weight.sum / step).round().clamp(-127.0, 127.0);
                (*tag, units as i8)
            });
            let weights: Vec<(u16, i8)> = weights.filter(|(_, units)| *units != 0).collect();
            if !weights.is_empty() {
                rows.push((row_key(key), weights));
            }
        }
        rows.sort_unstable();
        rows.dedup_by_key(|(key, _)| *key);
        let mut parts = FineParts {
            tags: tags.to_vec(),
            candidates: self.candidates,
            ..FineParts::default()
        };
        for (key, weights) in rows {
            parts.keys.push(key);
            for (tag, weight) in weights {
                parts.of.push(tag);
                parts.weights.push(weight);
            }
            parts.ends.push(parts.of.len() as u32);
        }
        parts
    }
}

fn before(gold: &[u16], at: usize) -> [u64; 2] {
    let tag = |back: usize| {
        at.checked_sub(back)
            .map_or(NO_FINE, |at| u64::from(gold[at]))
    };
    [tag(1), tag(2)]
}
