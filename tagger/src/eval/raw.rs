//! Measures splitting, tokenizing and tagging of raw text together: F1 as in the CoNLL 2018 shared
//! task (Zeman et al. 2018), spans compared in the text without white space.

use std::collections::HashMap;
use std::sync::Arc;

use crate::conllu::{self, Form, Sentence, push_sentence};
use crate::model::Model;
use crate::tagger::Tagger;

/// Agreement of two sets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct F1 {
    /// In both.
    pub common: usize,
    /// In the gold standard.
    pub gold: usize,
    /// Found.
    pub found: usize,
}

impl F1 {
    /// Harmonic mean of precision and recall, in per cent.
    pub fn percent(self) -> f64 {
        let sum = self.gold + self.found;
        if sum == 0 {
            0.0
        } else {
            200.0 * self.common as f64 / sum as f64
        }
    }
}

/// Result of [`raw_text`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RawReport {
    /// Surface tokens: a contraction is one.
    pub tokens: F1,
    /// Syntactic words: a contraction is two.
    pub words: F1,
    /// Sentences.
    pub sentences: F1,
    /// Words with their Penn tag.
    pub xpos: F1,
    /// Words with their universal tag.
    pub upos: F1,
}

/// The raw text of sentences: tokens joined as SpaceAfter says, paragraphs by a blank line.
pub fn text_of(sentences: &[Sentence]) -> String {
    let mut text = String::new();
    for sentence in sentences {
        if sentence.new_paragraph && !text.is_empty() {
            text.truncate(text.trim_end().len());
            text.push_str("\n\n");
        }
        let mut range = sentence.multi.iter().peekable();
        let mut at = 0;
        while at < sentence.words.len() {
            let space = match range.next_if(|range| range.first == at) {
                Some(range) => {
                    text.push_str(&range.form);
                    at += range.count;
                    range.space_after
                }
                None => {
                    text.push_str(&sentence.words[at].form);
                    at += 1;
                    sentence.words[at - 1].space_after
                }
            };
            if space {
                text.push(' ');
            }
        }
    }
    text
}

type Span = (usize, usize);
/// XPOS and UPOS.
type Tags<'a> = (&'a str, &'a str);

fn letters(text: &str) -> usize {
    text.chars().filter(|c| !c.is_whitespace()).count()
}

#[derive(Default)]
struct Spans<'a> {
    tokens: Vec<Span>,
    words: HashMap<Span, Tags<'a>>,
    sentences: Vec<Span>,
}

fn spans(sentences: &[Sentence]) -> Spans<'_> {
    let mut out = Spans::default();
    let mut at = 0;
    for sentence in sentences {
        let first = at;
        let mut word = 0;
        let mut ranges = sentence.multi.iter().peekable();
        while word < sentence.words.len() {
            let start = at;
            let range = ranges.next_if(|range| range.first == word);
            let count = range.map_or(1, |range| range.count).max(1);
            let words = &sentence.words[word..(word + count).min(sentence.words.len())];
            word += count;
            let mut inner = start;
            for word in words {
                let end = inner + letters(&word.form);
                out.words.insert((inner, end), (&word.xpos, &word.upos));
                inner = end;
            }
            at = start + range.map_or(inner - start, |range| letters(&range.form));
            out.tokens.push((start, at));
        }
        out.sentences.push((first, at));
    }
    out
}

/// Rebuilds the raw text of `sentences`, has it split, tokenized, tagged and written as CoNLL-U,
/// reads that again and compares: so what is measured is what a file would say.
pub fn raw_text(model: &Arc<Model>, sentences: &[Sentence]) -> RawReport {
    let text = text_of(sentences);
    let mut written = Vec::new();
    Tagger::new(Arc::clone(model)).tag_text(&text, |tagged| {
        let forms: Vec<Form<'_>> = tagged.forms().collect();
        push_sentence(&mut written, model, |_| {}, &forms, tagged.tags);
    });
    let read = conllu::parse(&written).expect("what push_sentence writes is CoNLL-U");
    let (gold, found) = (spans(sentences), spans(&read));
    let common = |same: &dyn Fn(&Tags<'_>, &Tags<'_>) -> bool| F1 {
        common: found
            .words
            .iter()
            .filter(|(span, tags)| gold.words.get(span).is_some_and(|gold| same(gold, tags)))
            .count(),
        gold: gold.words.len(),
        found: found.words.len(),
    };
    RawReport {
        tokens: compare(&gold.tokens, &found.tokens),
        words: common(&|_, _| true),
        sentences: compare(&gold.sentences, &found.sentences),
        xpos: common(&|gold, found| gold.0 == found.0),
        upos: common(&|gold, found| gold.1 == found.1),
    }
}

fn compare(gold: &[Span], found: &[Span]) -> F1 {
    let set: std::collections::HashSet<&Span> = gold.iter().collect();
    F1 {
        common: found.iter().filter(|span| set.contains(span)).count(),
        gold: gold.len(),
        found: found.len(),
    }
}
