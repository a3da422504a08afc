//! Producing over a broker: a job enters the log, its chunks the queues; done again, it resumes.

mod diary;
mod submit;

pub use submit::{Order, SubmitError, Submitted, Wait, default_name, submit};
