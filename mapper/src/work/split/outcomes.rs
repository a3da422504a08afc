//! The outcomes of one split on their way to the reducers: several at a time, and all of them taken
//! before the split is settled (I3).

use std::sync::Arc;

use bytes::Bytes;
use gristmill_common::crash;
use gristmill_common::progress::Progress;
use gristmill_common::shutdown::{Shutdown, Stage};
use gristmill_jobs::transport::PublishError;
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use crate::work::assignment::{Assignment, MapError};
use crate::work::publish;

/// Messages on their way at a time. Each is held until it is taken.
const WINDOW: usize = 8;

/// Publishes from a compute thread.
pub(super) struct Outcomes<'a> {
    job: &'a Arc<Assignment>,
    runtime: &'a Handle,
    stop: &'a Shutdown,
    flying: JoinSet<Result<(), PublishError>>,
}

impl<'a> Outcomes<'a> {
    pub(super) fn new(job: &'a Arc<Assignment>, runtime: &'a Handle, stop: &'a Shutdown) -> Self {
        Self {
            job,
            runtime,
            stop,
            flying: JoinSet::new(),
        }
    }

    /// Sends a message to a partition; waits while too many are on their way.
    ///
    /// # Errors
    /// When an earlier one was not taken, or a stop was asked for while it waits.
    pub(super) fn send(&mut self, partition: u32, message: Bytes) -> Result<(), MapError> {
        self.land(WINDOW - 1)?;
        let job = Arc::clone(self.job);
        let publishing = async move {
            let size = publish::publish(&job, partition, message).await?;
            Progress::add(&job.progress.outcome_bytes, size);
            crash::point("outcome-published");
            Ok(())
        };
        self.flying.spawn_on(publishing, self.runtime);
        Ok(())
    }

    /// Waits until no more than `most` are on their way.
    ///
    /// # Errors
    /// As [`Outcomes::send`].
    pub(super) fn land(&mut self, most: usize) -> Result<(), MapError> {
        while self.flying.len() > most {
            let landed = self.runtime.block_on(async {
                tokio::select! {
                    biased;
                    landed = self.flying.join_next() => landed,
                    () = self.stop.reached(Stage::Draining) => {
                        Some(Ok(Err(PublishError::Stopped)))
                    }
                }
            });
            match landed {
                Some(Ok(published)) => published?,
                Some(Err(error)) => return Err(MapError::Thread(error.to_string())),
                None => break,
            }
        }
        Ok(())
    }
}
