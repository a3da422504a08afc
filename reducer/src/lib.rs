//! The reducer of Gristmill: outcomes in, files out.
//!
//! It merges the outcomes of a job's chunks into part files, with the account of every record and a
//! manifest that is written last. It must not know how archives are read or text is processed.

mod accounts;
mod arrivals;
mod commit;
mod destination;
mod digest;
mod error;
mod files;
mod gzip;
mod ledger;
mod manifest;
mod ordered;
mod out_file;
mod output_dir;
mod parts;
mod product;
mod quarantine;
mod reduce;
mod reduce_error;
mod render;
mod room;
mod serve;
mod sort;
mod table;
mod verify;

pub use accounts::Account;
pub use commit::{CommitError, Report, commit};
pub use destination::{Destination, Stream};
pub use error::FileError;
pub use ledger::Loss;
pub use manifest::{
    FORMAT, FileEntry, MANIFEST, Manifest, NoManifest, QUARANTINE, SOURCES, Totals, is_output_name,
    is_part_name, part_name,
};
pub use output_dir::{OutputDir, OutputError};
pub use reduce::{PartitionResult, Settings, reduce};
pub use reduce_error::{QuarantineFull, ReduceError};
pub use serve::{ServeError, Settings as ServeSettings, serve};
pub use verify::{Verified, VerifyError, verify};
