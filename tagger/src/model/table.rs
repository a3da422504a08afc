//! Feature rows at run time: one 64-byte cache line a row, sorted by key, found by a rank index.
//! Must not know what a feature means or where rows come from.

use super::index::Index;
use super::pages::Pages;
use super::parts::{RowRef, Rows};
use crate::simd;

/// Most tags that a row has room for, and lanes of [`Scores`].
pub(crate) const MOST_TAGS: usize = 56;
/// Bytes of a row: the weights, the key, four bytes unused.
pub(crate) const ROW: usize = 64;

type Row = [u8; ROW];

/// Scores of one word, one lane a tag (see [`Scores::blank`] for their range).
#[derive(Clone, Copy, Debug)]
#[repr(align(16))]
pub(crate) struct Scores(pub(crate) [i16; MOST_TAGS]);

/// The numbers of the lanes.
const LANES: [i16; MOST_TAGS] = {
    let mut lanes = [0; MOST_TAGS];
    let mut lane = 0;
    while lane < MOST_TAGS {
        lanes[lane] = lane as i16;
        lane += 1;
    }
    lanes
};

impl Scores {
    pub(crate) const ZERO: Self = Self([0; MOST_TAGS]);

    #[inline(always)]
    pub(crate) fn add(&mut self, other: &Self) {
        for (lane, value) in self.0.iter_mut().zip(&other.0) {
            *lane = lane.wrapping_add(*value);
        }
    }

    /// Zero for the first `tags` tags; for the lanes without a tag lower than the 119 rows of at
    /// most 128 that add up in a word can bring any tag, so that they are never the best.
    pub(crate) fn blank(tags: usize) -> Self {
        Self(std::array::from_fn(|lane| {
            if lane < tags.max(1) { 0 } else { -0x6000 }
        }))
    }

    /// The lane with the highest score, the first of equals.
    #[inline(always)]
    pub(crate) fn best(&self) -> u8 {
        self.lead(0).0
    }

    /// As [`Scores::best`], and whether every other lane is more than `margin` behind.
    #[inline(always)]
    pub(crate) fn lead(&self, margin: i16) -> (u8, bool) {
        let top = self.0.iter().copied().fold(i16::MIN, i16::max);
        let limit = top.saturating_sub(margin);
        let mut best = i16::MAX;
        let mut near = 0_i16;
        for (&lane, &number) in self.0.iter().zip(&LANES) {
            best = best.min(if lane == top { number } else { i16::MAX });
            near += i16::from(lane >= limit);
        }
        (best as u8, near == 1)
    }
}

/// Where a row is expected.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Place {
    pub(crate) key: u32,
    pub(crate) row: u32,
}

/// Up to `N` places where rows are expected.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Places<const N: usize> {
    places: [Place; N],
    count: usize,
}

impl<const N: usize> Places<N> {
    pub(crate) const NONE: Self = Self {
        places: [Place { key: 0, row: 0 }; N],
        count: 0,
    };

    #[inline(always)]
    pub(crate) fn clear(&mut self) {
        self.count = 0;
    }

    #[inline(always)]
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Notes where the row of `key` is, if `index` says that there may be one; at most `N` times.
    #[inline(always)]
    pub(super) fn seek(&mut self, index: &Index, key: u32) {
        let (row, may) = index.find(key);
        if let Some(place) = self.places.get_mut(self.count) {
            *place = Place { key, row };
            self.count += usize::from(may);
        }
    }

    /// Notes a key to seek later, and asks for its line of the index; at most `N` times.
    #[inline(always)]
    pub(super) fn expect(&mut self, index: &Index, key: u32) {
        if let Some(place) = self.places.get_mut(self.count) {
            *place = Place { key, row: 0 };
            self.count += 1;
            index.prefetch(key);
        }
    }

    /// Seeks the keys noted.
    #[inline(always)]
    pub(super) fn seek_expected(&mut self, index: &Index) {
        let expected = self.count.min(N);
        self.clear();
        for at in 0..expected {
            self.seek(index, self.places[at].key);
        }
    }

    #[inline(always)]
    pub(crate) fn as_slice(&self) -> &[Place] {
        &self.places[..self.count.min(N)]
    }
}

/// Rows by key. A row's key is the upper half of the 64-bit feature key, never 0.
#[derive(Debug)]
pub(crate) struct Table {
    index: Index,
    rows: Pages,
    count: usize,
}

/// The row key of a 64-bit feature key.
#[inline(always)]
pub(crate) fn row_key(feature: u64) -> u32 {
    ((feature >> 32) as u32) | 1
}

#[inline(always)]
fn key_of(row: &Row) -> u32 {
    u32::from_le_bytes([
        row[MOST_TAGS],
        row[MOST_TAGS + 1],
        row[MOST_TAGS + 2],
        row[MOST_TAGS + 3],
    ])
}

impl Rows for Table {
    fn with_room(count: usize) -> Self {
        Self {
            index: Index::with_room(count),
            rows: Pages::zeroed(count * ROW),
            count: 0,
        }
    }

    fn push(&mut self, row: RowRef<'_>) {
        let (slots, _) = self.rows.bytes_mut().as_chunks_mut::<ROW>();
        let Some(slot) = slots.get_mut(self.count) else {
            return;
        };
        slot[MOST_TAGS..MOST_TAGS + 4].copy_from_slice(&row.key.to_le_bytes());
        let mut left = row.mask;
        for weight in row.weights {
            slot[left.trailing_zeros() as usize % ROW] = *weight;
            left &= left.wrapping_sub(1);
        }
        self.index.note(row.key, self.count as u32);
        self.count += 1;
    }
}

impl Table {
    /// Notes where the row of a key is, if there may be one.
    #[inline(always)]
    pub(crate) fn seek<const N: usize>(&self, key: u32, places: &mut Places<N>) {
        places.seek(&self.index, key);
    }

    /// Asks for the cache lines of rows, well before they are needed.
    #[inline(always)]
    pub(crate) fn prefetch(&self, places: &[Place]) {
        let rows = self.rows();
        for place in places {
            if let Some(row) = rows.get(place.row as usize) {
                simd::prefetch(row);
            }
        }
    }

    #[inline(always)]
    fn rows(&self) -> &[Row] {
        self.rows.bytes().as_chunks::<ROW>().0
    }

    /// Adds those rows to `scores` that are the ones sought.
    #[inline(always)]
    pub(crate) fn add(&self, places: &[Place], scores: &mut Scores) {
        let rows = self.rows();
        let mut sum = *scores;
        for place in places {
            let mut at = place.row as usize;
            let Some(mut row) = rows.get(at) else {
                continue;
            };
            while key_of(row) < place.key {
                at += 1;
                match rows.get(at) {
                    Some(next) => row = next,
                    None => break,
                }
            }
            // A mask, not a branch: whether the row is there is hard to foresee.
            let mask = -i16::from(key_of(row) == place.key);
            for (lane, weight) in sum.0.iter_mut().zip(row) {
                *lane = lane.wrapping_add(i16::from(*weight as i8) & mask);
            }
        }
        *scores = sum;
    }

    /// Adds the row of a key, if there is one.
    pub(crate) fn add_to(&self, key: u32, scores: &mut Scores) {
        let mut places = Places::<1>::NONE;
        self.seek(key, &mut places);
        self.add(places.as_slice(), scores);
    }
}
