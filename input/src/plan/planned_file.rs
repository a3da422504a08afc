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

    /// Whether another file has taken its place, as far as is known: one of another number that is
    /// not of the same size and time.
    ///
    /// The number alone does not tell: some mounts (FUSE, network file systems) give a file a new
    /// one each time it is opened. A file that grows or is emptied in place keeps it; what has been
    /// planned of it is there, or reading finds its end.
    #[must_use]
    pub(crate) fn is_replaced_by(&self, file: &Metadata) -> bool {
        self.id.is_some_and(|id| id != (file.dev(), file.ino())) && self.version != version_of(file)
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn planned(path: &Path) -> PlannedFile {
        PlannedFile::of(&std::fs::metadata(path).unwrap())
    }

    #[test]
    fn a_file_is_replaced_by_another_number_with_another_size_or_time() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.log");
        std::fs::write(&path, "a line\n").unwrap();
        let file = planned(&path);
        let now = || std::fs::metadata(&path).unwrap();
        assert!(!file.is_replaced_by(&now()));

        // As mounts do that number files anew.
        let (device, number) = file.id.unwrap();
        let renumbered = PlannedFile {
            id: Some((device, number + 1)),
            ..file
        };
        assert!(!renumbered.is_replaced_by(&now()));

        // It grows, and is emptied in place.
        std::fs::write(&path, "a line\nanother\n").unwrap();
        assert!(!file.is_replaced_by(&now()));
        std::fs::write(&path, "").unwrap();
        assert!(!file.is_replaced_by(&now()));
        assert!(renumbered.is_replaced_by(&now()));

        // Another file of the same size, written later.
        let file = planned(&path);
        let other = dir.path().join("b.log");
        std::fs::write(&other, "").unwrap();
        let later = now().modified().unwrap() + std::time::Duration::from_nanos(1_000_000);
        let opened = std::fs::File::options().write(true).open(&other).unwrap();
        opened.set_modified(later).unwrap();
        assert!(file.is_replaced_by(&std::fs::metadata(&other).unwrap()));
        assert!(!PlannedFile::elsewhere(file.version).is_replaced_by(&now()));
    }
}
