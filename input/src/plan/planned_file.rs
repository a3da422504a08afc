//! A regular file as it was when its job was planned.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;

use gristmill_common::split_task::FileVersion;

/// A regular file as it was when its job was planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlannedFile {
    /// Its size and when it was last changed.
    pub version: FileVersion,
    /// Its device and its number there (stat(2)); none where it was planned on another machine.
    pub id: Option<(u64, u64)>,
}

impl PlannedFile {
    /// A file as it is now.
    #[must_use]
    pub fn of(file: &Metadata) -> Self {
        Self {
            version: version_of(file),
            id: Some((file.dev(), file.ino())),
        }
    }

    /// A file that another machine planned.
    #[must_use]
    pub fn elsewhere(version: FileVersion) -> Self {
        Self { version, id: None }
    }

    /// Whether another file has taken its place, as far as is known.
    #[must_use]
    pub(crate) fn is_replaced_by(&self, file: &Metadata) -> bool {
        self.id.is_some_and(|id| id != (file.dev(), file.ino()))
    }
}

/// What tells this version of a file from others.
#[must_use]
pub fn version_of(file: &Metadata) -> FileVersion {
    FileVersion {
        size: file.len(),
        seconds: file.mtime(),
        nanos: file.mtime_nsec(),
    }
}
