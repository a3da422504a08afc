//! Waiting for a job that is on the broker. It must not know how it came there.

use gristmill_common::job::JobRun;
use gristmill_jobs::registry::{Ended, Event, Job, JobTable, Log, Phase, Registry, RegistryError};

use super::submit_error::SubmitError;

/// A job that is on the broker, to be waited for.
#[derive(Debug)]
pub struct Wait {
    pub(super) table: JobTable,
    pub(super) log: Log,
    pub(super) run: JobRun,
}

impl Wait {
    /// Reads the log up to now: how this run stands, after what was written before. Another
    /// producer of the same run may have written the same, and more since.
    pub(super) async fn phase(&mut self, registry: &Registry) -> Result<Phase, SubmitError> {
        let marker = Event::Marker {
            id: registry.mark().await?,
        };
        loop {
            let entry = self.log.next().await?;
            if entry.event == marker {
                break;
            }
            self.table.apply(entry);
        }
        match self.job().map(|job| &job.phase) {
            Some(Phase::Cancelled) | None => Err(SubmitError::Overtaken(self.run.job.clone())),
            Some(phase) => Ok(phase.clone()),
        }
    }

    /// The runs of this name that were seen to end lately.
    pub(super) fn replaced(&mut self) -> Vec<Ended> {
        let ended = self.table.take_ended().into_iter();
        ended
            .filter(|ended| ended.run.job == self.run.job && ended.run != self.run)
            .collect()
    }

    /// The run that is waited for.
    #[must_use]
    pub fn run(&self) -> &JobRun {
        &self.run
    }

    /// The job as the log tells it now; none if another run has taken its name.
    #[must_use]
    pub fn job(&self) -> Option<&Job> {
        self.table.of_run(&self.run)
    }

    /// Waits for news of the job. Dropping the future loses nothing.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn news(&mut self) -> Result<(), RegistryError> {
        loop {
            let entry = self.log.next().await?;
            let mine = entry.job == self.run.job;
            self.table.apply(entry);
            self.log.keep_short(&self.table);
            if mine {
                return Ok(());
            }
        }
    }
}
