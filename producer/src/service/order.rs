//! A job for a broker, as it is ordered: what its run is in the log. It must not know how it gets
//! there.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use gristmill_common::id::content_hash;
use gristmill_common::job::{JobName, JobRun};
use gristmill_common::sha256::Sha256;
use gristmill_common::spec::JobSpec;
use gristmill_input::Plan;
use gristmill_jobs::declare::Backlog;
use gristmill_jobs::registry::{Bundle, Code, SecretKey, Statement, Submission};

use crate::produce::Settings;

/// A job for a broker.
#[derive(Clone, Debug)]
pub struct Order<'a> {
    /// Its name.
    pub name: JobName,
    /// The kind and its options.
    pub spec: &'a JobSpec,
    /// What is read, and how it is cut.
    pub plan: &'a Plan,
    /// The absolute path that relative names of sources begin at, for mappers that read them.
    pub folder: PathBuf,
    /// How it is read.
    pub settings: Settings,
    /// Bytes that its queues may hold.
    pub backlog: Backlog,
    /// Runs anew what is finished or has failed, and replaces its output.
    pub force: bool,
    /// How long the broker may be gone while the job is not in its log; without a limit it is
    /// waited for.
    pub patience: Option<Duration>,
    /// The bytes of the file that mappers need ([`Submission::file`]).
    pub file: Option<Bytes>,
    /// Of a job that runs the user's own program: `file` is its bundle.
    pub program: Option<ProgramOrder<'a>>,
}

/// How the user's own program is submitted.
#[derive(Clone, Copy, Debug)]
pub struct ProgramOrder<'a> {
    /// The job goes on although its first units all fail in the same way.
    pub keep_going: bool,
    /// Vouches for it.
    pub key: Option<&'a SecretKey>,
}

impl Order<'_> {
    /// The code of a run, signed anew if there is a key.
    fn code(&self, run: u64) -> Option<Code> {
        let program = self.program?;
        let bundle = self.file.as_ref().map(|file| Bundle {
            hash: content_hash(file),
            sha256: Sha256::of(file),
        });
        let statement = Statement {
            run: &JobRun::new(&self.name, run),
            spec: self.spec,
            bundle,
        };
        Some(Code {
            bundle,
            keep_going: program.keep_going,
            signature: program.key.map(|key| key.sign(&statement)),
        })
    }

    /// What the log says of a run.
    pub(super) fn submission(&self, run: u64, after: Option<u64>, plan: u64) -> Submission {
        Submission {
            plan,
            replace: self.force,
            after,
            code: self.code(run),
            ..Submission::of(self.spec.clone(), self.plan.summary(), run)
        }
    }
}
