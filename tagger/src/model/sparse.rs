//! Rows with one or two weights each, at run time: the weights that are there, with a bit per tag
//! that has one. A dense row ([`super::table`]) would be mostly zeros. Must not know what a feature
//! means.

use super::index::Index;
use super::parts::{RowRef, Rows};
use super::table::{MOST_TAGS, Place, Places, Scores};
use crate::simd;

/// Weights that a row has room for; a row with more has their place instead.
const INLINE: usize = 4;

/// A quarter of a cache line, so that most look-ups end where they began.
#[derive(Debug)]
struct Row {
    mask: u64,
    key: u32,
    /// The weights, or where they begin, a number.
    held: [u8; INLINE],
}

/// Rows by key, sorted.
#[derive(Debug)]
pub(crate) struct SparseTable {
    index: Index,
    rows: Vec<Row>,
    weights: Vec<u8>,
}

impl Rows for SparseTable {
    fn with_room(count: usize) -> Self {
        Self {
            index: Index::with_room(count),
            rows: Vec::with_capacity(count),
            weights: Vec::new(),
        }
    }

    fn push(&mut self, row: RowRef<'_>) {
        self.index.note(row.key, self.rows.len() as u32);
        let mut held = [0; INLINE];
        match held.get_mut(..row.weights.len()) {
            Some(room) => room.copy_from_slice(row.weights),
            None => {
                held = (self.weights.len() as u32).to_le_bytes();
                self.weights.extend_from_slice(row.weights);
            }
        }
        self.rows.push(Row {
            mask: row.mask,
            key: row.key,
            held,
        });
    }
}

impl SparseTable {
    /// Notes where the row of a key is, if there may be one.
    #[inline(always)]
    pub(crate) fn seek<const N: usize>(&self, key: u32, places: &mut Places<N>) {
        places.seek(&self.index, key);
    }

    /// Asks for rows, well before they are needed.
    #[inline(always)]
    pub(crate) fn prefetch(&self, places: &[Place]) {
        for place in places {
            if let Some(row) = self.rows.get(place.row as usize) {
                simd::prefetch(row);
            }
        }
    }

    /// Adds the row of a key, if there is one.
    pub(crate) fn add_to(&self, key: u32, scores: &mut Scores) {
        let mut places = Places::<1>::NONE;
        self.seek(key, &mut places);
        places
            .as_slice()
            .iter()
            .for_each(|place| self.add(*place, scores));
    }

    /// Adds the row found, if it is the one that was sought, to `scores`.
    #[inline(always)]
    pub(crate) fn add(&self, place: Place, scores: &mut Scores) {
        let mut at = place.row as usize;
        let row = loop {
            match self.rows.get(at) {
                Some(row) if row.key < place.key => at += 1,
                Some(row) if row.key == place.key => break row,
                _ => return,
            }
        };
        let mut left = row.mask;
        let weights = if left.count_ones() as usize <= INLINE {
            row.held.as_slice()
        } else {
            let first = u32::from_le_bytes(row.held) as usize;
            self.weights.get(first..).unwrap_or_default()
        };
        for weight in weights {
            if left == 0 {
                break;
            }
            let lane = &mut scores.0[left.trailing_zeros() as usize % MOST_TAGS];
            *lane = lane.wrapping_add(i16::from(*weight as i8));
            left &= left - 1;
        }
    }
}
