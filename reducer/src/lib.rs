//! The reducer of Gristmill: outcomes in, files out.
//!
//! `engine` merges the outcomes of a job's chunks into part files, with the account of every record
//! and a manifest that is written last. [`reduce`] feeds it from a transport, and `service` finds
//! the jobs of a broker to work on. It must not know how archives are read or text is processed.

mod engine;
mod service;
mod work;

pub use engine::accounts::Account;
pub use engine::commit::{Report, commit};
pub use engine::commit_error::CommitError;
pub use engine::destination::{Destination, Stream};
pub use engine::error::FileError;
pub use engine::manifest::{
    FORMAT, FileEntry, MANIFEST, Manifest, NoManifest, QUARANTINE, SOURCES, Totals, is_output_name,
    is_part_name, part_name,
};
pub use engine::output_dir::{OutputDir, OutputError};
pub use engine::output_files::{FolderFiles, OutputFiles};
pub use engine::product::{Settings, threads_of_partition};
pub use engine::reduce::PartitionResult;
pub use engine::reduce_error::{QuarantineFull, ReduceError};
pub use engine::verify::{Verified, VerifyError, manifest_of, verify, verify_files};
pub use service::{NotPublished, Publish, ServeError, Settings as ServeSettings, serve};
pub use work::reduce;
