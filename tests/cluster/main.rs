//! Tests that drive the whole over a real RabbitMQ: real processes, real kills. One noun a file.

mod attached;
mod chaos;
mod cluster;
#[path = "../it/columns.rs"]
mod columns;
#[path = "../it/corpus.rs"]
mod corpus;
mod crash_points;
mod dashboard;
mod exec;
mod exec_gate;
mod exec_poison;
mod exec_printed;
mod exec_reduce;
mod exec_slow;
mod faults;
mod files;
mod finished;
#[path = "../it/gristmill.rs"]
mod gristmill;
mod lifecycle;
mod listen;
#[path = "../../jobs/tests/amqp/harness/log.rs"]
mod log_writer;
mod long_log;
mod nodes;
mod objects;
mod owner;
mod poison;
mod runs;
mod same_bytes;
mod screen;
mod shared_split;
mod splits;
mod status;
#[path = "../it/terminal.rs"]
mod terminal;
