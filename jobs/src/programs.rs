//! What a reducer knows of whoever makes the reduce programs of jobs ready: whether a job may run
//! its program here, and the program.
//!
//! It must not know what programs are or how they are confined.

use std::fmt::Debug;
use std::sync::Arc;

use gristmill_common::job::JobRun;
use gristmill_common::reduce_program::ReduceProgram;
use gristmill_common::shutdown::Shutdown;

use crate::registry::Submission;
use crate::worker::Worker;

/// Makes the reduce programs of jobs ready.
pub trait ReducePrograms: Debug + Send + Sync {
    /// Finds whether a job may run its program here, fetches its files and looks for it. Blocks;
    /// not to be called on a runtime's thread. `stop` ends this, and the program whenever it runs.
    ///
    /// # Errors
    /// When it may not run, or cannot be made ready.
    fn make_ready(
        &self,
        worker: &Worker,
        order: (&JobRun, &Submission),
        stop: &Shutdown,
    ) -> Result<Arc<dyn ReduceProgram>, NotReady>;
}

/// Why a program is not ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotReady {
    /// This worker may not or cannot run it; others may.
    Here(String),
    /// Nobody can run it as it is.
    Job(String),
    /// The stream with its files is gone.
    Gone,
    /// A stop was asked for.
    Stopped,
}
