//! Asks why a queue or a ledger is gone: the log tells, once it is read up to a marker that was
//! written after the loss. It must not know who uses what is gone.

use std::collections::HashMap;

use super::{Event, JobTable, Registry, RegistryError};
use gristmill_common::job::{JobName, JobRun};
use gristmill_common::progress::Role;
use tracing::warn;

/// Runs of which something was found gone, and the event that ends them unless the log explains it;
/// by the marker that ends the wait for the explanation.
#[derive(Debug, Default)]
pub struct LossProbe {
    asked: HashMap<u64, (JobRun, Event)>,
}

impl LossProbe {
    /// Writes a marker into the log; [`Self::answer`] goes on when it comes back.
    ///
    /// # Errors
    /// When the log cannot be written.
    pub async fn ask(
        &mut self,
        registry: &Registry,
        run: JobRun,
        loss: Event,
    ) -> Result<(), RegistryError> {
        let marker = registry.mark().await?;
        self.asked.insert(marker, (run, loss));
        Ok(())
    }

    /// The same for a queue that a worker of this role finds gone.
    ///
    /// # Errors
    /// When the log cannot be written.
    pub async fn ask_for_queue(
        &mut self,
        registry: &Registry,
        run: JobRun,
        which: &str,
        role: Role,
    ) -> Result<(), RegistryError> {
        warn!(job = %run.job, "a queue of the job is gone; asking why: {which}");
        self.ask(registry, run, Event::queue_lost(which, role))
            .await
    }

    /// Whether an answer about this job is awaited.
    #[must_use]
    pub fn contains(&self, name: &JobName) -> bool {
        self.asked.values().any(|(asked, _)| asked.job == *name)
    }

    /// The log is read up to a marker. If it is ours and the run is still active, it fails in the
    /// log, and is returned.
    ///
    /// # Errors
    /// When the log cannot be written.
    pub async fn answer(
        &mut self,
        registry: &Registry,
        table: &JobTable,
        marker: u64,
    ) -> Result<Option<JobRun>, RegistryError> {
        let Some((run, loss)) = self.asked.remove(&marker) else {
            return Ok(None);
        };
        if table.active(&run).is_none() {
            return Ok(None);
        }
        registry.append(&run, &loss).await?;
        Ok(Some(run))
    }
}
