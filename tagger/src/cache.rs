//! Remembers, per thread, what single words contribute: words repeat, so most tokens cost one
//! look-up here. A hit is certain (the bytes are compared), so nothing ever depends on what was
//! tagged before.

use crate::model::Model;
use crate::model::table::{Places, Scores, row_key};
use crate::simd;
use crate::templates::{self, MOST_SINGLE, POSITIONS, Parts};
use crate::word;

/// Longest word kept, in bytes; longer ones are worked out each time.
const INLINE: usize = 31;
const WAYS: usize = 4;
const SETS: usize = 8192;

/// What one word contributes to itself and its neighbours.
#[derive(Clone, Debug)]
#[repr(align(64))]
pub(crate) struct Word {
    /// Sum of the word's single-word features for each position it can be seen from.
    pub(crate) sums: [Scores; POSITIONS],
    pub(crate) parts: Parts,
    text: [u8; INLINE],
    len: u8,
}

impl Word {
    fn empty() -> Self {
        Self {
            sums: [Scores::ZERO; POSITIONS],
            parts: Parts::default(),
            text: [0; INLINE],
            len: 0,
        }
    }
}

/// Bounded, set-associative store of words: at most 32,768 of about 900 bytes.
#[derive(Debug)]
pub(crate) struct WordCache {
    words: Vec<Word>,
    sets: Vec<Set>,
    long: Box<Word>,
    scratch: String,
}

/// Which words a set holds: the upper halves of their hashes, never 0; and which way is filled
/// next.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(32))]
struct Set {
    marks: [u32; WAYS],
    next: u32,
}

impl Set {
    #[inline(always)]
    fn way(&self, mark: u32) -> Option<usize> {
        self.marks.iter().position(|&found| found == mark)
    }
}

#[inline(always)]
fn mark(hash: u64) -> u32 {
    (hash >> 32) as u32 | 1
}

impl WordCache {
    pub(crate) fn new() -> Self {
        Self {
            words: Vec::new(),
            sets: vec![Set::default(); SETS],
            long: Box::new(Word::empty()),
            scratch: String::new(),
        }
    }

    /// Asks for the memory of the word with this hash, if it is here.
    #[inline(always)]
    pub(crate) fn prefetch(&self, hash: u64) {
        let set = hash as usize % SETS;
        if let Some(way) = self.sets[set].way(mark(hash))
            && let Some(word) = self.words.get(set * WAYS + way)
        {
            simd::prefetch_all(word);
        }
    }

    /// The contributions under `model` of the word `text`, whose hash is `hash`; the same model
    /// must be passed each time.
    #[inline(always)]
    pub(crate) fn get(&mut self, model: &Model, text: &str, hash: u64) -> &Word {
        let bytes = text.as_bytes();
        if bytes.len() > INLINE {
            fill(model, text, &mut self.long, &mut self.scratch);
            return &self.long;
        }
        if self.words.is_empty() {
            self.words = vec![Word::empty(); SETS * WAYS];
        }
        let number = hash as usize % SETS;
        let set = &mut self.sets[number];
        let first = number * WAYS;
        if let Some(way) = set.way(mark(hash)) {
            let word = &self.words[first + way];
            if usize::from(word.len) == bytes.len() && word.text[..bytes.len()] == *bytes {
                return &self.words[first + way];
            }
        }
        let way = set.next as usize % WAYS;
        set.next = set.next.wrapping_add(1);
        set.marks[way] = mark(hash);
        let word = &mut self.words[first + way];
        fill(model, text, word, &mut self.scratch);
        word.text[..bytes.len()].copy_from_slice(bytes);
        word.len = bytes.len() as u8;
        word
    }
}

/// Works a word out. All rows are asked for before the first is read.
#[inline(always)]
fn fill(model: &Model, text: &str, word: &mut Word, scratch: &mut String) {
    let view = word::view(text, scratch);
    let known = model.known(&view);
    word.parts = Parts::new(&view, &known);
    let table = &model.main_table;
    let mut places = Places::<{ POSITIONS * MOST_SINGLE }>::NONE;
    let mut ends = [0; POSITIONS];
    for (position, end) in ends.iter_mut().enumerate() {
        let from = places.count();
        templates::single(position, &view, &known, |key| {
            table.seek(row_key(key), &mut places);
        });
        *end = places.count();
        table.prefetch(&places.as_slice()[from..]);
    }
    let mut from = 0;
    for (sum, end) in word.sums.iter_mut().zip(ends) {
        *sum = Scores::ZERO;
        table.add(&places.as_slice()[from..end], sum);
        from = end;
    }
}
