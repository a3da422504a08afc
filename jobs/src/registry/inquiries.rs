//! Why a queue is gone: the log tells, once it is read up to a marker that was written after the loss. It
//! must not know who uses the queue.

use std::collections::HashMap;

use super::{Event, JobTable, Registry, RegistryError};
use gristmill_common::job::JobName;

/// Jobs of which a queue was found gone, by the marker that ends the wait for the reason.
#[derive(Debug, Default)]
pub struct Inquiries {
    asked: HashMap<u64, JobName>,
}

impl Inquiries {
    /// Writes a marker into the log; [`Self::answer`] goes on when it comes back.
    ///
    /// # Errors
    /// When the log cannot be written.
    pub async fn ask(&mut self, registry: &Registry, name: JobName) -> Result<(), RegistryError> {
        let marker = registry.mark().await?;
        self.asked.insert(marker, name);
        Ok(())
    }

    /// Whether an answer about this job is awaited.
    #[must_use]
    pub fn contains(&self, name: &JobName) -> bool {
        self.asked.values().any(|asked| asked == name)
    }

    /// The log is read up to a marker. If it is ours and its job is still active, the job has lost its
    /// queue: it fails in the log, and its run is returned.
    ///
    /// # Errors
    /// When the log cannot be written.
    pub async fn answer(
        &mut self,
        registry: &Registry,
        table: &JobTable,
        marker: u64,
    ) -> Result<Option<u64>, RegistryError> {
        let Some(name) = self.asked.remove(&marker) else {
            return Ok(None);
        };
        let Some(job) = table.get(&name).filter(|job| job.is_active()) else {
            return Ok(None);
        };
        let run = job.submission.run;
        registry.append(&name, run, &Event::queue_lost()).await?;
        Ok(Some(run))
    }
}
