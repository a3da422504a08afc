//! Waiting for the broker while a job enters the log: a stop ends it, and so does a broker that is
//! gone too long.

use std::time::Duration;

use gristmill_common::shutdown::{Shutdown, Stage};
use gristmill_rabbitmq::Broker;
use tokio::runtime::Handle;

use super::submit_error::SubmitError;
use crate::error::ProduceError;

/// Waits for something of the broker, unless a stop is asked for.
pub(super) fn until_stopped<T, E>(
    runtime: &Handle,
    shutdown: &Shutdown,
    what: impl Future<Output = Result<T, E>>,
) -> Result<T, SubmitError>
where
    SubmitError: From<E>,
{
    runtime.block_on(async {
        tokio::select! {
            biased;
            done = what => Ok(done?),
            () = shutdown.reached(Stage::Draining) => Err(ProduceError::Stopped.into()),
        }
    })
}

/// The time until the job is in the log.
pub(super) struct Entering<'a> {
    pub(super) broker: &'a Broker,
    pub(super) patience: Option<Duration>,
    pub(super) runtime: &'a Handle,
    pub(super) shutdown: &'a Shutdown,
}

impl Entering<'_> {
    /// Waits for something of the broker, unless a stop is asked for or the broker is gone too
    /// long.
    pub(super) fn wait<T, E>(
        &self,
        what: impl Future<Output = Result<T, E>>,
    ) -> Result<T, SubmitError>
    where
        SubmitError: From<E>,
    {
        let gone = async {
            match self.patience {
                Some(limit) => self.broker.gone_for(limit).await,
                None => std::future::pending().await,
            }
        };
        let either = async {
            tokio::select! {
                biased;
                done = what => done.map_err(SubmitError::from),
                reason = gone => Err(SubmitError::Gone(reason)),
            }
        };
        until_stopped::<T, SubmitError>(self.runtime, self.shutdown, either)
    }
}
