//! The jobs that a mapper cannot or may not work on, and leaves to others. Reports say why, as long
//! as they are active. It must not know the reasons.

use std::collections::HashMap;
use std::sync::Arc;

use gristmill_common::job::JobName;
use gristmill_common::progress::{Cause, JobCounters, Progress, Role, Trouble};
use gristmill_jobs::registry::{Code, JobTable};
use tracing::warn;

/// The runs that are left alone.
pub(super) struct LeftAlone {
    progress: Arc<Progress>,
    runs: HashMap<u64, Run>,
}

/// A run that is left alone.
struct Run {
    job: JobName,
    /// Submitted with another, it is looked at again.
    code: Option<Code>,
    /// What is kept is reported.
    _told: Arc<JobCounters>,
}

impl LeftAlone {
    pub(super) fn new(progress: &Arc<Progress>) -> Self {
        Self {
            progress: Arc::clone(progress),
            runs: HashMap::new(),
        }
    }

    /// Leaves a run alone, for good or until it is submitted with other code.
    pub(super) fn add(&mut self, table: &JobTable, name: &JobName, run: u64, reason: String) {
        warn!(job = %name, "left alone: {reason}");
        let told = self.progress.jobs.of(Role::Map, name, run);
        let cause = Cause::LeftAlone;
        told.is_held_up(Trouble { cause, reason });
        let job = table.get(name).filter(|job| job.submission.run == run);
        let left_alone = Run {
            job: name.clone(),
            code: job.and_then(|job| job.submission.code.clone()),
            _told: told,
        };
        self.runs.insert(run, left_alone);
    }

    /// Whether a run is left alone.
    pub(super) fn contains(&self, run: u64) -> bool {
        self.runs.contains_key(&run)
    }

    /// Forgets the runs that are not active any more, or were submitted with other code.
    pub(super) fn tidy(&mut self, table: &JobTable) {
        self.runs.retain(|run, left_alone| {
            table.get(&left_alone.job).is_some_and(|job| {
                let submission = &job.submission;
                job.is_active() && submission.run == *run && submission.code == left_alone.code
            })
        });
    }
}
