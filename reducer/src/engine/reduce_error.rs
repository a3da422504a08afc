//! Why a partition could not be reduced, typed by what the caller does about it.

use gristmill_common::id::ChunkId;
use gristmill_common::size::ByteSize;
use gristmill_common::wire::WireError;

use crate::engine::error::FileError;

/// Why a partition could not be reduced.
#[derive(Debug, thiserror::Error)]
pub enum ReduceError {
    /// The same chunk came with other bytes (I1).
    #[error(
        "input changed: chunk {id} came twice with different bytes; run the job again once nothing \
         writes to the inputs"
    )]
    InputChanged {
        /// The chunk.
        id: ChunkId,
    },
    /// A split was read twice and had other records (I1).
    #[error(
        "input changed: split {split} was read twice with different records; run the job again once \
         nothing writes to the inputs"
    )]
    SplitChanged {
        /// The split.
        split: u32,
    },
    /// An outcome or a seal contradicts the job; a defect of the program that sent it.
    #[error("malformed outcome: {0}")]
    Malformed(String),
    /// A figure is too large to be exact.
    #[error("{0}")]
    Overflow(String),
    /// A message does not decode.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// The transport ended before the partition was complete (I5).
    #[error("partition {partition} is incomplete: {what}")]
    Incomplete {
        /// The partition.
        partition: u32,
        /// What is missing, in words.
        what: String,
    },
    /// A stop was asked for before the partition was complete.
    #[error("stopped: partition {partition} is incomplete: {what}")]
    Stopped {
        /// The partition.
        partition: u32,
        /// What is missing, in words.
        what: String,
    },
    /// More is in quarantine than the job permits.
    #[error(transparent)]
    Quarantine(#[from] QuarantineFull),
    /// A file or the output stream could not be written or read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The user's reduce program failed, or there is none here to run it.
    #[error("{0}")]
    Program(String),
    /// The user's reduce program could not be run here and now, or was stopped.
    #[error("{0}")]
    Unable(String),
    /// What was durable is gone.
    #[error("{0}")]
    Lost(String),
    /// The queue that the messages come from failed.
    #[error("{what}")]
    Queue {
        /// It does not exist.
        gone: bool,
        /// What happened, in words.
        what: String,
    },
}

/// More is in quarantine than the job permits.
#[derive(Debug, thiserror::Error)]
#[error(
    "quarantine.jsonl would be larger than {} ({entries} records set aside); the commonest reason, \
     {count} times: {reason}; check the kind of input, or raise --max-quarantine", ByteSize(*.limit)
)]
pub struct QuarantineFull {
    /// The limit in bytes.
    pub limit: u64,
    /// Entries so far.
    pub entries: u64,
    /// The commonest reason.
    pub reason: String,
    /// How often it was given.
    pub count: u64,
}

impl ReduceError {
    /// Whether whoever read the output stream went away.
    #[must_use]
    pub fn is_closed_pipe(&self) -> bool {
        matches!(self, ReduceError::File(error) if error.is_closed_pipe())
    }
}
