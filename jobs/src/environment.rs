//! What a role works with on a job, beside the job itself.

use bytes::Bytes;
use gristmill_common::progress::Progress;
use gristmill_common::shutdown::{Shutdown, Stage};
use tokio::runtime::Handle;

use crate::queue::Queue;
use crate::transport::{Delivery, PublishError, Transport};

/// The queues of a job as a plain thread uses them, and how its process shows progress and stops.
#[derive(Clone, Copy, Debug)]
pub struct Environment<'a> {
    /// The job's queues.
    pub transport: &'a Transport,
    /// Where publishing, taking and settling run.
    pub runtime: &'a Handle,
    /// Counters for display.
    pub progress: &'a Progress,
    /// Says when to stop.
    pub shutdown: &'a Shutdown,
}

impl Environment<'_> {
    /// As [`Transport::publish`]; blocks. Ends with [`PublishError::Stopped`] when the process
    /// drains while there is no room.
    ///
    /// # Errors
    /// As [`Transport::publish`].
    pub fn publish(self, to: Queue, message: Bytes) -> Result<(), PublishError> {
        let publishing = self.transport.publish(to, message);
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                result = publishing => result,
                () = self.shutdown.reached(Stage::Draining) => Err(PublishError::Stopped),
            }
        })
    }

    /// As [`Transport::next`]; blocks. `None` too when the process stops at once.
    ///
    /// # Errors
    /// As [`Transport::next`].
    pub fn next(self, from: Queue) -> Result<Option<Delivery>, PublishError> {
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                () = self.shutdown.reached(Stage::Aborted) => Ok(None),
                next = self.transport.next(from) => next,
            }
        })
    }
}
