//! Length and SHA-256 of a file that is already there.

use std::fs::File;
use std::path::Path;

use gristmill_common::sha256::Sha256;

use crate::engine::error::FileError;

/// What a file holds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Digested {
    pub(crate) bytes: u64,
    /// In lower-case hexadecimal.
    pub(crate) sha256: String,
}

/// Reads a file through.
pub(crate) fn digest(path: &Path) -> Result<Digested, FileError> {
    let wrong = |error| FileError::new("read", path)(error);
    let file = File::open(path).map_err(wrong)?;
    let (sha256, bytes) = Sha256::of_reader(file).map_err(wrong)?;
    Ok(Digested {
        bytes,
        sha256: sha256.to_string(),
    })
}
