//! What a process has that works on the jobs of a broker, whatever its role.

use std::sync::Arc;

use gristmill_common::job::{JobName, JobRun};
use gristmill_common::progress::Progress;
use gristmill_common::shutdown::{Shutdown, Stage};
use gristmill_rabbitmq::Broker;
use tokio::runtime::Handle;
use tracing::warn;

use crate::registry::{Event, JobTable, Log, Registry, RegistryError, Totals};

/// A process that works on the jobs of a broker. Clones share everything.
#[derive(Clone)]
pub struct Worker {
    /// The broker.
    pub broker: Broker,
    /// Its log of jobs.
    pub registry: Registry,
    /// Runs what waits for the broker.
    pub runtime: Handle,
    /// What it does, for reports and `--listen`.
    pub progress: Arc<Progress>,
    /// Says when to stop.
    pub shutdown: Shutdown,
}

/// The one job that was to be served did not complete.
#[derive(Debug, thiserror::Error)]
#[error("job {job} {how}")]
pub struct NotComplete {
    job: JobName,
    how: String,
}

impl Worker {
    /// Reads the log of jobs up to now; `None` when a stop is asked for meanwhile.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn catch_up(&self) -> Result<Option<(JobTable, Log)>, RegistryError> {
        tokio::select! {
            found = self.registry.catch_up() => {
                let found = found?;
                self.progress.has_read_log();
                Ok(Some(found))
            }
            () = self.shutdown.reached(Stage::Draining) => Ok(None),
        }
    }

    /// Ends a job that cannot be completed.
    ///
    /// # Errors
    /// When the log cannot be written.
    pub async fn fail(&self, run: &JobRun, reason: String) -> Result<(), RegistryError> {
        warn!(job = %run.job, "failed: {reason}");
        self.registry.append(run, &Event::Failed { reason }).await
    }
}

/// What became of the one job to serve, once it has ended.
#[must_use]
pub fn ended(only: Option<&JobName>, table: &JobTable) -> Option<Result<Totals, NotComplete>> {
    let job = only?;
    let ended = table.get(job)?.phase.ended()?;
    Some(ended.map_err(|how| NotComplete {
        job: job.clone(),
        how,
    }))
}
