//! Rows with one or two weights each, at run time: the weights that are there, with a bit per tag
//! that has one. A dense row ([`super::table`]) would be mostly zeros. Must not know what a feature
//! means.

use super::index::Index;
use super::pages::Pages;
use super::parts::{RowRef, Rows};
use super::table::{Place, Places, Scores};
use crate::simd;

/// Weights that a row has room for; a row with more has their place instead.
const INLINE: usize = 4;

/// Bytes of a row: a quarter of a cache line, so that most look-ups end where they began.
const ROW: usize = 16;

/// A bit per tag that has a weight, the key, and the weights or, a number, where they begin. As
/// bytes, for so the memory may be in huge pages.
type Row = [u8; ROW];

#[inline(always)]
fn mask_of(row: &Row) -> u64 {
    u64::from_le_bytes(row.as_chunks().0[0])
}

#[inline(always)]
fn key_of(row: &Row) -> u32 {
    u32::from_le_bytes(row.as_chunks().0[2])
}

#[inline(always)]
fn held(row: &Row) -> [u8; INLINE] {
    row.as_chunks().0[3]
}

/// Rows by key, sorted.
#[derive(Debug)]
pub(crate) struct SparseTable {
    index: Index,
    rows: Pages,
    count: usize,
    weights: Vec<u8>,
}

impl Rows for SparseTable {
    fn with_room(count: usize) -> Self {
        Self {
            index: Index::with_room(count),
            rows: Pages::zeroed(count * ROW),
            count: 0,
            weights: Vec::new(),
        }
    }

    fn push(&mut self, row: RowRef<'_>) {
        let (slots, _) = self.rows.bytes_mut().as_chunks_mut::<ROW>();
        let Some(slot) = slots.get_mut(self.count) else {
            return;
        };
        let mut held = [0; INLINE];
        match held.get_mut(..row.weights.len()) {
            Some(room) => room.copy_from_slice(row.weights),
            None => {
                held = (self.weights.len() as u32).to_le_bytes();
                self.weights.extend_from_slice(row.weights);
            }
        }
        slot[..8].copy_from_slice(&row.mask.to_le_bytes());
        slot[8..12].copy_from_slice(&row.key.to_le_bytes());
        slot[12..].copy_from_slice(&held);
        self.index.note(row.key, self.count as u32);
        self.count += 1;
    }
}

impl SparseTable {
    #[inline(always)]
    fn row(&self, at: usize) -> Option<&Row> {
        let (rows, _) = self.rows.bytes().as_chunks::<ROW>();
        rows.get(at)
    }

    /// Notes that the row of a key will be sought, and asks for the index that says where it is.
    #[inline(always)]
    pub(crate) fn expect<const N: usize>(&self, key: u32, places: &mut Places<N>) {
        places.expect(&self.index, key);
    }

    /// Finds where the rows noted are, if there may be some.
    #[inline(always)]
    pub(crate) fn seek_expected<const N: usize>(&self, places: &mut Places<N>) {
        places.seek_expected(&self.index);
    }

    /// Asks for rows, well before they are needed.
    #[inline(always)]
    pub(crate) fn prefetch(&self, places: &[Place]) {
        for place in places {
            if let Some(row) = self.row(place.row as usize) {
                simd::prefetch(row);
            }
        }
    }

    /// Adds the row found, if it is the one that was sought, to `scores`.
    #[inline(always)]
    pub(crate) fn add(&self, place: Place, scores: &mut Scores) {
        let mut at = place.row as usize;
        let row = loop {
            match self.row(at) {
                Some(row) if key_of(row) < place.key => at += 1,
                Some(row) => break row,
                None => return,
            }
        };
        let mut left = mask_of(row);
        // A mask, not a branch: whether the row is there, and how many weights it has, is hard to
        // foresee. The room of no weight holds zero.
        let there = -i16::from(key_of(row) == place.key);
        if left.count_ones() as usize <= INLINE {
            for weight in held(row) {
                let lane = left.trailing_zeros() as usize % 64;
                if let Some(lane) = scores.0.get_mut(lane) {
                    *lane = lane.wrapping_add(i16::from(weight as i8) & there);
                }
                left &= left.wrapping_sub(1);
            }
            return;
        }
        let first = u32::from_le_bytes(held(row)) as usize;
        for weight in self.weights.get(first..).unwrap_or_default() {
            if left == 0 {
                break;
            }
            if let Some(lane) = scores.0.get_mut(left.trailing_zeros() as usize) {
                *lane = lane.wrapping_add(i16::from(*weight as i8) & there);
            }
            left &= left - 1;
        }
    }
}
