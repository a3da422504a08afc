//! Outcomes' bytes in, files out.
//!
//! [`reduce`] merges the outcomes of one partition, [`commit`] puts the parts, the account of every
//! record and the manifest in place, and [`verify`] checks an output. It must not know where
//! outcomes come from.

pub(crate) mod accounts;
pub(crate) mod arrivals;
pub(crate) mod attempts;
pub(crate) mod beside;
pub(crate) mod commit;
pub(crate) mod commit_error;
pub(crate) mod destination;
pub(crate) mod digest;
pub(crate) mod document_limit;
pub(crate) mod error;
pub(crate) mod files;
pub(crate) mod grouped;
pub(crate) mod gzip;
pub(crate) mod hashed;
pub(crate) mod manifest;
pub(crate) mod member_names;
pub(crate) mod ordered;
pub(crate) mod out_file;
pub(crate) mod output_dir;
pub(crate) mod output_files;
pub(crate) mod parts;
pub(crate) mod product;
pub(crate) mod quarantine;
pub(crate) mod reduce;
pub(crate) mod reduce_error;
pub(crate) mod render;
pub(crate) mod sort;
pub(crate) mod spill_buffer;
pub(crate) mod table;
pub(crate) mod table_merge;
pub(crate) mod tar_part;
pub(crate) mod verify;
