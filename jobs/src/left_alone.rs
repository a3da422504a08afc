//! The jobs that a worker cannot or may not work on, and leaves to others. Reports say why, as long
//! as they are active. It must not know the reasons.

use std::collections::HashMap;
use std::sync::Arc;

use gristmill_common::job::JobRun;
use gristmill_common::progress::{Cause, JobCounters, Progress, Role, Trouble};
use tracing::warn;

use crate::registry::{Code, JobTable};

/// The runs that are left alone.
#[derive(Debug)]
pub struct LeftAlone {
    role: Role,
    progress: Arc<Progress>,
    runs: HashMap<JobRun, LeftRun>,
}

/// A run that is left alone.
#[derive(Debug)]
struct LeftRun {
    /// Submitted with another, it is looked at again.
    code: Option<Code>,
    /// What is kept is reported.
    _told: Arc<JobCounters>,
}

impl LeftAlone {
    /// None yet, of a worker of this role.
    #[must_use]
    pub fn new(role: Role, progress: &Arc<Progress>) -> Self {
        Self {
            role,
            progress: Arc::clone(progress),
            runs: HashMap::new(),
        }
    }

    /// Leaves a run alone, for good or until it is submitted with other code than this.
    pub fn add(&mut self, run: &JobRun, code: Option<Code>, reason: String) {
        warn!(job = %run.job, "left alone: {reason}");
        let told = self.progress.jobs.of(self.role, run);
        let cause = Cause::LeftAlone;
        told.is_held_up(Trouble { cause, reason });
        let left_alone = LeftRun { code, _told: told };
        self.runs.insert(run.clone(), left_alone);
    }

    /// Whether a run is left alone.
    #[must_use]
    pub fn contains(&self, run: &JobRun) -> bool {
        self.runs.contains_key(run)
    }

    /// Forgets the runs that are not active any more, or were submitted with other code.
    pub fn tidy(&mut self, table: &JobTable) {
        self.runs.retain(|run, left_alone| {
            let job = table.active(run);
            job.is_some_and(|job| job.submission.code == left_alone.code)
        });
    }
}
