//! Identities: chunk ids and the hashes beside them (invariant I1), and random numbers.

use std::fmt;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::clock::since_1970;

/// A chunk's identity inside its job: the split it was cut from and its place there.
///
/// Ordered as the input is: all chunks of split 0 in order, then those of split 1, and so on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ChunkId {
    /// Number of the split in the plan, from 0.
    pub split: u32,
    /// Number of the chunk in its split, from 0.
    pub index: u32,
}

impl fmt::Display for ChunkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.split, self.index)
    }
}

/// The 64-bit hash of a chunk's bytes (XXH3, seed 0): the same id with another hash means that the
/// input changed under the job.
#[must_use]
pub fn content_hash(bytes: &[u8]) -> u64 {
    xxh3_64(bytes)
}

/// The partition of a table's key among `partitions`: version 1 of the partition function.
///
/// XXH3 with seed 0, modulo the number of partitions. Changing it changes which part file a key
/// lands in, so a new function is a new version of the job spec.
#[must_use]
pub fn partition_of_key(key: &[u8], partitions: u32) -> u32 {
    if partitions <= 1 {
        return 0;
    }
    (xxh3_64(key) % u64::from(partitions)) as u32
}

/// The partition of a split of an ordered job: contiguous ranges of splits, so that the part files
/// concatenate to the one-part output.
#[must_use]
pub fn partition_of_split(split: u32, splits: u32, partitions: u32) -> u32 {
    if partitions <= 1 || splits == 0 {
        return 0;
    }
    (u64::from(split) * u64::from(partitions) / u64::from(splits)) as u32
}

/// A number that no other entry or run has: 64 random bits.
#[must_use]
pub fn unique() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    // The standard library's hasher keys are random per process and differ per instance; the clock
    // and the process id tell apart what the keys may not.
    let mut hasher = std::collections::hash_map::RandomState::new().build_hasher();
    hasher.write_u32(std::process::id());
    hasher.write_u128(since_1970().as_nanos());
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_fall_into_contiguous_partitions() {
        for splits in 1..40 {
            for partitions in 1..9 {
                let all: Vec<u32> = (0..splits)
                    .map(|s| partition_of_split(s, splits, partitions))
                    .collect();
                assert!(all.is_sorted(), "{all:?}");
                assert!(all.iter().all(|&p| p < partitions));
            }
        }
    }

    #[test]
    fn the_key_partition_is_frozen() {
        // Part files of earlier releases depend on these values.
        assert_eq!(
            partition_of_key(b"robots.txt", 7),
            (xxh3_64(b"robots.txt") % 7) as u32
        );
        assert_eq!(xxh3_64(b""), 0x2d06_8005_38d3_94c2);
    }
}
