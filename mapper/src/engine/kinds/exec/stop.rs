//! Why a worker is ended, and what is said of it.

use gristmill_common::spec::Exec;

use super::child::Keeper;
use super::unit::Failed;
use super::warm::{Silence, end_of};

/// Why a worker is ended.
pub(super) enum Stop {
    /// It said that it cannot go on.
    Fail(Failed),
    Silence(Silence),
}

impl Stop {
    pub(super) fn garbage(what: String) -> Self {
        Stop::Silence(Silence::Garbage(what))
    }

    /// Ends the worker and says why.
    pub(super) fn end(self, keeper: &Keeper, exec: &Exec) -> Failed {
        let (mut failed, ending) = match self {
            Stop::Fail(failed) => (failed, end_of(keeper)),
            Stop::Silence(silence) => {
                let ending = silence.end_of(keeper);
                let reason = silence.reason(&ending, exec);
                (Failed::because(reason), ending)
            }
        };
        if failed.stderr.is_empty() {
            failed.stderr = ending.stderr;
        }
        failed
    }
}

/// Why a worker could not be started, with what it said.
pub(super) fn cannot_start(failed: &Failed) -> String {
    let said = String::from_utf8_lossy(&failed.stderr);
    match said.trim_end() {
        "" => format!("the worker cannot be started: {}", failed.reason),
        said => format!("the worker cannot be started: {}\n{said}", failed.reason),
    }
}
