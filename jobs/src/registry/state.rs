//! The states of a job, as people see them.
//!
//! ```text
//! unsealed -- all chunks are sent --> running -- all partitions are closed --> finished
//! running -- nothing waits, and chunks are missing --> stalled
//! stalled -- `produce` again sends what is missing --> running, or finished when it comes
//! finished, with skipped chunks -- `replay` --> running
//! unsealed, running, stalled -- a queue, a ledger or the program fails it --> failed
//! failed -- `produce` again --> unsealed
//! any but finished without skipped chunks -- `cancel` --> cancelled
//! ```

use std::fmt;

use super::job::{Job, Phase};

/// What a job is doing, out of its entries in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobState {
    /// Its producer has not published everything yet.
    Unsealed,
    /// All chunks are published; some are not in the output yet.
    Running,
    /// Nothing waits, and chunks are missing.
    Stalled,
    /// Its output is complete.
    Finished,
    /// It cannot be completed as it is.
    Failed,
    /// Somebody cancelled it.
    Cancelled,
}

impl JobState {
    /// The state's name in `status`, in JSON and on the dashboard.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            JobState::Unsealed => "unsealed",
            JobState::Running => "running",
            JobState::Stalled => "stalled",
            JobState::Finished => "finished",
            JobState::Failed => "failed",
            JobState::Cancelled => "cancelled",
        }
    }
}

impl fmt::Display for JobState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Job {
    /// What the job is doing.
    #[must_use]
    pub fn state(&self) -> JobState {
        match &self.phase {
            Phase::Finished(_) => JobState::Finished,
            Phase::Failed { .. } => JobState::Failed,
            Phase::Cancelled => JobState::Cancelled,
            Phase::Active if self.missing.is_some() => JobState::Stalled,
            Phase::Active if self.sealed.is_none() => JobState::Unsealed,
            Phase::Active => JobState::Running,
        }
    }
}
