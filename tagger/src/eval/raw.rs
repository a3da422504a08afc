//! Measures splitting, tokenizing, tagging and lemmas of raw text together: F1 as in the CoNLL 2018
//! shared task (Zeman et al. 2018).

use std::sync::Arc;

use super::align::{Span, Spans, align};
use crate::conllu::{self, Form, Sentence, Word, push_sentence};
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
    /// Words with their XPOS.
    pub xpos: F1,
    /// Words with their universal tag.
    pub upos: F1,
    /// Words with their lemma; 0 where the model has none.
    pub lemmas: F1,
}

/// The raw text of sentences: tokens joined as SpaceAfter says, paragraphs by a blank line.
pub fn text_of(sentences: &[Sentence]) -> String {
    let mut text = String::new();
    for sentence in sentences {
        if sentence.new_paragraph && !text.is_empty() {
            text.truncate(text.trim_end().len());
            text.push_str("\n\n");
        }
        for token in sentence.tokens() {
            text.push_str(token.form);
            if token.space_after {
                text.push(' ');
            }
        }
    }
    text
}

/// Rebuilds the raw text of `sentences`, has it split, tokenized, tagged and written as CoNLL-U,
/// reads that again and compares: so what is measured is what a file would say.
pub fn raw_text(model: &Arc<Model>, sentences: &[Sentence]) -> RawReport {
    let text = text_of(sentences);
    let mut written = Vec::new();
    Tagger::new(Arc::clone(model)).tag_text(&text, |tagged| {
        let forms: Vec<Form<'_>> = tagged.forms().collect();
        let lemmas = tagged.words.iter().zip(tagged.tags);
        let lemmas: Vec<_> = lemmas
            .filter_map(|(word, tag)| model.lemma(word, *tag))
            .collect();
        push_sentence(&mut written, model, |_| {}, &forms, tagged.tags, &lemmas);
    });
    let read = conllu::parse(&written).expect("what push_sentence writes is CoNLL-U");
    let (gold, found) = (Spans::new(sentences), Spans::new(&read));
    let pairs = align(&gold.words, &found.words);
    let common = |same: &dyn Fn(&Word, &Word) -> bool| F1 {
        common: pairs
            .iter()
            .filter(|(gold, found)| same(gold, found))
            .count(),
        gold: gold.words.len(),
        found: found.words.len(),
    };
    RawReport {
        tokens: compare(&gold.tokens, &found.tokens),
        words: common(&|_, _| true),
        sentences: compare(&gold.sentences, &found.sentences),
        xpos: common(&|gold, found| gold.xpos == found.xpos),
        upos: common(&|gold, found| gold.upos == found.upos),
        // Where the gold standard has no lemma, any is right.
        lemmas: common(&|gold, found| gold.lemma == "_" || gold.lemma == found.lemma),
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
