//! Chunks in, outcomes out.
//!
//! A [`Prepared`] job makes [`Processor`]s, one per thread; a [`Mapper`] runs a processor over one
//! chunk and encodes what comes out; [`work`] does so for a whole queue. A new kind is one file in
//! `kinds/`. This crate must not know where chunks come from or what becomes of outcomes.

mod account;
mod batch;
mod bisect;
mod encode;
mod kinds;
mod mapper;
mod output;
mod prepared;
mod processor;
mod screen;
mod simd;
mod table;
mod work;

pub use batch::{Batch, Part, Record};
pub use kinds::model_hash;
pub use mapper::{Mapped, Mapper};
pub use output::Output;
pub use prepared::{Prepared, SpecError};
pub use processor::{ProcessError, Processor};
pub use table::{RowId, Table};
pub use work::{MapError, work};
