//! Reading the log of jobs for a command that only looks.

use std::time::Duration;

use gristmill_jobs::registry::{JobTable, Registry, RegistryError};

/// The log counts as read when nothing has come for so long: nothing is written, so this works
/// while a broker is in alarm.
const QUIET: Duration = Duration::from_millis(400);
/// The first entry may take longer.
const FIRST: Duration = Duration::from_secs(3);

/// All jobs as the log tells them now.
///
/// # Errors
/// When the log cannot be read.
pub async fn read(registry: &Registry) -> Result<JobTable, RegistryError> {
    let mut log = registry.follow();
    let mut table = JobTable::default();
    let mut wait = FIRST;
    while let Ok(entry) = tokio::time::timeout(wait, log.next()).await {
        table.apply(entry?);
        wait = QUIET;
    }
    Ok(table)
}
