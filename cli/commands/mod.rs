//! The subcommands, one file each.

pub mod cancel;
pub mod dashboard;
pub mod doctor;
pub mod dry_run;
pub mod exec;
pub mod exec_key;
pub mod fields;
pub mod health;
pub mod man;
pub mod map;
pub mod produce;
pub mod produce_end;
pub mod produce_exec;
pub mod produce_wait;
pub mod reduce;
pub mod replay;
pub mod report;
pub mod rerun;
pub mod run;
pub mod set_aside;
pub mod status;
pub mod tagger;
pub mod verify;
