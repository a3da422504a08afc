//! Finds universal tags once the Penn tags of the sentence are known. Must not know of text.

use crate::decode::{Block, window};
use crate::model::Model;
use crate::model::sparse::SparseTable;
use crate::model::table::{Places, Scores, row_key};
use crate::simd;
use crate::templates::{self, Parts, UNIVERSAL, UNIVERSAL_ALONE};

/// Words whose rows are asked for together.
const STRETCH: usize = 8;

/// Bit per tag: those looked through when searching for the verb that an auxiliary belongs to.
pub(crate) fn looked_through(tags: &[String]) -> u64 {
    let skip = |tag: &String| matches!(tag.as_str(), "RB" | "PRP" | "NNP" | "RBR" | "RBS");
    tags.iter()
        .enumerate()
        .filter(|(_, tag)| skip(tag))
        .fold(0, |bits, (at, _)| bits | 1 << at.min(63))
}

/// The tag, numbered from 1, of the first word after `at` that is not looked through; 0 for none
/// within four.
#[inline(always)]
pub(crate) fn ahead(at: usize, len: usize, skip: u64, tag: impl Fn(usize) -> u8) -> u64 {
    (at + 1..len.min(at + 5))
        .map(&tag)
        .find(|t| skip >> (t & 63) & 1 == 0)
        .map_or(0, |t| u64::from(t) + 1)
}

/// Penn tags around `at`, numbered from 1, 0 outside.
#[inline(always)]
pub(crate) fn tags_around(at: usize, len: usize, tag: impl Fn(usize) -> u8) -> [u64; 6] {
    std::array::from_fn(|distance| match (at + distance).checked_sub(2) {
        Some(index) if index < len => u64::from(tag(index)) + 1,
        _ => 0,
    })
}

/// A tag this far ahead of the word's other tags, by the features of the word and its Penn tag
/// alone, stands, in the units of the stored weights.
const SURE: i16 = 70;
/// Words remembered.
const MEMORY: usize = 1 << 16;

/// What a word and its Penn tag say of the universal tag without their neighbours. Whether two are
/// the same is decided by comparing all that goes into it, so nothing depends on what was tagged
/// before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Alone {
    lower: u64,
    suffix3: u64,
    shape: u64,
    /// Numbered from 1; 0 where nothing is remembered.
    xpos: u8,
}

impl Alone {
    fn new(parts: &Parts, xpos: u8) -> Self {
        Self {
            lower: parts.lower,
            suffix3: parts.suffix3,
            shape: parts.shape,
            xpos: xpos + 1,
        }
    }

    /// Where it is remembered.
    #[inline(always)]
    fn slot(&self) -> usize {
        (self.lower ^ self.shape.rotate_left(17) ^ u64::from(self.xpos)) as usize % MEMORY
    }
}

/// What was asked, the tag, and whether it is sure.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(32))]
struct Known {
    alone: Alone,
    tag: u8,
    sure: bool,
}

/// Words of a stretch, with the rows that `N` features of each are expected in. Index, rows and
/// sums come one after the other for all words, so that memory answers for many at a time.
struct Waiting<const N: usize> {
    words: [(usize, Places<N>); STRETCH],
    count: usize,
}

impl<const N: usize> Waiting<N> {
    const NONE: Self = Self {
        words: [(0, Places::NONE); STRETCH],
        count: 0,
    };

    /// Adds a word and asks for the lines of the index that its features are in.
    #[inline(always)]
    fn push(&mut self, table: &SparseTable, at: usize, keys: [u64; N]) {
        if let Some((word, places)) = self.words.get_mut(self.count) {
            *word = at;
            places.clear();
            for key in keys {
                table.expect(row_key(key), places);
            }
            self.count += 1;
        }
    }

    /// Looks the rows up and asks for them.
    #[inline(always)]
    fn seek(&mut self, table: &SparseTable) {
        for (_, places) in self.words.iter_mut().take(self.count) {
            table.seek_expected(places);
            table.prefetch(places.as_slice());
        }
    }

    /// A word and the sum of its rows.
    #[inline(always)]
    fn sum(&self, model: &Model, number: usize) -> (usize, Scores) {
        let (word, places) = &self.words[number];
        let mut scores = model.upos_blank;
        for place in places.as_slice() {
            model.upos_table.add(*place, &mut scores);
        }
        (*word, scores)
    }
}

/// The universal tagger of one thread.
#[derive(Debug)]
pub(crate) struct Universal {
    skip: u64,
    memory: Vec<Known>,
}

impl Universal {
    pub(crate) fn new(model: &Model) -> Self {
        Self {
            skip: looked_through(model.xpos_tags()),
            memory: Vec::new(),
        }
    }

    /// Finds the universal tags of the words whose Penn tags are in place.
    #[inline(always)]
    pub(crate) fn decode(&mut self, model: &Model, block: &mut Block) {
        if self.memory.is_empty() {
            self.memory = vec![Known::default(); MEMORY];
        }
        let len = block.tags.len();
        let mut several = [(0, Alone::default()); STRETCH];
        for first in (0..len).step_by(STRETCH) {
            let mut count = 0;
            for at in first..(first + STRETCH).min(len) {
                let xpos = block.tags[at].xpos as u8;
                let allowed = model.allowed.get(usize::from(xpos)).copied().unwrap_or(0);
                if allowed.count_ones() <= 1 {
                    let last = model.upos.len() as u32 - 1;
                    block.tags[at].upos = allowed.trailing_zeros().min(last) as u8;
                    continue;
                }
                let alone = Alone::new(&block.parts[at], xpos);
                simd::prefetch(&self.memory[alone.slot()]);
                several[count] = (at, alone);
                count += 1;
            }
            self.stretch(model, block, &several[..count]);
        }
    }

    /// Finds the universal tags of words that may have several.
    #[inline(always)]
    fn stretch(&mut self, model: &Model, block: &mut Block, several: &[(usize, Alone)]) {
        let table = &model.upos_table;
        let mut new = Waiting::<UNIVERSAL_ALONE>::NONE;
        let mut open = [0; STRETCH];
        let mut left = 0;
        for (at, alone) in several {
            let known = &self.memory[alone.slot()];
            if known.alone != *alone {
                let xpos = u64::from(alone.xpos);
                new.push(
                    table,
                    *at,
                    templates::universal_alone(&block.parts[*at], xpos),
                );
            } else if known.sure {
                block.tags[*at].upos = known.tag;
            } else {
                open[left] = *at;
                left += 1;
            }
        }
        new.seek(table);
        for number in 0..new.count {
            let (at, scores) = new.sum(model, number);
            let (tag, sure) = scores.lead(SURE);
            let alone = Alone::new(&block.parts[at], block.tags[at].xpos as u8);
            self.memory[alone.slot()] = Known { alone, tag, sure };
            if sure {
                block.tags[at].upos = tag;
            } else {
                open[left] = at;
                left += 1;
            }
        }
        let edge = Parts::edge();
        let len = block.tags.len();
        let tag = |index: usize| block.tags[index].xpos as u8;
        let mut waiting = Waiting::<UNIVERSAL>::NONE;
        for at in &open[..left] {
            let next = ahead(*at, len, self.skip, tag);
            let words = window(&block.parts, *at, &edge);
            let keys = templates::universal(&words, &tags_around(*at, len, tag), next);
            waiting.push(table, *at, keys);
        }
        waiting.seek(table);
        for number in 0..waiting.count {
            let (at, scores) = waiting.sum(model, number);
            block.tags[at].upos = scores.best();
        }
    }
}
