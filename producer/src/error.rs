//! Why producing ended early.

use gristmill_common::wire::WireError;
use gristmill_input::Halt;
use gristmill_jobs::publish_window::LandError;
use gristmill_jobs::transport::PublishError;

/// Why [`crate::produce`] did not finish.
#[derive(Debug, thiserror::Error)]
pub enum ProduceError {
    /// A stop was asked for: by the shutdown token, or because the queues were stopped.
    #[error("stopped")]
    Stopped,
    /// A chunk does not fit a message: a defect of this crate, as chunks are cut to fit.
    #[error("chunk: {0}")]
    Chunk(WireError),
    /// The seal does not fit a message: the job has too many sources and splits.
    #[error("{sources} sources in {splits} splits are more than one seal can list: {error}")]
    Seal {
        /// Number of sources.
        sources: usize,
        /// Number of splits.
        splits: usize,
        /// What the codec said.
        error: WireError,
    },
    /// A source is a stream or has a secret URL: no mapper can read it.
    #[error("stdin, pipes and signed URLs cannot be read by mappers: --send chunks")]
    Unnamed,
    /// A queue that the job needs does not exist.
    #[error(transparent)]
    Transport(PublishError),
    /// How far the job is cannot be written down.
    #[error("{0}")]
    Log(String),
    /// The inputs cannot be read to their end.
    #[error(transparent)]
    Read(Halt),
}

impl From<PublishError> for ProduceError {
    fn from(error: PublishError) -> Self {
        match error {
            PublishError::Stopped => ProduceError::Stopped,
            PublishError::NoQueue(_) | PublishError::Refused(_) => ProduceError::Transport(error),
        }
    }
}

impl From<LandError> for ProduceError {
    fn from(error: LandError) -> Self {
        match error {
            LandError::Publish(error) => error.into(),
            LandError::Task(error) => ProduceError::Read(Halt::Thread(error)),
        }
    }
}

impl From<Halt> for ProduceError {
    fn from(halt: Halt) -> Self {
        match halt {
            Halt::Stopped => ProduceError::Stopped,
            // Of a sink of this crate.
            Halt::Sink(error) => match error.downcast() {
                Ok(error) => *error,
                Err(error) => ProduceError::Read(Halt::Sink(error)),
            },
            halt => ProduceError::Read(halt),
        }
    }
}

impl From<ProduceError> for Halt {
    fn from(error: ProduceError) -> Self {
        match error {
            ProduceError::Stopped => Halt::Stopped,
            ProduceError::Read(halt) => halt,
            error => Halt::Sink(Box::new(error)),
        }
    }
}
