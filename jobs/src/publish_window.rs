//! A window of publishes: several messages on their way to the queues at a time, from a plain
//! thread, so that none waits until the one before is confirmed. It must not know what they say.

use gristmill_common::shutdown::{Shutdown, Stage};
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use crate::transport::PublishError;

/// Why a message on its way did not land.
#[derive(Debug, thiserror::Error)]
pub enum LandError {
    /// The queue did not take it, or the process drains.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// The task that published it died.
    #[error("{0}")]
    Task(String),
}

/// Messages on their way; each publish gives a `T` when its message is taken. Dropped, it gives up
/// those that are not.
#[derive(Debug)]
pub struct PublishWindow<'a, T> {
    runtime: &'a Handle,
    shutdown: &'a Shutdown,
    flying: JoinSet<Result<T, PublishError>>,
}

impl<'a, T: Send + 'static> PublishWindow<'a, T> {
    /// Nothing is on its way. Publishes run on `runtime`; nobody waits for one once `shutdown`
    /// drains.
    #[must_use]
    pub fn new(runtime: &'a Handle, shutdown: &'a Shutdown) -> Self {
        Self {
            runtime,
            shutdown,
            flying: JoinSet::new(),
        }
    }

    /// Begins a publish.
    pub fn begin(
        &mut self,
        publishing: impl Future<Output = Result<T, PublishError>> + Send + 'static,
    ) {
        self.flying.spawn_on(publishing, self.runtime);
    }

    /// Waits for one message if more than `most` are on their way, and gives what its publish gave;
    /// else `None`. Blocks; not to be called on a runtime's thread.
    ///
    /// # Errors
    /// When a message was not taken, or the process drains while it is waited for.
    pub fn land(&mut self, most: usize) -> Result<Option<T>, LandError> {
        if self.flying.len() <= most {
            return Ok(None);
        }
        let landed = self.runtime.block_on(async {
            tokio::select! {
                biased;
                landed = self.flying.join_next() => landed,
                () = self.shutdown.reached(Stage::Draining) => {
                    Some(Ok(Err(PublishError::Stopped)))
                }
            }
        });
        match landed {
            Some(Ok(published)) => Ok(Some(published?)),
            Some(Err(error)) => Err(LandError::Task(error.to_string())),
            None => Ok(None),
        }
    }
}
