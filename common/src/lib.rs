//! The contract of Gristmill: what producer, mapper and reducer agree on.
//!
//! It holds the job spec, the identities, the record grammar, keys and table rows, the messages and
//! their codec, and what a process counts and is stopped by. It must not know how messages travel,
//! how archives are read, how text is processed or how files are written, and it depends on no
//! other crate of the workspace.

pub mod bucket;
pub mod buffer_pool;
pub mod chunk;
pub mod clock;
pub mod code;
pub mod commonest;
pub mod condition;
pub mod container;
pub mod counters;
pub mod crash;
pub mod deaths;
pub mod decimal;
pub mod entries;
pub mod entry;
pub mod extent;
pub mod folder;
pub mod frame;
pub mod header;
pub mod histogram;
pub mod id;
pub mod job;
pub mod key;
pub mod large;
mod lz4;
mod message;
pub mod name;
pub mod outcome;
pub mod own_program;
pub mod pair;
pub mod plan_summary;
pub mod prefix;
pub mod progress;
pub mod quotes;
pub mod record;
pub mod reduce_program;
pub mod seal;
pub mod sha256;
pub mod shards;
pub mod shutdown;
pub mod size;
pub mod spec;
pub mod split_task;
pub mod table;
pub mod temp_folder;
pub mod wire;
