//! The one owner of what is risky with files: temporary names, fsync and rename.
//!
//! A file of the output is written under a temporary name of our own, synced, and only then
//! renamed. It must not know what the files hold.
#![expect(
    clippy::disallowed_methods,
    reason = "this is the file that owns renaming"
)]

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use gristmill_common::folder;
use rustix::fs::{CWD, RenameFlags};

use crate::engine::error::FileError;

/// How every temporary name of ours begins.
const PREFIX: &str = ".gristmill-";
/// How every temporary name of ours ends.
const SUFFIX: &str = ".tmp";
/// The name of the lock file.
pub(crate) const LOCK: &str = ".gristmill.lock";

/// The temporary name of `name`, in the same folder.
pub(crate) fn temp_name(name: &str) -> String {
    format!("{PREFIX}{name}{SUFFIX}")
}

/// Whether a file name is one of ours for temporary files.
pub(crate) fn is_temp_name(name: &str) -> bool {
    name.len() > PREFIX.len() + SUFFIX.len() && name.starts_with(PREFIX) && name.ends_with(SUFFIX)
}

/// A file under a temporary name, removed on drop unless it was renamed or kept.
#[derive(Debug)]
pub(crate) struct TempFile {
    file: File,
    path: PathBuf,
    target: PathBuf,
    keep: bool,
}

impl TempFile {
    /// Creates the temporary file of `name` in `dir`; an old one of that name is replaced.
    pub(crate) fn create(dir: &Path, name: &str) -> Result<Self, FileError> {
        let path = dir.join(temp_name(name));
        let _ = fs::remove_file(&path);
        let file = File::create_new(&path).map_err(FileError::new("create", &path))?;
        Ok(Self {
            file,
            path,
            target: dir.join(name),
            keep: false,
        })
    }

    /// The file, open for writing.
    pub(crate) fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// The name that the file will have; errors name this one, which people know.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    /// Waits until the file's bytes are on the disk.
    pub(crate) fn sync(&self) -> Result<(), FileError> {
        self.file
            .sync_all()
            .map_err(FileError::new("write", &self.target))
    }

    /// From here on the file stays, whatever happens: the next run knows how to go on.
    pub(crate) fn keep(&mut self) {
        self.keep = true;
    }

    /// Gives the file its name; a file that had it is replaced in one step.
    pub(crate) fn publish(mut self) -> Result<(), FileError> {
        fs::rename(&self.path, &self.target).map_err(FileError::new("rename to", &self.target))?;
        self.keep = true;
        Ok(())
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        if !self.keep {
            // Nothing can be done about a failure; the next run cleans what is left.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Renames a file of the output and leaves the folder to be synced by the caller.
pub(crate) fn rename(from: &Path, to: &Path) -> Result<(), FileError> {
    fs::rename(from, to).map_err(FileError::new("rename", from))
}

/// Gives a file a name that no file has: false when one has it. The temporary name may stay.
pub(crate) fn put(temp: &Path, path: &Path) -> Result<bool, FileError> {
    let linked = match fs::hard_link(temp, path) {
        // Some filesystems have no links, but can rename without replacing.
        Err(error)
            if !matches!(
                error.kind(),
                ErrorKind::AlreadyExists | ErrorKind::StorageFull
            ) =>
        {
            renamed(temp, path, RenameFlags::NOREPLACE)
        }
        linked => linked,
    };
    match linked {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(FileError::new("put (by link or exclusive rename)", path)(
            error,
        )),
    }
}

/// Gives a folder a name that nothing has, or an empty folder; false when something has it.
pub(crate) fn put_dir(from: &Path, to: &Path) -> Result<bool, FileError> {
    match fs::rename(from, to) {
        Ok(()) => Ok(true),
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::DirectoryNotEmpty | ErrorKind::AlreadyExists | ErrorKind::NotADirectory
            ) =>
        {
            Ok(false)
        }
        Err(error) => Err(FileError::new("rename to", to)(error)),
    }
}

/// Swaps two folders in one step.
pub(crate) fn exchange(one: &Path, other: &Path) -> Result<(), FileError> {
    renamed(one, other, RenameFlags::EXCHANGE).map_err(FileError::new("replace", other))
}

fn renamed(from: &Path, to: &Path, flags: RenameFlags) -> std::io::Result<()> {
    Ok(rustix::fs::renameat_with(CWD, from, CWD, to, flags)?)
}

/// Removes a file; one that is already gone is fine.
pub(crate) fn remove(path: &Path) -> Result<(), FileError> {
    folder::remove_file(path).map_err(FileError::new("remove", path))
}

/// Opens the file that a lock is taken on, making it if it is missing.
pub(crate) fn open_lock(path: &Path) -> Result<File, FileError> {
    File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .map_err(FileError::new("create", path))
}

/// Waits until a folder's entries are on the disk.
pub(crate) fn sync_dir(dir: &Path) -> Result<(), FileError> {
    folder::sync(dir).map_err(FileError::new("sync the folder", dir))
}

/// An unnamed temporary file in `dir`: it is gone when it is closed, even by a crash.
pub(crate) fn unnamed(dir: &Path) -> Result<File, FileError> {
    tempfile::tempfile_in(dir).map_err(FileError::new("create a temporary file in", dir))
}
