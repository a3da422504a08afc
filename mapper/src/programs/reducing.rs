//! The reduce programs of a broker's jobs, for a reducer: under the same gate and the same
//! confinement as those of mappers.

use std::sync::Arc;

use gristmill_common::job::JobRun;
use gristmill_common::reduce_program::ReduceProgram;
use gristmill_common::shutdown::{Shutdown, Stage};
use gristmill_common::spec::Kind;
use gristmill_jobs::programs::{NotReady, ReducePrograms};
use gristmill_jobs::registry::Submission;
use gristmill_jobs::worker::Worker;

use super::fetch::fetch_file;
use super::settings::ExecSettings;
use crate::engine::job_file::JobFile;
use crate::engine::kinds::exec::GroupReducer;
use crate::engine::prepared::SpecError;

/// Makes reduce programs ready, up to `programs` of which run at a time.
#[derive(Clone, Debug)]
pub struct Reducing {
    /// Whose programs run, and how.
    pub settings: ExecSettings,
    /// The most programs that run at a time for one job.
    pub programs: usize,
}

impl ReducePrograms for Reducing {
    fn make_ready(
        &self,
        worker: &Worker,
        (run, submission): (&JobRun, &Submission),
        stop: &Shutdown,
    ) -> Result<Arc<dyn ReduceProgram>, NotReady> {
        let Kind::Exec(exec) = &submission.spec.kind else {
            return Err(NotReady::Job("it has no reduce program".into()));
        };
        let permission = self.settings.policy.permit(run, submission);
        let permission = permission.map_err(NotReady::Here)?;
        let here = |error: SpecError| NotReady::Here(error.0);
        let tmp = &self.settings.tmp;
        let code = match submission.file() {
            None => JobFile::of_code(exec, b"", tmp).map_err(here)?,
            Some(hash) => worker.runtime.block_on(async {
                tokio::select! {
                    file = fetch_file(&worker.broker, run, submission, hash, tmp) => file.map_err(NotReady::from),
                    () = stop.reached(Stage::Draining) => Err(NotReady::Stopped),
                }
            })?,
        };
        let host = (self.settings).host(submission, permission, self.programs, stop);
        let found = GroupReducer::from_elsewhere(exec, &code, &host);
        match found {
            Err(_) if stop.is_stopping() => Err(NotReady::Stopped),
            Err(error) => Err(here(error)),
            Ok(None) => Err(NotReady::Job("it has no reduce program".into())),
            Ok(Some(program)) => Ok(program),
        }
    }
}
