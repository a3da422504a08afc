//! Exit codes that tell the truth (invariant I9), in one table.

use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Everything was done.
    Complete = 0,
    /// The command failed; there is no output, or it is not what it should be.
    Failed = 1,
    /// The command line is wrong; nothing was done.
    Usage = 2,
    /// Complete, but more is in quarantine than was allowed.
    Quarantined = 3,
    /// Stopped by a signal.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

/// An error that ends the program with [`Exit::Usage`] rather than [`Exit::Failed`].
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct UsageError(pub String);

/// A [`UsageError`] as a general error.
pub fn usage(message: impl Into<String>) -> anyhow::Error {
    UsageError(message.into()).into()
}
