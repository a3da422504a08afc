//! Reading the log of jobs for a command that only looks.

use std::time::{Duration, Instant};

use gristmill_jobs::registry::{JobTable, Registry, RegistryError};
use gristmill_rabbitmq::Broker;

/// When nothing has come for so long, the broker is asked whether there is more: nothing is
/// written, so this works while a broker is in alarm.
const QUIET: Duration = Duration::from_millis(400);
/// The same once everything has come that was there, but for what was stored with the last of it.
const QUIET_AT_END: Duration = Duration::from_millis(100);
/// The first entry may take longer.
const FIRST: Duration = Duration::from_secs(3);

/// All jobs as the log tells them now. While the broker is gone, does not have the log ready, or
/// has more than it has sent, it waits: silence then says nothing.
///
/// # Errors
/// When the log cannot be read, or is not read for as long as the command waits for a broker.
pub async fn read(broker: &Broker, registry: &Registry) -> Result<JobTable, RegistryError> {
    let (mut table, mut log) = registry.resume().await?;
    let mut wait = FIRST;
    let limit = broker.connect_limit().unwrap_or(Duration::MAX);
    let mut ready = Instant::now();
    loop {
        match tokio::time::timeout(wait, log.next()).await {
            Ok(entry) => {
                table.apply(entry?);
                wait = match log.is_at_end() {
                    true => QUIET_AT_END,
                    false => QUIET,
                };
            }
            Err(_) if broker.health().down > 0 => {
                wait = FIRST;
                ready = Instant::now();
            }
            Err(_) if !log.is_ready() && ready.elapsed() >= limit => {
                return Err(RegistryError::Gone(limit));
            }
            Err(_) if !log.is_ready() => wait = FIRST,
            Err(_) if log.is_at_end() => return Ok(table),
            Err(_) if ready.elapsed() >= limit => return Err(RegistryError::Unread(limit)),
            // A broker that is busy is silent, too.
            Err(_) => {
                if let Ok(found) = tokio::time::timeout(FIRST, log.find_end()).await {
                    found?;
                }
                wait = match log.is_at_end() {
                    true => Duration::ZERO,
                    false => FIRST,
                };
            }
        }
    }
}
