//! Producing over a broker: a job enters the log, its chunks the queues; done again, it resumes.

mod checkpointer;
mod owner;
mod submit;
mod wait;

pub use submit::{Order, SubmitError, Submitted, default_name, submit};
pub use wait::Wait;
