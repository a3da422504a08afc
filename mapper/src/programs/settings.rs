//! How programs run on a worker.

use std::path::PathBuf;

use gristmill_common::shutdown::Shutdown;
use gristmill_jobs::registry::Submission;

use super::policy::{ExecPolicy, Permission};
use crate::engine::kinds::exec::{Confinement, Host};

/// How programs run on this worker.
#[derive(Clone, Debug)]
pub struct ExecSettings {
    /// Which jobs may run any.
    pub policy: ExecPolicy,
    /// The folder for their files.
    pub tmp: PathBuf,
    /// How they are confined, if they are.
    pub confinement: Option<Confinement>,
}

impl ExecSettings {
    /// This machine, for a job that may run what `permission` says, up to `programs` at a time.
    pub(crate) fn host(
        &self,
        submission: &Submission,
        permission: Permission,
        programs: usize,
        shutdown: &Shutdown,
    ) -> Host {
        Host {
            tmp: self.tmp.clone(),
            programs,
            keep_going: (submission.code.as_ref()).is_some_and(|code| code.keep_going),
            confinement: self.confinement.clone(),
            programs_at: match permission {
                Permission::Allowed(places) => places,
                Permission::All => Default::default(),
            },
            shutdown: shutdown.clone(),
            ..Host::here()
        }
    }
}
