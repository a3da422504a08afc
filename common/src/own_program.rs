//! The program that this process runs, to be started again as another process.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

/// The program's own link, which holds when the file is gone (proc(5)).
const LINK: &str = "/proc/self/exe";

/// What starts this very program again. An upgrade replaces its file while it runs: then that is
/// the link, which leads to the file as it was.
///
/// # Errors
/// When the system does not tell.
pub fn own_program() -> io::Result<PathBuf> {
    let path = std::env::current_exe()?;
    let Ok(own) = std::fs::metadata(LINK) else {
        // No /proc here: the path is all that is known.
        return Ok(path);
    };
    let is_own = std::fs::metadata(&path)
        .is_ok_and(|file| (file.dev(), file.ino()) == (own.dev(), own.ino()));
    Ok(if is_own { path } else { LINK.into() })
}
