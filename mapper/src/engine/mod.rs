//! A chunk's bytes in, outcomes' bytes out.
//!
//! [`prepared`] checks a job's options once, [`mapper`] runs a chunk through the job's processor,
//! and a new kind is one file in [`kinds`]. It must not know where chunks come from or what becomes
//! of outcomes.

pub(crate) mod account;
pub(crate) mod batch;
pub(crate) mod bisect;
pub(crate) mod bucket_counts;
pub(crate) mod calendar;
pub(crate) mod chunk_run;
pub(crate) mod encode;
pub(crate) mod grouped;
pub(crate) mod held_rows;
pub(crate) mod job_file;
pub(crate) mod json;
pub(crate) mod kinds;
pub(crate) mod lines;
pub(crate) mod mapper;
pub(crate) mod output;
pub(crate) mod prepared;
pub(crate) mod processor;
pub(crate) mod shares;
pub(crate) mod simd;
pub(crate) mod table;
pub(crate) mod utf8_filter;
