//! Training text as numbers: words, their views, gold tags, and what the lexicon would say of each
//! word if the stretch of text it stands in had not been seen. Must not know of weights.

use std::collections::HashMap;

use crate::lexicon;
use crate::templates::{Known, Parts};
use crate::word::{self, WordView};

/// A tag that is not in the tag set: the word is context only.
pub(crate) const NO_TAG: u8 = u8::MAX;

/// One tagged sentence to learn from.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub first: usize,
    pub len: usize,
    /// 0 for gold text, 1 for silver.
    pub source: usize,
}

/// The likeliest tags of a machine-tagged word and their shares of 1; unused places have no share.
pub(crate) type Shares = [(u8, f32); 3];

/// All training text.
#[derive(Debug, Default)]
pub(crate) struct Corpus {
    pub samples: Vec<Sample>,
    /// Per token: number of its form in `views`.
    pub forms: Vec<u32>,
    /// Per token its tag, the likeliest of several.
    pub gold: Vec<u8>,
    /// Tokens whose tag is not certain.
    pub shares: HashMap<usize, Shares>,
    pub views: Vec<WordView>,
    /// Per token: cluster and class.
    pub known: Vec<Known>,
    pub parts: Vec<Parts>,
    by_form: HashMap<String, u32>,
}

/// Tags counted per form, each source with its own weight.
#[derive(Debug, Default)]
pub(crate) struct TagCounts(pub HashMap<u32, HashMap<u8, i64>>);

/// Which share of a form's occurrences a tag needs to belong to its class, in percent.
const SHARE: i64 = 4;

impl TagCounts {
    fn add(&mut self, hash: u64, tag: u8, weight: i64) {
        *self
            .0
            .entry(lexicon::key(hash))
            .or_default()
            .entry(tag)
            .or_default() += weight;
    }

    /// The class of a form: a bit per tag, the most frequent tag plus 1 in the top byte; 0 for
    /// none.
    pub(crate) fn class(&self, key: u32, without: Option<&TagCounts>) -> u64 {
        let Some(counts) = self.0.get(&key) else {
            return 0;
        };
        let less = without.and_then(|counts| counts.0.get(&key));
        let left = |tag: u8, n: i64| n - less.and_then(|l| l.get(&tag)).copied().unwrap_or(0);
        let total: i64 = counts.iter().map(|(&tag, &n)| left(tag, n)).sum();
        let mut mask = 0_u64;
        let mut best = (0, 0_u8);
        for (&tag, &n) in counts {
            let n = left(tag, n);
            if n > 0 && n * 100 >= total * SHARE && tag < 56 {
                mask |= 1 << tag;
                best = best.max((n, 255 - tag));
            }
        }
        if mask == 0 {
            0
        } else {
            mask | u64::from(255 - best.1 + 1) << 56
        }
    }
}

impl Corpus {
    pub(crate) fn push<'a>(&mut self, words: impl Iterator<Item = (&'a str, u8)>, source: usize) {
        let first = self.forms.len();
        let mut scratch = String::new();
        for (form, tag) in words {
            let id = match self.by_form.get(form) {
                Some(&id) => id,
                None => {
                    let id = self.views.len() as u32;
                    self.views.push(word::view(form, &mut scratch));
                    self.by_form.insert(form.to_owned(), id);
                    id
                }
            };
            self.forms.push(id);
            self.gold.push(tag);
        }
        self.samples.push(Sample {
            first,
            len: self.forms.len() - first,
            source,
        });
    }

    /// Calls `visit` with each tag that a token may have and its share.
    pub(crate) fn each_share(&self, token: usize, mut visit: impl FnMut(u8, f32)) {
        match self.shares.get(&token) {
            Some(shares) => shares
                .iter()
                .filter(|(_, share)| *share > 0.0)
                .for_each(|(tag, share)| visit(*tag, *share)),
            None => visit(self.gold[token], 1.0),
        }
    }

    pub(crate) fn view(&self, token: usize) -> &WordView {
        &self.views[self.forms[token] as usize]
    }

    fn count(&self, samples: &[Sample], weights: [i64; 2]) -> TagCounts {
        let mut counts = TagCounts::default();
        for sample in samples {
            for token in sample.first..sample.first + sample.len {
                let tag = self.gold[token];
                if tag != NO_TAG {
                    let view = self.view(token);
                    counts.add(view.exact, tag, weights[sample.source]);
                    if view.lower != view.exact {
                        counts.add(view.lower, tag, weights[sample.source]);
                    }
                }
            }
        }
        counts
    }

    /// Sets every token's cluster and class, the latter from the counts of all *other* folds: so a
    /// word that occurs in one place only is as unknown in training as an unseen word is later.
    /// Returns the full counts.
    pub(crate) fn annotate(
        &mut self,
        clusters: &HashMap<u32, u32>,
        weights: [i64; 2],
        folds: usize,
    ) -> TagCounts {
        let all = self.count(&self.samples, weights);
        self.known = vec![Known::default(); self.forms.len()];
        let size = self.samples.len().div_ceil(folds.max(1)).max(1);
        for fold in self.samples.chunks(size) {
            let here = (folds > 1).then(|| self.count(fold, weights));
            let mut memo: HashMap<u32, Known> = HashMap::new();
            for sample in fold {
                for token in sample.first..sample.first + sample.len {
                    let view = *self.view(token);
                    self.known[token] = *memo.entry(self.forms[token]).or_insert_with(|| {
                        known(&view, clusters, |key| all.class(key, here.as_ref()))
                    });
                }
            }
        }
        self.parts = (0..self.forms.len())
            .map(|t| Parts::new(self.view(t), &self.known[t]))
            .collect();
        all
    }
}

/// What a lexicon made of these clusters and classes says of a word.
pub(crate) fn known(
    view: &WordView,
    clusters: &HashMap<u32, u32>,
    class: impl Fn(u32) -> u64,
) -> Known {
    let (exact, lower) = (lexicon::key(view.exact), lexicon::key(view.lower));
    let of_exact = class(exact);
    Known {
        cluster: clusters
            .get(&exact)
            .or_else(|| clusters.get(&lower))
            .copied(),
        class: if of_exact == 0 {
            class(lower)
        } else {
            of_exact
        },
    }
}
