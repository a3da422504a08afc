//! Length and SHA-256 of a file that is already there.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::engine::error::FileError;
use crate::engine::out_file::hex;

/// Bytes read at once.
const BLOCK: usize = 256 << 10;

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
    let mut file = File::open(path).map_err(wrong)?;
    let mut hash = Sha256::new();
    let mut bytes = 0;
    let mut block = vec![0; BLOCK];
    loop {
        match file.read(&mut block) {
            Ok(0) => break,
            Ok(read) => {
                hash.update(&block[..read]);
                bytes += read as u64;
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(wrong(error)),
        }
    }
    Ok(Digested {
        bytes,
        sha256: hex(&hash.finalize()),
    })
}
