//! Chunks in, outcomes out.
//!
//! A [`Prepared`] job makes [`Processor`]s, one per thread; a [`Mapper`] runs a processor over one
//! chunk and encodes what comes out; [`work`] does so for a whole queue. A new kind is one file in
//! `kinds/`. This crate must not know where chunks come from or what becomes of outcomes.

mod account;
mod assignment;
mod batch;
mod bisect;
mod encode;
mod exec;
mod files;
mod isolate;
mod job_file;
mod kinds;
mod mapper;
mod output;
mod prepared;
mod processor;
mod rota;
mod screen;
mod serve;
mod simd;
mod table;
mod work;

pub use assignment::{Assignment, MapError};
pub use batch::{Batch, Part, Record};
pub use exec::{Host, KEEPER, Trial, Tried, keeper};
pub use isolate::{Limits, SUBCOMMAND, child};
pub use job_file::JobFile;
pub use kinds::name_model;
pub use mapper::{Mapped, Mapper};
pub use output::Output;
pub use prepared::{Prepared, SpecError};
pub use processor::{ProcessError, Processor};
pub use serve::{ServeError, Settings, serve};
pub use table::{RowId, Table};
pub use work::work;
