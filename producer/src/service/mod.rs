//! Producing over a broker: a job enters the log, its chunks the queues; done again, it resumes.
//!
//! It must not know how splits are read.

mod checkpointer;
mod order;
mod owner;
mod publish;
mod resume_state;
mod submit;
mod submit_error;
mod submitter;
mod wait;

pub use order::{Order, ProgramOrder};
pub use submit::{Submitted, default_name};
pub use submit_error::SubmitError;
pub use submitter::Submitter;
pub use wait::Wait;
