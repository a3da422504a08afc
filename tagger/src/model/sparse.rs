//! Rows with one or two weights each, at run time: the weights that are there, with a bit per tag
//! that has one. A dense row ([`super::table`]) would be mostly zeros. Must not know what a feature
//! means.

use super::index::Index;
use super::parts::{RowRef, Rows};
use super::table::{MOST_TAGS, Place, Places, Scores};
use crate::simd;

#[derive(Debug)]
struct Row {
    key: u32,
    first: u32,
    mask: u64,
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
            weights: Vec::with_capacity(count + count / 2),
        }
    }

    fn push(&mut self, row: RowRef<'_>) {
        self.index.note(row.key, self.rows.len() as u32);
        self.rows.push(Row {
            key: row.key,
            first: self.weights.len() as u32,
            mask: row.mask,
        });
        self.weights.extend_from_slice(row.weights);
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
        let rows = self.rows.iter().skip(place.row as usize);
        let Some(row) = rows
            .take_while(|row| row.key <= place.key)
            .find(|row| row.key == place.key)
        else {
            return;
        };
        let mut left = row.mask;
        for weight in self.weights.iter().skip(row.first as usize) {
            if left == 0 {
                break;
            }
            let lane = &mut scores.0[left.trailing_zeros() as usize % MOST_TAGS];
            *lane = lane.wrapping_add(i16::from(*weight as i8));
            left &= left - 1;
        }
    }
}
