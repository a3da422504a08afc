//! The queues, the log of jobs and the reports over a real RabbitMQ: one broker for all tests, each
//! on a virtual host of its own, but for those that mistreat a broker. One noun a file.

mod checkpoints;
mod connect;
mod faults;
mod fresh_log;
mod harness;
mod registry;
mod reports;
mod restarts;
mod silent_channels;
mod transport;
