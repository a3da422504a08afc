//! Producing over a broker: a job enters the log, its chunks the queues; done again, it resumes.

mod checkpointer;
mod order;
mod owner;
mod submit;
mod wait;

pub use order::{Order, ProgramOrder};
pub use submit::{SubmitError, Submitted, default_name, submit};
pub use wait::Wait;
