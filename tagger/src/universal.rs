//! Finds universal tags once the Penn tags of the sentence are known. Must not know of text.

use crate::decode::{Block, window};
use crate::model::Model;
use crate::model::table::{Places, row_key};
use crate::templates::{self, Parts, UNIVERSAL};

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
const MEMORY: usize = 1 << 13;

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

/// The universal tagger of one thread.
#[derive(Debug)]
pub(crate) struct Universal {
    skip: u64,
    /// What was asked, the tag, and whether it is sure.
    memory: Vec<(Alone, u8, bool)>,
}

impl Universal {
    pub(crate) fn new(model: &Model) -> Self {
        Self {
            skip: looked_through(model.xpos_tags()),
            memory: Vec::new(),
        }
    }

    /// The universal tag of a word if its neighbours can hardly change it.
    #[inline(always)]
    fn sure(&mut self, model: &Model, parts: &Parts, xpos: u8) -> Option<u8> {
        if self.memory.is_empty() {
            self.memory = vec![(Alone::default(), 0, false); MEMORY];
        }
        let alone = Alone {
            lower: parts.lower,
            suffix3: parts.suffix3,
            shape: parts.shape,
            xpos: xpos + 1,
        };
        let place = (parts.lower ^ parts.shape.rotate_left(17) ^ u64::from(xpos)) as usize % MEMORY;
        let slot = &mut self.memory[place];
        if slot.0 != alone {
            let mut scores = model.upos_blank;
            for key in templates::universal_alone(parts, u64::from(xpos) + 1) {
                model.upos_table.add_to(row_key(key), &mut scores);
            }
            let (tag, sure) = scores.lead(SURE);
            *slot = (alone, tag, sure);
        }
        slot.2.then_some(slot.1)
    }

    /// Finds the universal tags of the words whose Penn tags are in place.
    #[inline(always)]
    pub(crate) fn decode(&mut self, model: &Model, block: &mut Block) {
        let table = &model.upos_table;
        let edge = Parts::edge();
        let len = block.tags.len();
        let mut open = [(0, Places::<UNIVERSAL>::NONE); STRETCH];
        let mut at = 0;
        while at < len {
            let mut waiting = 0;
            while at < len && waiting < STRETCH {
                let xpos = block.tags[at].xpos as u8;
                let allowed = model.allowed.get(usize::from(xpos)).copied().unwrap_or(0);
                if allowed.count_ones() <= 1 {
                    let last = model.upos.len() as u32 - 1;
                    block.tags[at].upos = allowed.trailing_zeros().min(last) as u8;
                } else if let Some(upos) = self.sure(model, &block.parts[at], xpos) {
                    block.tags[at].upos = upos;
                } else {
                    let tag = |index: usize| block.tags[index].xpos as u8;
                    let next = ahead(at, len, self.skip, tag);
                    let words = window(&block.parts, at, &edge);
                    let (word, places) = &mut open[waiting];
                    *word = at;
                    places.clear();
                    for key in templates::universal(&words, &tags_around(at, len, tag), next) {
                        table.seek(row_key(key), places);
                    }
                    table.prefetch(places.as_slice());
                    waiting += 1;
                }
                at += 1;
            }
            for (word, places) in &open[..waiting] {
                let mut scores = model.upos_blank;
                for place in places.as_slice() {
                    table.add(*place, &mut scores);
                }
                block.tags[*word].upos = scores.best();
            }
        }
    }
}
