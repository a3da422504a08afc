//! How long a log that the broker does not have, or does not serve, is waited for. It must not know
//! how it is looked for.

use std::time::{Duration, Instant};

use gristmill_rabbitmq::{Broker, Health, Looks};

use super::RegistryError;

/// How long a log that the broker does not have is looked for. A broker tells of a stream before it
/// has made it, and under load it takes its time (3.10.8: half a minute).
const LIMIT: Duration = Duration::from_secs(60);
/// How often the broker's health is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// Awaits an answer, which a broker that is well must give within [`Broker::connect_limit`]:
/// workers wait as long as it takes.
pub(super) async fn in_time<T>(
    broker: &Broker,
    answer: impl Future<Output = Result<T, RegistryError>>,
) -> Result<T, RegistryError> {
    let Some(limit) = broker.connect_limit() else {
        return answer.await;
    };
    let overdue = async {
        let (mut waited, mut looks) = (Duration::ZERO, Looks::every(LOOK));
        while waited < limit {
            let passed = looks.next().await;
            // Whoever waits for a broker that is gone or in alarm has limits for that.
            if broker.health() == Health::default() {
                waited += passed;
            }
        }
    };
    tokio::select! {
        biased;
        answer = answer => answer,
        () = overdue => Err(RegistryError::Gone(limit)),
    }
}

/// A spell in which the broker does not have the log.
#[derive(Debug, Default)]
pub(super) struct Missing {
    since: Option<Instant>,
}

impl Missing {
    /// The log was not there; an error when that was so for too long.
    pub(super) fn again(&mut self) -> Result<(), RegistryError> {
        let since = *self.since.get_or_insert_with(Instant::now);
        match since.elapsed() < LIMIT {
            true => Ok(()),
            false => Err(RegistryError::Gone(LIMIT)),
        }
    }

    /// The log is there.
    pub(super) fn end(&mut self) {
        self.since = None;
    }
}
