//! The producer's statement of all chunk ids: completion is a set, never a counter (I5).

use serde::{Deserialize, Serialize};

use crate::id::{ChunkId, partition_of_split};

/// All chunk ids of a job, and the producer's account of its sources.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seal {
    /// Number of chunks of each split, by split.
    pub chunks: Vec<u32>,
    /// Records of each source, by source, as the producer counted them while cutting.
    pub records: Vec<u64>,
    /// Bytes around archives that are not zero and were passed over.
    pub passed_over: u64,
}

/// The end of one split: how many chunks it has.
///
/// Published to the partition that takes the split ([`partition_of_split`]) of a job whose results
/// are by split, once the split's last chunk has been published, so that its output can be written
/// before the seal comes. It says nothing that the seal does not say; it may come twice, late, or
/// never.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SplitEnd {
    /// Number of the split in the plan, from 0.
    pub split: u32,
    /// Number of its chunks.
    pub chunks: u32,
    /// Bytes around archives that are not zero and were passed over.
    pub passed_over: u64,
}

impl Seal {
    /// The ids of all chunks whose outcomes one partition must hold. `by_split` says that the
    /// partition takes a contiguous range of splits rather than a share of every chunk.
    pub fn expected(
        &self,
        partition: u32,
        partitions: u32,
        by_split: bool,
    ) -> impl Iterator<Item = ChunkId> + '_ {
        let splits = self.chunks.len() as u32;
        (0..splits)
            .filter(move |&split| {
                !by_split || partition_of_split(split, splits, partitions) == partition
            })
            .flat_map(|split| {
                (0..self.chunks[split as usize]).map(move |index| ChunkId { split, index })
            })
    }
}
