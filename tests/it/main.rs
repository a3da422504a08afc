//! Tests that drive the whole: the real binary, or the pipeline behind it. One noun a file.

mod archives;
mod bad_input;
mod cli;
mod columns;
mod corpus;
mod docs;
mod exec;
mod exec_hostile;
mod exec_nltk;
mod exec_python;
mod exec_scans;
mod first_contact;
mod gristmill;
mod group_by;
mod group_by_columns;
mod group_by_rows;
mod manifests;
mod memory;
mod objects;
mod operate;
mod parse_auto;
mod report;
mod run_progress;
mod same_bytes;
mod terminal;
mod verify;
