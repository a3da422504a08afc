//! The jobs of Gristmill: their queues, the log of jobs, progress reports and files.
//!
//! The [`transport`] carries a job's messages, in memory or over RabbitMQ; [`registry`] is the log
//! of jobs. It must not know how a job's input is read, how text is processed or how output is
//! written.

pub mod declare;
pub mod directory;
pub mod environment;
pub mod file;
pub mod left_alone;
pub mod programs;
pub mod publish_window;
pub mod queue;
pub mod registry;
pub mod report;
pub mod transport;
pub mod worker;
