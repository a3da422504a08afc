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

/// The tag, numbered from 1, of the first word after `at` that is not looked through; 0 for none within four.
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

impl Block {
    /// Finds the universal tags of the words whose Penn tags are in place.
    #[inline(always)]
    pub(crate) fn decode_universal(&mut self, model: &Model, skip: u64) {
        let table = &model.upos_table;
        let edge = Parts::edge();
        let len = self.tags.len();
        let mut open = [(0, Places::<UNIVERSAL>::NONE); STRETCH];
        let mut at = 0;
        while at < len {
            let mut waiting = 0;
            while at < len && waiting < STRETCH {
                let allowed = model.allowed.get(usize::from(self.tags[at].xpos));
                let allowed = allowed.copied().unwrap_or(0);
                if allowed.count_ones() <= 1 {
                    let last = model.upos.len() as u32 - 1;
                    self.tags[at].upos = allowed.trailing_zeros().min(last) as u8;
                } else {
                    let tag = |index: usize| self.tags[index].xpos;
                    let next = ahead(at, len, skip, tag);
                    let words = window(&self.parts, at, &edge);
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
                self.tags[*word].upos = scores.best();
            }
        }
    }
}
