//! Learns from a treebank where tokens and sentences end in raw text, and which tokens stand for
//! several words. Must not know of tags.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::classifier::{EPOCHS, Learner};
use crate::conllu::{Sentence, Surface};
use crate::eval::text_of;
use crate::hash::Random;
use crate::model::learned::LONGEST;
use crate::split::SplitterParts;
use crate::split::chars::{CONTINUE, Paragraph, SENTENCE, State, TOKEN, paragraphs};
use crate::split::multiword::{self, ENDING, Ending, MultiWordParts};

/// A pair of classes within which one in so many places, or fewer, ends a token is taken for one
/// that never does.
const NEVER: usize = 20_000;
/// A rule by ending holds for this share of the forms that end so, in per cent.
const SURE: usize = 90;

/// Learns a splitter.
pub(super) fn train(sentences: &[Sentence], seed: u64) -> SplitterParts {
    let text = text_of(sentences);
    let labels = labels(sentences);
    let mut rest = labels.as_slice();
    let paragraphs: Vec<(Paragraph, &[u8])> = paragraphs(&text)
        .map(|paragraph| {
            let (here, after) = rest.split_at(paragraph.len().min(rest.len()));
            rest = after;
            (paragraph, here)
        })
        .collect();
    let never = never(&paragraphs);
    let mut learner = Learner::new(3, seed);
    let mut features = Vec::new();
    each(&paragraphs, &never, &mut features, |keys, _| {
        keys.iter().for_each(|key| learner.count(*key));
    });
    learner.start();
    let mut random = Random::new(seed);
    let mut paragraphs = paragraphs;
    for epoch in 0..EPOCHS {
        random.shuffle(&mut paragraphs);
        each(&paragraphs, &never, &mut features, |keys, label| {
            learner.learn(keys, label);
        });
        learner.end(epoch);
    }
    SplitterParts {
        breaks: learner.export(),
        never: never.into_iter().collect(),
        words: multi_words(sentences, seed),
    }
}

/// What ends with each character that is not white space.
fn labels(sentences: &[Sentence]) -> Vec<u8> {
    let mut labels = Vec::new();
    for sentence in sentences {
        for token in sentence.tokens() {
            let letters = token.form.chars().filter(|c| !c.is_whitespace()).count();
            labels.extend(std::iter::repeat_n(CONTINUE, letters));
            if let Some(last) = labels.last_mut() {
                *last = TOKEN;
            }
        }
        if let Some(last) = labels.last_mut() {
            *last = SENTENCE;
        }
    }
    labels
}

fn never(paragraphs: &[(Paragraph, &[u8])]) -> BTreeSet<u32> {
    let mut pairs: HashMap<u32, (usize, usize)> = HashMap::new();
    for (paragraph, labels) in paragraphs {
        for (at, label) in labels.iter().enumerate() {
            let (ends, all) = pairs.entry(paragraph.pair(at)).or_default();
            *ends += usize::from(*label != CONTINUE);
            *all += 1;
        }
    }
    let rare = |(ends, all): &(usize, usize)| *all >= 20 && ends * NEVER <= *all;
    let pairs = pairs.into_iter().filter(|(_, counts)| rare(counts));
    pairs.map(|(pair, _)| pair).collect()
}

/// Calls `visit` with the features and the label of each place that is not plain.
fn each(
    paragraphs: &[(Paragraph, &[u8])],
    never: &BTreeSet<u32>,
    features: &mut Vec<u64>,
    mut visit: impl FnMut(&[u64], u8),
) {
    for (paragraph, labels) in paragraphs {
        let mut state = State::default();
        for (at, &label) in labels.iter().enumerate() {
            if !never.contains(&paragraph.pair(at)) {
                features.clear();
                paragraph.features(at, &state, |key| features.push(key));
                visit(features, label);
            }
            state.step(paragraph, at, label);
        }
    }
}

/// How often a form is one word, and for which words it stands otherwise, how often.
#[derive(Default)]
struct Uses {
    single: usize,
    multi: BTreeMap<Vec<String>, usize>,
}

impl Uses {
    fn words(&self) -> Option<&Vec<String>> {
        let most = self.multi.iter().max_by_key(|(_, times)| **times);
        most.map(|(words, _)| words)
    }
}

fn multi_words(sentences: &[Sentence], seed: u64) -> MultiWordParts {
    let mut uses: BTreeMap<String, Uses> = BTreeMap::new();
    // A rule's strings are bounded.
    let short = |token: &Surface<'_>| token.form.len() < LONGEST / 4;
    for token in sentences.iter().flat_map(Sentence::tokens).filter(short) {
        let form = uses.entry(token.form.to_lowercase()).or_default();
        let words = token.words.iter();
        if words.clone().any(|word| word.form.len() >= LONGEST / 4) {
            continue;
        }
        if token.words.len() > 1 || token.multi && token.words[0].form != token.form {
            let words = token.words.iter().map(|word| word.form.to_lowercase());
            *form.multi.entry(words.collect()).or_default() += 1;
        } else {
            form.single += 1;
        }
    }
    let endings = endings(&uses);
    let mut parts = MultiWordParts {
        endings: endings.into_iter().collect(),
        ..MultiWordParts::default()
    };
    let rules = multiword::MultiWords::new(parts.clone());
    for (form, uses) in uses {
        match uses.words() {
            Some(words) => {
                if uses.single > 0 {
                    parts.open.push(form.clone());
                }
                if uses.single > 0 || rules.by_ending(&form).as_ref() != Some(words) {
                    parts.whole.push((form, words.clone()));
                }
            }
            None if rules.by_ending(&form).is_some() => parts.single.push(form),
            None => {}
        }
    }
    parts.choice = choice(sentences, &parts.open, seed);
    parts
}

/// Rules by ending that hold for nearly all forms with it, and for more than one.
fn endings(uses: &BTreeMap<String, Uses>) -> BTreeMap<String, Ending> {
    let mut all: HashMap<&str, usize> = HashMap::new();
    let mut votes: BTreeMap<(usize, &str), BTreeMap<Ending, usize>> = BTreeMap::new();
    for (form, uses) in uses {
        let places: Vec<usize> = multiword::endings(form).collect();
        places
            .iter()
            .for_each(|at| *all.entry(&form[*at..]).or_default() += 1);
        let Some((first, rest)) = uses.words().and_then(|words| words.split_first()) else {
            continue;
        };
        let same = form.chars().zip(first.chars()).take_while(|(a, b)| a == b);
        let (same, length) = (same.count(), form.chars().count());
        let cut = length - same;
        let add: String = first.chars().skip(same).collect();
        for at in places {
            let chars = form[at..].chars().count();
            if chars >= cut && chars <= ENDING && same > 0 {
                let rule = Ending {
                    cut: cut as u8,
                    add: add.clone(),
                    rest: rest.to_vec(),
                };
                let votes = votes.entry((chars, &form[at..])).or_default();
                *votes.entry(rule).or_default() += 1;
            }
        }
    }
    let mut kept: BTreeMap<String, Ending> = BTreeMap::new();
    for ((_, ending), rules) in votes {
        let Some((rule, times)) = rules.into_iter().max_by_key(|(_, times)| *times) else {
            continue;
        };
        let shorter = multiword::endings(ending).find_map(|at| kept.get(&ending[at..]));
        let total = all.get(ending).copied().unwrap_or(times);
        if times > 1 && times * 100 >= total * SURE && shorter != Some(&rule) {
            kept.insert(ending.to_owned(), rule);
        }
    }
    kept
}

/// Learns which of the forms that are sometimes one word are split where.
fn choice(
    sentences: &[Sentence],
    open: &[String],
    seed: u64,
) -> crate::split::classifier::ClassifierParts {
    let mut examples: Vec<(Vec<u64>, u8)> = Vec::new();
    let mut learner = Learner::new(2, seed);
    for sentence in sentences {
        let tokens: Vec<Surface<'_>> = sentence.tokens().collect();
        for (at, token) in tokens.iter().enumerate() {
            let lower = token.form.to_lowercase();
            if open.binary_search(&lower).is_err() {
                continue;
            }
            let form = |at: usize| tokens.get(at).map(|token| token.form);
            let before = at.checked_sub(1).and_then(form);
            let mut keys = Vec::new();
            multiword::choice(&lower, before, form(at + 1), |key| keys.push(key));
            keys.iter().for_each(|key| learner.count(*key));
            examples.push((keys, u8::from(token.words.len() > 1)));
        }
    }
    learner.start();
    let mut random = Random::new(seed);
    for epoch in 0..EPOCHS {
        random.shuffle(&mut examples);
        for (keys, label) in &examples {
            learner.learn(keys, *label);
        }
        learner.end(epoch);
    }
    learner.export()
}
