//! Remembers, per thread, what single words contribute: words repeat, so most tokens cost one look-up here.
//! A hit is certain (the bytes are compared), so nothing ever depends on what was tagged before.

use crate::hash;
use crate::model::Model;
use crate::model::table::{Scores, row_key};
use crate::templates::{self, POSITIONS, Parts};
use crate::word;

/// Longest word kept, in bytes; longer ones are worked out each time.
const INLINE: usize = 23;
const WAYS: usize = 4;
const SETS: usize = 4096;

/// What one word contributes to itself and its neighbours.
#[derive(Clone, Debug)]
pub(crate) struct Word {
    text: [u8; INLINE],
    len: u8,
    pub(crate) parts: Parts,
    /// Sum of the word's single-word features for each position it can be seen from.
    pub(crate) sums: [Scores; POSITIONS],
}

impl Word {
    fn empty() -> Self {
        Self {
            text: [0; INLINE],
            len: u8::MAX,
            parts: Parts::default(),
            sums: [Scores::ZERO; POSITIONS],
        }
    }
}

/// Bounded, set-associative store of words: at most 16,384 of about 1 KiB.
#[derive(Debug)]
pub(crate) struct WordCache {
    words: Vec<Word>,
    next: Vec<u8>,
    long: Box<Word>,
    scratch: String,
}

impl WordCache {
    pub(crate) fn new() -> Self {
        Self {
            words: vec![Word::empty(); SETS * WAYS],
            next: vec![0; SETS],
            long: Box::new(Word::empty()),
            scratch: String::new(),
        }
    }

    /// The word's contributions under `model`; the same model must be passed each time.
    #[inline(always)]
    pub(crate) fn get(&mut self, model: &Model, text: &str) -> &Word {
        let bytes = text.as_bytes();
        if bytes.len() > INLINE {
            fill(model, text, &mut self.long, &mut self.scratch);
            return &self.long;
        }
        let set = hash::bytes(bytes) as usize % SETS;
        let ways = set * WAYS..(set + 1) * WAYS;
        let hit = self.words[ways.clone()].iter().position(|word| {
            usize::from(word.len) == bytes.len() && word.text[..bytes.len()] == *bytes
        });
        if let Some(way) = hit {
            return &self.words[ways.start + way];
        }
        let way = usize::from(self.next[set]) % WAYS;
        self.next[set] = self.next[set].wrapping_add(1);
        let word = &mut self.words[ways.start + way];
        fill(model, text, word, &mut self.scratch);
        word.text[..bytes.len()].copy_from_slice(bytes);
        word.len = bytes.len() as u8;
        word
    }
}

#[inline(never)]
fn fill(model: &Model, text: &str, word: &mut Word, scratch: &mut String) {
    let view = word::view(text, scratch);
    let known = model.known(&view);
    word.parts = Parts::new(&view, &known);
    for (position, sum) in word.sums.iter_mut().enumerate() {
        *sum = Scores::ZERO;
        templates::single(position, &view, &known, |key| {
            model.xpos_table.add_to(row_key(key), sum)
        });
    }
}
