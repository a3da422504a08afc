//! What is done to folders where more than one process is at work: a file may be gone already, and
//! an entry is durable only when its folder is.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::Path;

/// Removes a file; one that is already gone is fine.
///
/// # Errors
/// When it is there and cannot be removed.
pub fn remove_file(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Waits until a folder's entries are on the disk.
///
/// # Errors
/// When the folder cannot be opened, or the disk fails.
pub fn sync(dir: &Path) -> io::Result<()> {
    match File::open(dir).and_then(|dir| dir.sync_all()) {
        // Some network filesystems sync folders by themselves and refuse to be asked.
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::InvalidInput | ErrorKind::Unsupported
            ) =>
        {
            Ok(())
        }
        synced => synced,
    }
}
