//! Why a job could not be committed.

use gristmill_common::id::ChunkId;

use crate::engine::error::FileError;
use crate::engine::reduce_error::{QuarantineFull, ReduceError};

/// Why a job could not be committed.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// The account of a source does not hold (I7): a defect of this program.
    #[error(
        "the account of {source_name} does not hold: {sealed} records in, {mapped} mapped, \
         {quarantined} quarantined ({entries} entries)"
    )]
    Account {
        /// The source.
        source_name: String,
        /// Records in, as the producer sealed them.
        sealed: u64,
        /// Records mapped.
        mapped: u64,
        /// Records set aside by the mappers' count.
        quarantined: u64,
        /// Records set aside that the reducer holds.
        entries: u64,
    },
    /// The partitions do not belong together.
    #[error("the partitions contradict each other: {0}")]
    Partitions(String),
    /// Some partitions have what one attempt at a chunk made, others what another did, which was
    /// not the same.
    #[error(
        "{}: it was mapped twice, since its mapper was lost or stopped half-way, and its two results cannot be mixed; \
         a program must give the same for the same input, unless the output has one partition \
         (--partitions 1); `produce --force` begins the job anew", two_results(*.0)
    )]
    TwoResults(Option<ChunkId>),
    /// More is in quarantine than the job permits.
    #[error(transparent)]
    Quarantine(#[from] QuarantineFull),
    /// A file or the output stream could not be written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The rows could not be printed.
    #[error(transparent)]
    Rows(#[from] ReduceError),
}

fn two_results(chunk: Option<ChunkId>) -> String {
    match chunk {
        Some(id) => format!("your program gave two results for chunk {id}"),
        None => "your program gave two results for some chunks".into(),
    }
}

impl CommitError {
    /// Whether whoever read the output stream went away.
    #[must_use]
    pub fn is_closed_pipe(&self) -> bool {
        match self {
            CommitError::File(error) => error.is_closed_pipe(),
            CommitError::Rows(error) => error.is_closed_pipe(),
            _ => false,
        }
    }
}
