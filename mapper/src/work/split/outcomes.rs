//! The outcomes of one split on their way to the reducers: several at a time, and all of them taken
//! before the split is settled (I3).

use std::sync::Arc;

use bytes::Bytes;
use gristmill_common::crash;
use gristmill_common::progress::Progress;
use gristmill_common::shutdown::Shutdown;
use gristmill_jobs::publish_window::PublishWindow;

use super::SplitWork;
use crate::work::assignment::{Assignment, MapError};
use crate::work::in_flight::InFlight;
use crate::work::publish;

/// Messages on their way at a time. Each is held until it is taken.
const WINDOW: usize = 8;

/// Publishes from a compute thread.
pub(super) struct Outcomes<'a> {
    job: &'a Arc<Assignment>,
    in_flight: &'a InFlight,
    flying: PublishWindow<'a, ()>,
}

impl<'a> Outcomes<'a> {
    pub(super) fn new(work: &SplitWork<'a>, stop: &'a Shutdown) -> Self {
        Self {
            job: work.job,
            in_flight: work.in_flight,
            flying: PublishWindow::new(work.runtime, stop),
        }
    }

    /// Sends a message to a partition; waits while too many are on their way.
    ///
    /// # Errors
    /// When an earlier one was not taken, or a stop was asked for while it waits.
    pub(super) fn send(&mut self, partition: u32, message: Bytes) -> Result<(), MapError> {
        self.land(WINDOW - 1)?;
        let job = Arc::clone(self.job);
        self.flying.begin(async move {
            let size = publish::publish(&job, partition, message).await?;
            Progress::add(&job.progress.outcome_bytes, size);
            crash::point("outcome-published");
            Ok(())
        });
        Ok(())
    }

    /// Waits until no more than `most` are on their way.
    ///
    /// # Errors
    /// As [`Outcomes::send`].
    pub(super) fn land(&mut self, most: usize) -> Result<(), MapError> {
        let flying = &mut self.flying;
        self.in_flight.waits(|| {
            while flying.land(most)?.is_some() {}
            Ok(())
        })
    }
}
