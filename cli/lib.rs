//! The front door of Gristmill: the command line, and the three roles composed in one process.
//!
//! It knows every role; no role knows it.

pub mod absent_fields;
pub mod allocator;
pub mod args;
pub mod broker;
pub mod code_files;
pub mod commands;
pub mod confined;
pub mod dashboard;
pub mod exec_args;
pub mod exit;
pub mod grep_args;
pub mod http;
pub mod job_args;
pub mod job_view;
pub mod jobs;
pub mod listen;
pub mod log;
pub mod memory;
pub mod objects;
pub mod parse_auto;
pub mod phrases;
pub mod pipeline;
pub mod pos_args;
pub mod program_args;
pub mod program_words;
#[cfg(feature = "object-storage")]
pub mod publish;
#[cfg(not(feature = "object-storage"))]
#[path = "unpublished.rs"]
pub mod publish;
pub mod quarantine_limit;
pub mod recycle;
pub mod reduce_words;
pub mod run_progress;
pub mod screen;
pub mod signals;
pub mod stages;
pub mod stdout;
pub mod summary;
pub mod verbosity;
pub mod wait_progress;
pub mod watch;
pub mod worker;
pub mod worker_view;
