//! Producing over a broker: a job enters the log, its chunks the queues; done again, it resumes.

mod checkpointer;
mod entering;
mod order;
mod owner;
mod resume_state;
mod submit;
mod submit_error;
mod wait;

pub use order::{Order, ProgramOrder};
pub use submit::{Submitted, default_name, submit};
pub use submit_error::SubmitError;
pub use wait::Wait;
