//! Feature rows at run time: one 64-byte cache line a row, found by open addressing, a bit filter in front.
//! Must not know what a feature means or where rows come from.

/// Tag lanes of a row.
pub(crate) const LANES: usize = 64;
/// The first lane that holds a tag; the lanes before it hold the row's key.
pub(crate) const FIRST: usize = 4;
/// Most tags a row has room for.
pub(crate) const MOST_TAGS: usize = LANES - FIRST;

/// Scores of one word, one lane a tag (see [`FIRST`]); sums wrap, which no sane model reaches.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub(crate) struct Scores(pub(crate) [i16; LANES]);

impl Scores {
    pub(crate) const ZERO: Self = Self([0; LANES]);

    #[inline(always)]
    pub(crate) fn add(&mut self, other: &Self) {
        for (lane, value) in self.0.iter_mut().zip(&other.0) {
            *lane = lane.wrapping_add(*value);
        }
    }

    /// The lane with the highest score among `tags` tags, the first of equals, as a tag number.
    #[inline(always)]
    pub(crate) fn best(&self, tags: usize) -> u8 {
        let lanes = &self.0[FIRST..FIRST + tags.clamp(1, MOST_TAGS)];
        let top = lanes.iter().copied().fold(i16::MIN, i16::max);
        lanes.iter().position(|&lane| lane == top).unwrap_or(0) as u8
    }
}

#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
struct Row([i8; LANES]);

impl Row {
    #[inline(always)]
    fn key(&self) -> u32 {
        u32::from_le_bytes([
            self.0[0] as u8,
            self.0[1] as u8,
            self.0[2] as u8,
            self.0[3] as u8,
        ])
    }
}

/// Rows by key. A row's key is the upper half of the 64-bit feature key, never 0.
#[derive(Debug)]
pub(crate) struct Table {
    rows: Vec<Row>,
    shift: u32,
    filter: Vec<u64>,
    filter_shift: u32,
}

/// The row key of a 64-bit feature key.
#[inline(always)]
pub(crate) fn row_key(feature: u64) -> u32 {
    ((feature >> 32) as u32) | 1
}

impl Table {
    /// A table with room for `count` rows.
    pub(crate) fn with_room(count: usize) -> Self {
        let bits = (count + count / 2)
            .max(16)
            .next_power_of_two()
            .trailing_zeros();
        let filter_bits = (bits + 2).min(31);
        Self {
            rows: vec![Row([0; LANES]); 1 << bits],
            shift: 32 - bits,
            filter: vec![0; 1 << (filter_bits - 6)],
            filter_shift: 32 - filter_bits,
        }
    }

    /// Adds a row; the caller adds at most as many as it asked room for. A key that is there already is overwritten.
    pub(crate) fn insert(&mut self, key: u32, weights: &[i8]) {
        let mask = self.rows.len() - 1;
        let mut at = (key >> self.shift) as usize & mask;
        while self.rows[at].key() != 0 && self.rows[at].key() != key {
            at = (at + 1) & mask;
        }
        let row = &mut self.rows[at];
        for (lane, byte) in row.0.iter_mut().zip(key.to_le_bytes()) {
            *lane = byte as i8;
        }
        for (lane, weight) in row.0[FIRST..].iter_mut().zip(weights) {
            *lane = *weight;
        }
        let bit = key >> self.filter_shift;
        self.filter[(bit >> 6) as usize] |= 1 << (bit & 63);
    }

    /// Whether a row may exist; no means no.
    #[inline(always)]
    pub(crate) fn may_have(&self, key: u32) -> bool {
        let bit = key >> self.filter_shift;
        self.filter
            .get((bit >> 6) as usize)
            .is_some_and(|word| word >> (bit & 63) & 1 == 1)
    }

    /// Asks for the cache line where the row of a key would be, well before it is needed.
    #[inline(always)]
    pub(crate) fn prefetch(&self, key: u32) {
        if let Some(row) = self.rows.get((key >> self.shift) as usize) {
            crate::simd::prefetch(row);
        }
    }

    /// As [`Table::add_to`] for a key that passed the filter.
    #[inline(always)]
    pub(crate) fn add_filtered(&self, key: u32, scores: &mut Scores) {
        let mask = self.rows.len() - 1;
        let mut at = (key >> self.shift) as usize & mask;
        loop {
            let row = &self.rows[at];
            let found = row.key();
            if found == key {
                for (lane, weight) in scores.0.iter_mut().zip(&row.0) {
                    *lane = lane.wrapping_add(i16::from(*weight));
                }
                return;
            }
            if found == 0 {
                return;
            }
            at = (at + 1) & mask;
        }
    }

    /// Adds the row of a key, if there is one, to `scores`. The first lanes gather garbage.
    #[inline(always)]
    pub(crate) fn add_to(&self, key: u32, scores: &mut Scores) {
        if self.may_have(key) {
            self.add_filtered(key, scores);
        }
    }
}
