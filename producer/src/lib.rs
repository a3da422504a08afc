//! The producer of Gristmill: archives in, chunks out.
//!
//! [`Plan`] lists the inputs and cuts them into splits, [`read_split`] turns one split into chunks,
//! [`produce`] does it for all splits on threads and publishes. It must not know what a job does
//! with the records, nor who takes the chunks.

mod cut;
mod diary;
mod error;
mod plan;
mod produce;
mod read;
mod recount;
mod sniff;

mod stream;
mod submit;
#[cfg(test)]
mod testing;
mod whole;

pub use cut::{Account, ChunkSink};
pub use error::{Failure, Halt, ProduceError};
pub use plan::{Plan, PlanError, Source, SourceKind, Split};
pub use produce::{Afresh, Resume, Settings, Surroundings, produce};
pub use read::{Reading, read_split};
pub use recount::recount;
pub use submit::{Order, SubmitError, Submitted, Wait, default_name, submit};
