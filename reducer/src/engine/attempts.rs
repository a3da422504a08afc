//! Whether all partitions have the outcomes of attempts that made the same of each chunk.
//!
//! A chunk is mapped again when its mapper dies half-way, and then some partitions may have what
//! the first attempt made of it and others what the second did. That is right as long as both made
//! the same, which a program of the user's need not do. It must not know what outcomes hold.

use gristmill_common::id::{ChunkId, content_hash};
use gristmill_common::seal::Seal;

/// What one partition knows of the attempts at all its chunks, however many: two sums, of which the
/// second tells which chunk it is where one differs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Attempts {
    plain: u64,
    weighted: u64,
}

/// A chunk's own odd number.
fn weight(id: ChunkId) -> u64 {
    ((u64::from(id.split) << 32) | u64::from(id.index)) * 2 + 1
}

impl Attempts {
    /// A chunk's outcome is of an attempt that made this of the whole chunk.
    pub(crate) fn take(&mut self, id: ChunkId, whole: u64) {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&whole.to_le_bytes());
        bytes[8..].copy_from_slice(&weight(id).to_le_bytes());
        let term = content_hash(&bytes);
        self.plain = self.plain.wrapping_add(term);
        self.weighted = self.weighted.wrapping_add(term.wrapping_mul(weight(id)));
    }

    /// Of two partitions that differ: the chunk that they have of different attempts, if it is one.
    pub(crate) fn differ_at(&self, other: &Self, seal: &Seal) -> Option<ChunkId> {
        let plain = self.plain.wrapping_sub(other.plain);
        let weighted = self.weighted.wrapping_sub(other.weighted);
        let ids = seal.expected(0, 1, false);
        let mut fitting = ids.filter(|id| plain.wrapping_mul(weight(*id)) == weighted);
        fitting.next().filter(|_| fitting.next().is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chunk_is_found_that_two_partitions_have_of_different_attempts() {
        let seal = Seal {
            chunks: vec![3, 0, 70_000],
            ..Seal::default()
        };
        let taken = |odd: &[ChunkId], backwards: bool| {
            let mut attempts = Attempts::default();
            let mut ids: Vec<ChunkId> = seal.expected(0, 1, false).collect();
            if backwards {
                ids.reverse();
            }
            for id in ids {
                attempts.take(id, 40 + u64::from(odd.contains(&id)));
            }
            attempts
        };
        let same = taken(&[], false);
        assert_eq!(same, taken(&[], true));
        for (split, index) in [(0, 0), (0, 2), (2, 0), (2, 69_999)] {
            let id = ChunkId { split, index };
            let other = taken(&[id], true);
            assert_ne!(other, same);
            assert_eq!(same.differ_at(&other, &seal), Some(id));
            assert_eq!(other.differ_at(&same, &seal), Some(id));
        }
        let two = [(0, 1), (2, 5)].map(|(split, index)| ChunkId { split, index });
        assert_eq!(same.differ_at(&taken(&two, false), &seal), None);
    }
}
