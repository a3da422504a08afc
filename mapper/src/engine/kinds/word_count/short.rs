//! Counts of short words: a word of up to sixteen bytes is a number, and is compared as one.
//!
//! It must not know what a word is, but for this: none has a zero byte.

use std::hash::{BuildHasher, RandomState};

/// The longest word, in bytes.
pub(super) const LONGEST: usize = 16;

/// Words and how often they came, in the order in which they came first.
#[derive(Debug)]
pub(super) struct ShortWords {
    /// Number of an entry plus one, or 0; open addressing with linear probing, never over half
    /// full.
    slots: Vec<u32>,
    entries: Vec<Counted>,
    seeds: [u64; 2],
}

/// A word's two halves and its count: 24 bytes, where a 128-bit number would make it 32.
#[derive(Clone, Copy, Debug)]
struct Counted {
    word: [u64; 2],
    count: u64,
}

/// Slots to begin with; a power of two.
const SLOTS: usize = 1 << 12;

/// Past so many slots a table is not kept: other chunks have no use for so much room.
const KEEP: usize = 1 << 18;

impl Default for ShortWords {
    fn default() -> Self {
        // Seeded anew in each process, so that no text can be made to collide. The order of the
        // entries does not depend on it.
        let state = RandomState::new();
        Self {
            slots: vec![0; SLOTS],
            entries: Vec::new(),
            seeds: [state.hash_one(1), state.hash_one(2)],
        }
    }
}

impl ShortWords {
    /// Counts the word whose bytes, padded with zeros, are `word` in little-endian order.
    #[inline]
    pub(super) fn add(&mut self, word: u128) {
        let word = [word as u64, (word >> 64) as u64];
        let mask = self.slots.len() - 1;
        let mut at = self.hash(word) & mask;
        loop {
            match self.slots[at] {
                0 => break,
                entry => {
                    let entry = &mut self.entries[entry as usize - 1];
                    if entry.word == word {
                        entry.count += 1;
                        return;
                    }
                }
            }
            at = (at + 1) & mask;
        }
        self.entries.push(Counted { word, count: 1 });
        self.slots[at] = self.entries.len() as u32;
        if self.entries.len() * 2 > self.slots.len() {
            self.grow();
        }
    }

    /// Takes out all words and their counts.
    pub(super) fn drain(&mut self, mut each: impl FnMut(&[u8], u64)) {
        for Counted { word, count } in self.entries.drain(..) {
            let word = u128::from(word[0]) | u128::from(word[1]) << 64;
            let bytes = word.to_le_bytes();
            let len = LONGEST - word.leading_zeros() as usize / 8;
            each(&bytes[..len], count);
        }
        if self.slots.len() > KEEP {
            self.slots = vec![0; SLOTS];
            self.entries = Vec::new();
        } else {
            self.slots.fill(0);
        }
    }

    #[inline]
    fn hash(&self, word: [u64; 2]) -> usize {
        let low = u128::from(word[0] ^ self.seeds[0]);
        let product = low * u128::from(word[1] ^ self.seeds[1]);
        (product as u64 ^ (product >> 64) as u64) as usize
    }

    #[cold]
    fn grow(&mut self) {
        let mask = self.slots.len() * 4 - 1;
        self.slots = vec![0; mask + 1];
        for (number, entry) in (1..).zip(&self.entries) {
            let mut at = self.hash(entry.word) & mask;
            while self.slots[at] != 0 {
                at = (at + 1) & mask;
            }
            self.slots[at] = number;
        }
    }
}

/// A word of at most [`LONGEST`] bytes as a number.
pub(super) fn number_of(word: &[u8]) -> u128 {
    let mut bytes = [0; LONGEST];
    bytes[..word.len()].copy_from_slice(word);
    u128::from_le_bytes(bytes)
}

/// Lower-cases the ASCII letters of a number whose bytes are all ASCII.
#[inline]
pub(super) fn lower_case(word: u128) -> u128 {
    const ONES: u128 = u128::MAX / 0xFF;
    // The top bit of each byte says: at least `A`; above `Z`.
    let from_a = word + ONES * (0x80 - b'A' as u128);
    let past_z = word + ONES * (0x7F - b'Z' as u128);
    let upper = from_a & !past_z & (ONES * 0x80);
    word | upper >> 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lower_case_changes_letters_only() {
        for start in (0..=112u8).step_by(16) {
            let bytes: [u8; 16] = std::array::from_fn(|at| start + at as u8);
            let lower = lower_case(u128::from_le_bytes(bytes)).to_le_bytes();
            assert_eq!(lower, bytes.map(|byte| byte.to_ascii_lowercase()));
        }
    }

    #[test]
    fn words_come_back_in_order_with_their_counts() {
        let mut words = ShortWords::default();
        for round in 0..2 {
            for number in (0..200_000).chain(0..10_000) {
                words.add(number_of(format!("word{number}").as_bytes()));
            }
            let mut number = 0;
            words.drain(|word, count| {
                assert_eq!(word, format!("word{number}").as_bytes());
                assert_eq!(count, if number < 10_000 { 2 } else { 1 });
                number += 1;
            });
            assert_eq!(number, 200_000, "round {round}");
        }
        words.add(number_of(b"sixteen bytes ok"));
        words.drain(|word, count| assert_eq!((word, count), (&b"sixteen bytes ok"[..], 1)));
    }
}
