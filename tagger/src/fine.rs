//! Finds the treebank's own tags (XPOS) once the universal tags of the sentence are known: greedy,
//! left to right, among the tags that were seen with the word's universal tag. For tag sets too
//! large for rows of one cache line. Must not know of text.

use crate::decode::Block;
use crate::model::Model;
use crate::model::fine::FineTable;
use crate::model::table::row_key;
use crate::templates::{self, FineWord};
use crate::word;

/// One thread's memory.
#[derive(Debug, Default)]
pub(crate) struct Fine {
    words: Vec<FineWord>,
    scores: Vec<i32>,
    scratch: String,
}

impl Fine {
    /// Turns the main tags of `block`, which are universal, into pairs of tags.
    pub(crate) fn decode(&mut self, model: &Model, block: &mut Block, tokens: &[&str]) {
        let Some(table) = &model.fine else {
            for tag in &mut block.tags {
                tag.upos = tag.xpos as u8;
                tag.xpos = 0;
            }
            return;
        };
        self.words.clear();
        for (token, tag) in tokens.iter().zip(&block.tags) {
            let view = word::view(token, &mut self.scratch);
            self.words.push(FineWord::new(&view, tag.xpos));
        }
        let mut before = [templates::NO_FINE; 2];
        for (at, tag) in block.tags.iter_mut().enumerate() {
            let upos = tag.xpos as u8;
            let xpos = self.best(table, upos, at, before);
            tag.upos = upos;
            tag.xpos = xpos;
            before = [u64::from(xpos), before[0]];
        }
    }

    fn best(&mut self, table: &FineTable, upos: u8, at: usize, before: [u64; 2]) -> u16 {
        let candidates = table.candidates(upos);
        let &[first, _, ..] = candidates else {
            return candidates.first().copied().unwrap_or_default();
        };
        self.scores.clear();
        self.scores.resize(table.tags(), 0);
        templates::fine(&self.words, at, before, |key| {
            table.add_to(row_key(key), &mut self.scores);
        });
        let mut best = first;
        for &candidate in candidates {
            if self.scores[usize::from(candidate)] > self.scores[usize::from(best)] {
                best = candidate;
            }
        }
        best
    }
}
