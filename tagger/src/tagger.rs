//! Tags sentences of tokens: greedy, left to right, each tag the sum of its features' rows (the softmax of
//! training needs no exponent to find its maximum). Must not know of text, files or training.

use std::sync::Arc;

use crate::cache::WordCache;
use crate::model::Model;
use crate::model::table::{Scores, row_key};
use crate::simd;
use crate::templates::{self, NO_HISTORY, PAIRS, POSITIONS, Parts, REACH};

/// The two tags of one token, as positions in the model's lists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Tag {
    /// Position in [`Model::xpos_tags`].
    pub xpos: u8,
    /// Position in [`Model::upos_tags`]; 0 from a tagger made by [`Tagger::penn_only`].
    pub upos: u8,
}

/// Longest stretch tagged in one piece, in tokens: a longer sentence is cut, which bounds the scratch memory.
pub const MOST_TOKENS: usize = 512;

/// Words whose rows are asked for together.
const STRETCH: usize = 8;

/// A model with one thread's scratch memory (about 16 MiB): make one per thread and keep it.
#[derive(Debug)]
pub struct Tagger {
    model: Arc<Model>,
    cache: WordCache,
    block: Block,
    universal: bool,
    skip: u64,
}

/// What decoding reads.
pub(crate) struct Shared<'a> {
    model: &'a Model,
    edge: Parts,
    universal: bool,
    skip: u64,
}

/// Scores and parts of the words in hand, and the tags found.
#[derive(Debug, Default)]
pub(crate) struct Block {
    scores: Vec<Scores>,
    parts: Vec<Parts>,
    tags: Vec<Tag>,
}

impl Tagger {
    /// A tagger that gives Penn and universal tags.
    pub fn new(model: Arc<Model>) -> Self {
        let skip = skipped(model.xpos_tags());
        Self {
            model,
            cache: WordCache::new(),
            block: Block::default(),
            universal: true,
            skip,
        }
    }

    /// A tagger that leaves the universal tags out, which is faster.
    pub fn penn_only(model: Arc<Model>) -> Self {
        Self {
            universal: false,
            ..Self::new(model)
        }
    }

    /// The model in use.
    pub fn model(&self) -> &Arc<Model> {
        &self.model
    }

    /// Tags one sentence: `out` is cleared and gets one tag per token. Time is linear in the text's length.
    pub fn tag<S: AsRef<str>>(&mut self, tokens: &[S], out: &mut Vec<Tag>) {
        out.clear();
        let shared = Shared {
            model: &self.model,
            edge: Parts::edge(),
            universal: self.universal,
            skip: self.skip,
        };
        for piece in tokens.chunks(MOST_TOKENS) {
            let block = &mut self.block;
            let len = piece.len();
            block.start(len, &self.model);
            for (at, token) in piece.iter().enumerate() {
                let word = self.cache.get(&self.model, token.as_ref());
                block.parts.push(word.parts);
                for (position, sum) in word.sums.iter().enumerate() {
                    // Seen from the word `target`, this one stands at `position`.
                    if let Some(target) = (at + REACH).checked_sub(position)
                        && let Some(scores) = block.scores.get_mut(target)
                    {
                        scores.add(sum);
                    }
                }
            }
            simd::run(block, &shared);
            out.extend_from_slice(&block.tags);
        }
    }
}

/// Bit per tag: those looked through when searching for the verb that an auxiliary belongs to.
pub(crate) fn skipped(tags: &[String]) -> u64 {
    let skip = |tag: &String| matches!(tag.as_str(), "RB" | "PRP" | "NNP" | "RBR" | "RBS");
    tags.iter()
        .enumerate()
        .filter(|(_, tag)| skip(tag))
        .fold(0, |bits, (at, _)| bits | 1 << at.min(63))
}

/// The tag, numbered from 1, of the first word after `at` that is not looked through; 0 for none within four.
pub(crate) fn ahead(at: usize, len: usize, skip: u64, tag: impl Fn(usize) -> u8) -> u64 {
    (at + 1..len.min(at + 5))
        .map(&tag)
        .find(|t| skip >> (t & 63) & 1 == 0)
        .map_or(0, |t| u64::from(t) + 1)
}

/// Calls `make` with the five parts around `at`.
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

/// Penn tags around `at`, numbered from 1, 0 outside.
#[inline(always)]
pub(crate) fn tags_around(at: usize, len: usize, tag: impl Fn(usize) -> u8) -> [u64; 6] {
    std::array::from_fn(|distance| match (at + distance).checked_sub(2) {
        Some(index) if index < len => u64::from(tag(index)) + 1,
        _ => 0,
    })
}

impl Block {
    fn start(&mut self, len: usize, model: &Model) {
        self.parts.clear();
        self.tags.clear();
        self.scores.clear();
        self.scores.resize(len, Scores::ZERO);
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

    /// Finds the tags of the words whose parts and single-word scores are in place.
    #[inline(always)]
    pub(crate) fn decode(&mut self, shared: &Shared<'_>) {
        let model = shared.model;
        let table = &model.xpos_table;
        let (mut tag1, mut tag2) = (NO_HISTORY, NO_HISTORY);
        let style = templates::style(&self.parts);
        let mut hits = [[0_u32; PAIRS]; STRETCH];
        let mut counts = [0_usize; STRETCH];
        for first in (0..self.parts.len()).step_by(STRETCH) {
            let stretch = first..(first + STRETCH).min(self.parts.len());
            // Combinations need no earlier tag: find out which rows are wanted and let memory fetch them.
            for (at, (hits, count)) in stretch.clone().zip(hits.iter_mut().zip(&mut counts)) {
                *count = 0;
                for key in
                    templates::pairs(&window(&self.parts, at, &shared.edge), style).map(row_key)
                {
                    hits[*count] = key;
                    if table.may_have(key) {
                        table.prefetch(key);
                        *count += 1;
                    }
                }
            }
            for (at, (hits, count)) in stretch.zip(hits.iter().zip(&counts)) {
                let words = window(&self.parts, at, &shared.edge);
                let mut scores = self.scores[at];
                let history = templates::history(tag1, tag2, words[2], words[3]).map(row_key);
                for key in history {
                    table.prefetch(key);
                }
                for key in &hits[..*count] {
                    table.add_filtered(*key, &mut scores);
                }
                for key in history {
                    table.add_to(key, &mut scores);
                }
                let xpos = scores.best(model.xpos.len());
                tag2 = tag1;
                tag1 = u64::from(xpos);
                self.tags.push(Tag { xpos, upos: 0 });
            }
        }
        if shared.universal {
            self.decode_universal(shared);
        }
    }

    #[inline(always)]
    fn decode_universal(&mut self, shared: &Shared<'_>) {
        let model = shared.model;
        let len = self.tags.len();
        for at in 0..len {
            let allowed = model
                .allowed
                .get(usize::from(self.tags[at].xpos))
                .copied()
                .unwrap_or(0);
            self.tags[at].upos = if allowed.count_ones() <= 1 {
                allowed.trailing_zeros().min(model.upos.len() as u32 - 1) as u8
            } else {
                let tag = |index: usize| self.tags[index].xpos;
                let ahead = ahead(at, len, shared.skip, tag);
                let words = window(&self.parts, at, &shared.edge);
                let mut scores = Scores::ZERO;
                for key in templates::universal(&words, &tags_around(at, len, tag), ahead) {
                    model.upos_table.add_to(row_key(key), &mut scores);
                }
                scores.best(model.upos.len())
            };
        }
    }
}
