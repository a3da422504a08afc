//! The inputs of Gristmill: files, archives and streams in, chunks of whole records out.
//!
//! [`Plan`] lists the inputs and cuts them into splits, [`read_split`] turns one split into chunks,
//! [`read_all`] does it for all splits on threads. It must not know what a job does with the
//! records, nor where chunks go.

mod archive;
mod cut;
mod directory;
mod error;
mod head;
mod in_memory;
mod look;
mod object;
mod plan;
mod read;
mod recount;
mod seek;
mod sniff;
mod stream;
#[cfg(test)]
mod testing;
mod unpack;
mod whole;

pub use cut::{Account, ChunkSink};
pub use error::{Failure, Halt};
pub use head::{Ahead, FirstText};
pub use look::{Look, look};
pub use object::{
    Found, NoObjects, Object, ObjectError, ObjectSource, ObjectStream, Objects, is_url,
};
pub use plan::{
    Located, Plan, PlanError, PlannedFile, Source, SourceKind, Split, path_of, version_of,
};
pub use read::{Reading, read_all, read_split};
pub use recount::recount;
