//! Measures a model against CoNLL-U with gold tokens: accuracy, unknown words, confusions. Must not
//! know of training.

mod align;
mod raw;

pub use raw::{F1, RawReport, raw_text, text_of};

use std::collections::HashMap;
use std::sync::Arc;

use crate::conllu::Sentence;
use crate::model::{Main, Model};
use crate::tagger::{Tag, Tagger};

/// How many of how many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ratio {
    /// Right ones.
    pub right: usize,
    /// All.
    pub all: usize,
}

impl Ratio {
    /// Per cent; 0 of nothing.
    pub fn percent(self) -> f64 {
        if self.all == 0 {
            0.0
        } else {
            100.0 * self.right as f64 / self.all as f64
        }
    }

    fn count(&mut self, right: bool) {
        self.all += 1;
        self.right += usize::from(right);
    }
}

/// Result of [`tokenized`].
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The treebank's own tags.
    pub xpos: Ratio,
    /// Universal tags.
    pub upos: Ratio,
    /// Main tags (the treebank's own where they are few, else universal) of words that the training
    /// text did not have (in this or lower case).
    pub unknown: Ratio,
    /// Sentences without a wrong main tag.
    pub sentences: Ratio,
    /// Lemmas, with the tags found; nothing where the model or the gold standard has none.
    pub lemmas: Ratio,
    /// Gold main tag, given main tag, how often; the most frequent first.
    pub confusions: Vec<(String, String, usize)>,
}

/// Tags the gold tokens and compares.
pub fn tokenized(model: &Arc<Model>, sentences: &[Sentence]) -> Report {
    let mut tagger = Tagger::new(Arc::clone(model));
    let mut report = Report::default();
    let mut confusions: HashMap<(&str, &str), usize> = HashMap::new();
    let mut tags: Vec<Tag> = Vec::new();
    for sentence in sentences {
        let forms: Vec<&str> = sentence
            .words
            .iter()
            .map(|word| word.form.as_str())
            .collect();
        tagger.tag_into(&forms, &mut tags);
        let mut whole = true;
        for (word, tag) in sentence.words.iter().zip(&tags) {
            report.xpos.count(model.xpos(*tag) == word.xpos);
            report.upos.count(model.upos(*tag) == word.upos);
            let (gold, given) = match model.main {
                Main::Xpos => (&word.xpos, model.xpos(*tag)),
                Main::Upos => (&word.upos, model.upos(*tag)),
            };
            let right = gold == given;
            whole &= right;
            if word.lemma != "_"
                && let Some(lemma) = model.lemma(&word.form, *tag)
            {
                report.lemmas.count(lemma == word.lemma);
            }
            if !model.has_seen(&word.form) {
                report.unknown.count(right);
            }
            if !right {
                *confusions.entry((gold, given)).or_default() += 1;
            }
        }
        report.sentences.count(whole);
    }
    report.confusions = confusions
        .into_iter()
        .map(|((gold, given), n)| (gold.to_owned(), given.to_owned(), n))
        .collect();
    report
        .confusions
        .sort_unstable_by(|a, b| b.2.cmp(&a.2).then_with(|| (&a.0, &a.1).cmp(&(&b.0, &b.1))));
    report
}
