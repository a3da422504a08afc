//! What goes wrong with files, in words that name the file and the way out.

use std::io;
use std::path::{Path, PathBuf};

/// A file operation that failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {doing} {}: {error}{}", path.display(), way_out(error))]
pub struct FileError {
    /// What was tried, as a verb.
    pub doing: &'static str,
    /// On which file or folder.
    pub path: PathBuf,
    /// What the system said. No source of this error, whose words hold it already.
    pub error: io::Error,
}

impl FileError {
    /// For `map_err`: what was tried on which path.
    pub(crate) fn new(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> FileError {
        move |error| FileError {
            doing,
            path: path.to_owned(),
            error,
        }
    }

    /// Whether the reader of a pipe went away.
    #[must_use]
    pub fn is_closed_pipe(&self) -> bool {
        self.error.kind() == io::ErrorKind::BrokenPipe
    }
}

fn way_out(error: &io::Error) -> &'static str {
    use io::ErrorKind as Kind;
    match error.kind() {
        Kind::StorageFull => {
            "; free some space, or choose another disk with -o (output) or --tmp (temporary files)"
        }
        Kind::QuotaExceeded => {
            "; your disk quota is used up: choose another disk with -o (output) or --tmp"
        }
        Kind::FileTooLarge => {
            "; the file size limit of this shell or filesystem is reached: see `ulimit -f`, or write \
             smaller files with --partitions or --compress"
        }
        Kind::ReadOnlyFilesystem | Kind::PermissionDenied => {
            "; choose a folder that you may write to with -o (output) or --tmp (temporary files)"
        }
        _ => "",
    }
}
