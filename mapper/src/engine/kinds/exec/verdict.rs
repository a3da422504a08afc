//! Whether a job is hopeless: its first units all fail in the same way, which is a mistake in the
//! command and not in the input.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use gristmill_common::shutdown::Shutdown;
use parking_lot::Mutex;
use tracing::warn;

/// So many units must fail in the same way.
const ENOUGH: u64 = 100;

/// What is known of a job so far. Shared by its threads.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    keep_going: bool,
    succeeded: AtomicBool,
    /// It was said that a program writes to stderr alone.
    warned: AtomicBool,
    failures: Mutex<(String, u64)>,
    fatal: OnceLock<Fatal>,
    /// When it asks for a stop, programs are killed, and what comes of their units is no result.
    shutdown: Shutdown,
}

/// Why a job cannot go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fatal {
    /// Wherever it runs.
    Hopeless(String),
    /// On this machine.
    Here(String),
}

impl Fatal {
    /// In words.
    pub(crate) fn reason(&self) -> &str {
        match self {
            Fatal::Hopeless(reason) | Fatal::Here(reason) => reason,
        }
    }
}

impl Verdict {
    pub(crate) fn new(keep_going: bool, shutdown: &Shutdown) -> Self {
        Self {
            keep_going,
            shutdown: shutdown.clone(),
            ..Self::default()
        }
    }

    /// A unit has succeeded: from now on failures are the input's.
    pub(super) fn success(&self) {
        self.succeeded.store(true, Ordering::Relaxed);
    }

    /// A program ended well and wrote nothing, but to stderr: said once, as in a pipe of a shell's
    /// only the last program's end counts.
    pub(super) fn silent(&self, stderr: &[u8]) {
        if stderr.is_empty() || self.warned.swap(true, Ordering::Relaxed) {
            return;
        }
        let said = String::from_utf8_lossy(stderr);
        let last = said.lines().last().unwrap_or_default();
        warn!(
            "exec: the program wrote nothing but to stderr, and ended as if all were well; the last line: \
             {last} (--try 5 shows more; where a shell runs a pipe, `set -o pipefail;` before it tells)"
        );
    }

    /// A unit has failed, for this reason, which is the same text for the same cause up to a colon.
    pub(super) fn failure(&self, reason: &str, stderr: &[u8]) {
        if self.keep_going || self.succeeded.load(Ordering::Relaxed) {
            return;
        }
        let way = reason.split(':').next().unwrap_or_default();
        let mut failures = self.failures.lock();
        if failures.0 != way {
            if failures.1 > 0 {
                // They fail in different ways: it is not the command alone.
                self.success();
                return;
            }
            way.clone_into(&mut failures.0);
        }
        failures.1 += 1;
        if failures.1 >= ENOUGH {
            let said = String::from_utf8_lossy(stderr);
            let said = match said.trim() {
                "" => String::new(),
                said => format!("\n{said}"),
            };
            self.fail(format!(
                "the first {ENOUGH} units all failed, and none succeeded (--keep-going goes on \
                 all the same): {reason}{said}"
            ));
        }
    }

    /// The job cannot go on.
    pub(super) fn fail(&self, reason: String) {
        // The first reason stays.
        let _ = self.fatal.set(Fatal::Hopeless(reason));
    }

    /// The job cannot go on here.
    pub(super) fn fail_here(&self, reason: String) {
        let _ = self.fatal.set(Fatal::Here(reason));
    }

    /// Why the job cannot go on, if it cannot.
    pub(crate) fn fatal(&self) -> Option<&Fatal> {
        self.fatal.get()
    }

    /// Whether the job was asked to stop.
    pub(crate) fn is_stopping(&self) -> bool {
        self.shutdown.is_stopping()
    }
}
