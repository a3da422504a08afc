//! What mapping one chunk gives for one partition.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::counters::Counter;
use crate::entries::Entries;
use crate::id::ChunkId;

/// The result of one chunk for one partition, or one part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What the bytes are.
    pub head: OutcomeHead,
    /// Ordered bytes, or rows as [`crate::table`] writes them.
    pub body: Bytes,
}

/// The description of an outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutcomeHead {
    /// The chunk that was mapped.
    pub id: ChunkId,
    /// The chunk's hash, so that a changed input is noticed (I1).
    pub hash: u64,
    /// The partition that this is for.
    pub partition: u32,
    /// Number of the mapping attempt: parts of different attempts are never mixed.
    pub attempt: u64,
    /// Hash of what this attempt made of the whole chunk, over all partitions: outcomes of attempts
    /// that made different things of it are never mixed. 0 where a chunk has one partition.
    pub whole: u64,
    /// Number of this part, from 0.
    pub part: u32,
    /// How many parts the outcome has.
    pub parts: u32,
    /// The chunk's account, per source; in the first part for one partition only (I7).
    pub counts: Vec<SourceCount>,
    /// What was set aside in the chunk; travels with the counts.
    pub quarantined: Entries,
    /// What the user's programs counted in the chunk; travels with the counts.
    pub counters: Vec<Counter>,
    /// Set when the chunk was skipped, because it could not be run at all: all its records are set
    /// aside. The number of replays before it. An outcome of a run takes its place.
    pub skipped: Option<u32>,
}

/// The account of one source in one chunk: `records == mapped + quarantined` (I7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceCount {
    /// Number of the source in the job's plan summary.
    pub source: u32,
    /// Records in, as the producer counted them.
    pub records: u64,
    /// Records that went through the processor, as the mapper counted them.
    pub mapped: u64,
    /// Records set aside, by the producer or by the mapper.
    pub quarantined: u64,
}

/// The most bytes that one part of an outcome carries; a larger result travels in parts.
pub const MAX_PART: usize = 1 << 20;
