//! Splits that mappers read: a message names the sources, or holds them as they are.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::extent::Extent;

/// One split for a mapper to read, cut and map.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SplitTask {
    /// Number of the split in the plan, from 0.
    pub split: u32,
    /// The length of a chunk's body that is aimed at, in bytes.
    pub chunk_size: u64,
    /// The folder that relative names begin at, as an absolute path.
    pub folder: ByteBuf,
    /// Number of its first source in the plan summary; the others follow.
    pub first_source: u32,
    /// Its sources, in input order.
    pub sources: Vec<SourceRef>,
    /// Which part of them is to be read.
    pub extent: Extent,
}

/// A source as a message names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceRef {
    /// Its name, which is its path too: absolute, or from the task's folder on.
    pub name: ByteBuf,
    /// Whether `--include` chose it by its name.
    pub chosen: bool,
    /// What it was when the job was planned.
    pub state: SourceState,
}

/// What a source was when the job was planned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SourceState {
    /// A regular file. One that differs when it is read has changed under the job.
    File(FileVersion),
    /// Found in a folder and not readable, for this reason: one quarantine entry.
    Unreadable(String),
    /// An object of a store; its name is its URL.
    Object(ObjectVersion),
    /// A file of so many bytes, which stand in the message behind those of the sources before it.
    Attached(u64),
}

impl SplitTask {
    /// Bytes of its sources as they are stored, of which it may be a part only.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size_of(|_| true)
    }

    /// Bytes that the message holds of its sources.
    #[must_use]
    pub fn attached(&self) -> u64 {
        self.size_of(|state| matches!(state, SourceState::Attached(_)))
    }

    fn size_of(&self, counts: impl Fn(&SourceState) -> bool) -> u64 {
        let states = self.sources.iter().map(|source| &source.state);
        let sizes = states.filter(|state| counts(state)).map(SourceState::size);
        sizes.fold(0, u64::saturating_add)
    }
}

impl SourceState {
    /// Its size as it is stored, in bytes; 0 for what cannot be read.
    #[must_use]
    pub fn size(&self) -> u64 {
        match self {
            SourceState::File(version) => version.size,
            SourceState::Object(version) => version.size,
            SourceState::Attached(size) => *size,
            SourceState::Unreadable(_) => 0,
        }
    }
}

/// What tells a version of an object from another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectVersion {
    /// Its size, in bytes.
    pub size: u64,
    /// Its ETag, or else its time of change, as the store tells it; empty if it tells neither.
    pub version: String,
}

/// What tells a version of a file from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileVersion {
    /// Its size, in bytes.
    pub size: u64,
    /// When it was last changed: seconds since 1970.
    pub seconds: i64,
    /// And nanoseconds.
    pub nanos: i64,
}

/// What reading one split gave. Every partition gets it once the outcomes of the split's chunks are
/// taken: the accounts of all splits are the job's [`crate::seal::Seal`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SplitAccount {
    /// Number of the split in the plan, from 0.
    pub split: u32,
    /// Number of its chunks.
    pub chunks: u32,
    /// Records of each source that the split read: pairs of source and records, by source.
    pub records: Vec<(u32, u64)>,
    /// Bytes around archives that are not zero and were passed over.
    pub passed_over: u64,
}
