//! The producer of Gristmill: a planned job in, its chunks and their seal in the job's queues.
//!
//! [`produce`] reads all splits and publishes their chunks; [`Submitter`] does it over a broker,
//! where a job enters the log and is resumed. It must not know how inputs are read, nor who takes
//! the chunks.

mod error;
mod produce;
mod send_splits;
mod service;
#[cfg(test)]
mod testing;

pub use error::ProduceError;
pub use produce::{FreshRun, Resume, Settings, produce};
pub use service::{Order, ProgramOrder, SubmitError, Submitted, Submitter, Wait, default_name};
