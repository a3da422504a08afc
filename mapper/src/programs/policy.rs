//! Which jobs may run their own programs on this worker: whoever may publish can submit one, so by
//! default none may. It must not know how programs are run.

use std::collections::BTreeMap;
use std::path::PathBuf;

use gristmill_common::job::JobRun;
use gristmill_common::spec::Kind;
use gristmill_jobs::registry::{Keyring, Statement, Submission};

use super::allowed::AllowedPrograms;

/// Whose programs are run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExecGate {
    /// Nobody's.
    #[default]
    Off,
    /// Those that a known key has signed.
    Signed,
    /// Everybody's who may publish.
    Any,
}

/// Which jobs may run programs.
#[derive(Clone, Debug, Default)]
pub struct ExecPolicy {
    /// Whose programs are run.
    pub gate: ExecGate,
    /// The keys that count for [`ExecGate::Signed`].
    pub keys: Keyring,
    /// Programs of this machine that everybody may have run, whatever the gate.
    pub allowed: AllowedPrograms,
}

/// What a job may run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Permission {
    /// What its spec says.
    All,
    /// One of the allowed programs, which are at these places.
    Allowed(BTreeMap<String, PathBuf>),
}

impl ExecPolicy {
    /// What a job may run here.
    ///
    /// # Errors
    /// When it may not run its program: why, in words.
    pub(crate) fn permit(
        &self,
        run: &JobRun,
        submission: &Submission,
    ) -> Result<Permission, String> {
        let Kind::Exec(exec) = &submission.spec.kind else {
            return Ok(Permission::All);
        };
        let code = submission.code.as_ref();
        let refused = match self.gate {
            ExecGate::Any => return Ok(Permission::All),
            ExecGate::Off => "exec is off (`--exec signed` or `any` turns it on)".to_owned(),
            ExecGate::Signed => {
                let statement = Statement {
                    run,
                    spec: &submission.spec,
                    bundle: code.and_then(|code| code.bundle),
                };
                let signature = code.and_then(|code| code.signature.as_ref());
                match self.keys.check(&statement, signature) {
                    Ok(()) => return Ok(Permission::All),
                    Err(unsigned) => unsigned.to_string(),
                }
            }
        };
        if self.allowed.is_empty() {
            return Err(refused);
        }
        match self.allowed.fits(exec) {
            Ok(()) => Ok(Permission::Allowed(self.allowed.places())),
            Err(why) => Err(format!("{refused}, and {why}")),
        }
    }
}
