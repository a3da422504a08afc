//! Measures splitting, tokenizing and tagging of raw text together: F1 as in the CoNLL 2018 shared task (Zeman et
//! al. 2018), spans compared in the text without white space.

use std::collections::HashMap;
use std::sync::Arc;

use crate::conllu::Sentence;
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

fn letters(text: &str) -> usize {
    text.chars().filter(|c| !c.is_whitespace()).count()
}

#[derive(Default)]
struct Spans<'a> {
    tokens: Vec<Span>,
    words: HashMap<Span, (&'a str, &'a str)>,
    sentences: Vec<Span>,
}

fn gold_spans(sentences: &[Sentence]) -> Spans<'_> {
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

/// Rebuilds the raw text of `sentences`, has it split, tokenized and tagged, and compares.
pub fn raw_text(model: &Arc<Model>, sentences: &[Sentence]) -> RawReport {
    let gold = gold_spans(sentences);
    let text = text_of(sentences);
    let mut report = RawReport::default();
    let (mut tokens, mut found_sentences) = (Vec::<Span>::new(), Vec::new());
    let mut at = 0;
    Tagger::new(Arc::clone(model)).tag_text(&text, |tagged| {
        let first = at;
        for (token, tag) in tagged.tokens.iter().zip(tagged.tags) {
            let span = (at, at + letters(&text[token.start..token.end]));
            at = span.1;
            report.words.found += 1;
            if let Some((xpos, upos)) = gold.words.get(&span) {
                report.words.common += 1;
                report.xpos.common +=
                    usize::from(*xpos == model.xpos_tags()[usize::from(tag.xpos)]);
                report.upos.common +=
                    usize::from(*upos == model.upos_tags()[usize::from(tag.upos)]);
            }
            match tokens.last_mut() {
                Some(last) if token.continues => last.1 = span.1,
                _ => tokens.push(span),
            }
        }
        found_sentences.push((first, at));
    });
    report.words.gold = gold.words.len();
    for tagged in [&mut report.xpos, &mut report.upos] {
        (tagged.gold, tagged.found) = (report.words.gold, report.words.found);
    }
    report.tokens = compare(&gold.tokens, &tokens);
    report.sentences = compare(&gold.sentences, &found_sentences);
    report
}

fn compare(gold: &[Span], found: &[Span]) -> F1 {
    let set: std::collections::HashSet<&Span> = gold.iter().collect();
    F1 {
        common: found.iter().filter(|span| set.contains(span)).count(),
        gold: gold.len(),
        found: found.len(),
    }
}
