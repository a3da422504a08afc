//! Putting a finished output in another place too. What place that is, the caller knows.

use std::fmt::Debug;
use std::path::Path;

use gristmill_common::job::JobName;
use gristmill_common::shutdown::Shutdown;

/// Why an output was not published.
#[derive(Debug, thiserror::Error)]
pub enum NotPublished {
    /// Something else is in its place: the job fails.
    #[error("{0}")]
    InTheWay(String),
    /// Another time it may go.
    #[error("{0}")]
    Here(String),
    /// A stop was asked for.
    #[error("stopped")]
    Stopped,
}

/// A place for finished outputs beside the reducer's folder.
pub trait Publish: Debug + Send + Sync {
    /// Puts the output in `folder` where outputs of `job` go. One that is there already is as good,
    /// if it is the very same; with `replace`, an earlier one makes room. Blocks.
    ///
    /// # Errors
    /// When it is not there afterwards.
    fn publish(
        &self,
        job: &JobName,
        folder: &Path,
        replace: bool,
        stop: &Shutdown,
    ) -> Result<(), NotPublished>;
}
