//! Finds the main tags (see [`crate::model::Main`]): greedy, left to right, each tag the sum of its
//! features' rows (the softmax of training needs no exponent to find its maximum). Must not know of
//! text or of the other tags.

use crate::cache::WordCache;
use crate::hash;
use crate::model::Model;
use crate::model::table::{Places, Scores, row_key};
use crate::tagger::Tag;
use crate::templates::{self, HISTORY, NO_HISTORY, PAIRS, POSITIONS, Parts, REACH};

/// Words whose rows are asked for together.
const STRETCH: usize = 8;
/// How many words ahead a word's entry in the cache is asked for.
const AHEAD: usize = 6;

/// A tag this far ahead of all others, in the units of the stored weights, stands: what is left to
/// add would hardly ever turn it. At training's step of 0.04 that is odds of e¹⁰; it spares half of
/// the words their combinations and five in six their history, and costs 2 right tags of the 25,147
/// in EWT's dev.
const SURE: i16 = 250;

/// Scores and parts of the words in hand, and the tags found.
#[derive(Debug, Default)]
pub(crate) struct Block {
    hashes: Vec<u64>,
    scores: Vec<Scores>,
    pub(crate) parts: Vec<Parts>,
    pub(crate) tags: Vec<Tag>,
}

/// A word whose own features and neighbours leave its tag open.
#[derive(Clone, Copy, Debug)]
struct Open {
    at: usize,
    pairs: Places<PAIRS>,
    /// The two tags before, as guessed, and where the rows of the history features are that they
    /// give.
    tags: (u64, u64),
    history: Places<HISTORY>,
}

impl Open {
    const NONE: Self = Self {
        at: 0,
        pairs: Places::NONE,
        tags: (0, 0),
        history: Places::NONE,
    };
}

/// The five words around `at`.
#[inline(always)]
pub(crate) fn window<'a>(parts: &'a [Parts], at: usize, edge: &'a Parts) -> [&'a Parts; 5] {
    let get = |distance: usize| {
        (at + distance)
            .checked_sub(2)
            .and_then(|index| parts.get(index))
            .unwrap_or(edge)
    };
    [get(0), get(1), get(2), get(3), get(4)]
}

impl Block {
    /// Takes in a stretch of tokens: their parts, and the sums of all features of single words.
    #[inline(always)]
    pub(crate) fn gather(&mut self, model: &Model, cache: &mut WordCache, tokens: &[&str]) {
        self.start(tokens.len(), model);
        let hashes = tokens.iter().map(|token| hash::bytes(token.as_bytes()));
        self.hashes.extend(hashes);
        for hash in self.hashes.iter().take(AHEAD) {
            cache.prefetch(*hash);
        }
        for (at, token) in tokens.iter().enumerate() {
            if let Some(hash) = self.hashes.get(at + AHEAD) {
                cache.prefetch(*hash);
            }
            let word = cache.get(model, token, self.hashes[at]);
            self.parts.push(word.parts);
            for (position, sum) in word.sums.iter().enumerate() {
                // Seen from the word `target`, this one stands at `position`.
                if let Some(target) = (at + REACH).checked_sub(position)
                    && let Some(scores) = self.scores.get_mut(target)
                {
                    scores.add(sum);
                }
            }
        }
    }

    #[inline(always)]
    fn start(&mut self, len: usize, model: &Model) {
        self.hashes.clear();
        self.parts.clear();
        self.tags.clear();
        self.scores.clear();
        self.scores.resize(len, model.main_blank);
        for position in 0..POSITIONS {
            let outside = |at: usize| {
                (at + position)
                    .checked_sub(REACH)
                    .is_none_or(|index| index >= len)
            };
            let near_end =
                (0..len.min(REACH)).chain(len.saturating_sub(REACH).max(len.min(REACH))..len);
            for at in near_end.filter(|at| outside(*at)) {
                self.scores[at].add(&model.edges[position]);
            }
        }
    }

    /// Finds the main tags of the words gathered; they stand in `xpos` for now.
    #[inline(always)]
    pub(crate) fn decode(&mut self, model: &Model) {
        let table = &model.main_table;
        let edge = Parts::edge();
        let style = templates::style(&self.parts);
        let mut opens = [Open::NONE; STRETCH];
        let len = self.parts.len();
        for first in (0..len).step_by(STRETCH) {
            // Combinations of words need no earlier tag: let memory fetch their rows.
            let mut count = 0;
            for at in first..(first + STRETCH).min(len) {
                let (main, sure) = self.scores[at].lead(SURE);
                self.tags.push(Tag {
                    xpos: main.into(),
                    upos: 0,
                });
                if sure {
                    continue;
                }
                let open = &mut opens[count];
                count += 1;
                open.at = at;
                open.pairs.clear();
                for key in templates::pairs(&window(&self.parts, at, &edge), style) {
                    table.seek(row_key(key), &mut open.pairs);
                }
                table.prefetch(open.pairs.as_slice());
            }
            // Guesses without earlier tags are nearly always right: good enough to know what to
            // fetch.
            let mut still = [0; STRETCH];
            let mut left = 0;
            for (number, open) in opens[..count].iter().enumerate() {
                let scores = &mut self.scores[open.at];
                table.add(open.pairs.as_slice(), scores);
                let (main, sure) = scores.lead(SURE);
                self.tags[open.at].xpos = main.into();
                still[left] = number;
                left += usize::from(!sure);
            }
            for number in &still[..left] {
                let open = &mut opens[*number];
                self.history(model, open, &edge);
                table.prefetch(open.history.as_slice());
            }
            for number in &still[..left] {
                let open = &mut opens[*number];
                if self.before(open.at) != open.tags {
                    self.history(model, open, &edge);
                }
                let scores = &mut self.scores[open.at];
                table.add(open.history.as_slice(), scores);
                self.tags[open.at].xpos = scores.best().into();
            }
        }
    }

    /// The two tags before a word, the nearer first.
    #[inline(always)]
    fn before(&self, at: usize) -> (u64, u64) {
        let tag = |back: usize| {
            at.checked_sub(back)
                .map_or(NO_HISTORY, |index| u64::from(self.tags[index].xpos))
        };
        (tag(1), tag(2))
    }

    /// Looks up the features with the tags before.
    #[inline(always)]
    fn history(&self, model: &Model, open: &mut Open, edge: &Parts) {
        open.tags = self.before(open.at);
        open.history.clear();
        let words = window(&self.parts, open.at, edge);
        for key in templates::history(open.tags.0, open.tags.1, words[2], words[3]) {
            model.main_table.seek(row_key(key), &mut open.history);
        }
    }
}
