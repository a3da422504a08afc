//! An order and what it takes to submit it. While the job enters the log, the broker is waited for:
//! a stop ends that, and so does a broker that is gone too long.

use gristmill_common::shutdown::Stage;
use gristmill_jobs::worker::Worker;

use super::order::Order;
use super::submit_error::SubmitError;
use crate::error::ProduceError;

/// An order, and what it takes to submit it.
#[derive(Clone, Copy)]
pub struct Submitter<'a> {
    /// What is to be done.
    pub order: &'a Order<'a>,
    /// The process that submits it.
    pub worker: &'a Worker,
}

impl Submitter<'_> {
    /// Waits for something of the broker, unless a stop is asked for.
    pub(super) fn until_stopped<T, E>(
        &self,
        what: impl Future<Output = Result<T, E>>,
    ) -> Result<T, SubmitError>
    where
        SubmitError: From<E>,
    {
        self.worker.runtime.block_on(async {
            tokio::select! {
                biased;
                done = what => Ok(done?),
                () = self.worker.shutdown.reached(Stage::Draining) => Err(ProduceError::Stopped.into()),
            }
        })
    }

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
            match self.order.patience {
                Some(limit) => self.worker.broker.gone_for(limit).await,
                None => std::future::pending().await,
            }
        };
        self.until_stopped::<T, SubmitError>(async {
            tokio::select! {
                biased;
                done = what => done.map_err(SubmitError::from),
                reason = gone => Err(SubmitError::Gone(reason)),
            }
        })
    }
}
