//! Splits raw text by what a treebank shows: where tokens and sentences end, and which tokens stand
//! for several words. For models of languages that the built-in English rules do not fit. Must not
//! know of tags or of how the weights were learnt.

pub(crate) mod chars;
pub(crate) mod classifier;
pub(crate) mod multiword;

use std::borrow::Cow;
use std::collections::HashSet;

use crate::text::Token;
use chars::{CONTINUE, Paragraph, SENTENCE};
use classifier::{Classifier, ClassifierParts};
use multiword::{MultiWordParts, MultiWords};

/// What a splitter consists of, as plain data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SplitterParts {
    /// Decides after each character: goes on, a token ends, a sentence ends.
    pub breaks: ClassifierParts,
    /// Pairs of neighbouring characters' classes between which nothing ever ends, sorted.
    pub never: Vec<u32>,
    pub words: MultiWordParts,
}

/// A learned splitter.
#[derive(Debug)]
pub(crate) struct Splitter {
    breaks: Classifier,
    never: HashSet<u32>,
    words: MultiWords,
}

/// One sentence of a text: words, and where the tokens stand that they are of.
#[derive(Debug, Default)]
pub(crate) struct Words<'a> {
    pub(crate) tokens: Vec<Token>,
    pub(crate) forms: Vec<Cow<'a, str>>,
}

impl Splitter {
    pub(crate) fn new(parts: SplitterParts) -> Self {
        Self {
            breaks: Classifier::new(parts.breaks),
            never: parts.never.into_iter().collect(),
            words: MultiWords::new(parts.words),
        }
    }

    /// Calls `visit` with each sentence of `text` in order. Time and memory are linear in the
    /// text's length. Not generic, so that it is compiled here, as optimised as this crate is.
    pub(crate) fn sentences<'a>(&self, text: &'a str, visit: &mut dyn FnMut(&Words<'a>)) {
        let mut words = Words::default();
        let mut spans = Vec::new();
        for paragraph in chars::paragraphs(text) {
            let mut start = None;
            let last = paragraph.len();
            self.walk(&paragraph, |begin, end, number, label| {
                let from = *start.get_or_insert(begin);
                let label = if number == last { SENTENCE } else { label };
                if label == CONTINUE {
                    return;
                }
                start = None;
                spans.push((from, end));
                if label == SENTENCE {
                    self.words.expand(text, &spans, &mut words);
                    spans.clear();
                    visit(&words);
                }
            });
        }
    }

    /// Calls `visit` with the bytes of each character that is not white space, its number from 1,
    /// and what ends with it.
    fn walk(&self, paragraph: &Paragraph, mut visit: impl FnMut(usize, usize, usize, u8)) {
        let mut state = chars::State::default();
        for number in 0..paragraph.len() {
            let label = if self.never.contains(&paragraph.pair(number)) {
                CONTINUE
            } else {
                let mut scores = [0; 3];
                paragraph.features(number, &state, |key| self.breaks.add_to(key, &mut scores));
                classifier::best(&scores)
            };
            state.step(paragraph, number, label);
            let (begin, end) = paragraph.bytes(number);
            visit(begin, end, number + 1, label);
        }
    }
}
