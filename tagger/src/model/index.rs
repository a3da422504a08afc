//! Where a key's row is, for rows sorted by key: a bit per range of keys says whether one may
//! exist, and counting bits says where. Must not know what a row holds.

use crate::simd;

/// Bits per row: fewer would send more look-ups to rows that are not there, more would fit the
/// caches less.
const SPARE: usize = 10;
/// Words of bits in a line.
const WORDS: usize = 6;
/// Bits in a line.
const BITS: u64 = 64 * WORDS as u64;

/// One cache line of the index: everything that a look-up reads.
#[derive(Clone, Debug, Default)]
#[repr(align(64))]
struct Line {
    /// A bit per range of keys.
    bits: [u64; WORDS],
    /// Number of the first row that belongs here.
    first: u32,
    /// Rows that belong to the words before each word, at most 255.
    before: [u8; WORDS],
}

/// Rank index (Jacobson 1989) over the keys.
#[derive(Debug, Default)]
pub(crate) struct Index {
    lines: Vec<Line>,
}

impl Index {
    /// An index for `count` rows.
    pub(crate) fn with_room(count: usize) -> Self {
        Self {
            lines: vec![Line::default(); (count * SPARE).div_ceil(BITS as usize).max(1)],
        }
    }

    /// The line of a key and its bit there; larger keys are never before smaller ones.
    #[inline(always)]
    fn place(&self, key: u32) -> (usize, u64) {
        let scaled = u64::from(key) * self.lines.len() as u64;
        (
            (scaled >> 32) as usize,
            ((scaled & 0xffff_ffff) * BITS) >> 32,
        )
    }

    /// Notes that `row` holds `key`; called once per row, in the order of the rows and keys.
    pub(crate) fn note(&mut self, key: u32, row: u32) {
        let (line, bit) = self.place(key);
        let line = &mut self.lines[line];
        if line.bits == [0; WORDS] {
            line.first = row;
        }
        let word = (bit >> 6) as usize;
        if line.bits[word] == 0 {
            line.before[word] = (row - line.first).min(255) as u8;
        }
        line.bits[word] |= 1 << (bit & 63);
    }

    /// Asks for the line of a key.
    #[inline(always)]
    pub(crate) fn prefetch(&self, key: u32) {
        if let Some(line) = self.lines.get(self.place(key).0) {
            simd::prefetch(line);
        }
    }

    /// The first row that may hold `key`, and whether any row may; without a branch, for either is
    /// common.
    #[inline(always)]
    pub(crate) fn find(&self, key: u32) -> (u32, bool) {
        let (line, bit) = self.place(key);
        let Some(line) = self.lines.get(line) else {
            return (0, false);
        };
        let word = (bit >> 6) as usize;
        let bits = line.bits[word];
        // Two rows of one range count as one bit: the row may be a little further on, never before.
        let here = (bits & ((1 << (bit & 63)) - 1)).count_ones();
        let row = line.first + u32::from(line.before[word]) + here;
        (row, bits >> (bit & 63) & 1 == 1)
    }
}
