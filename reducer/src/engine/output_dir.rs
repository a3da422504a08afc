//! The output folder: who may write there, and what may be replaced.
//!
//! A folder that holds anything is refused, unless `force` is given and an earlier manifest lists
//! everything in it. A lock keeps a second run out. What a crashed run left behind is recognised
//! and cleaned: temporary files by their names; files that it had already renamed by its journal
//! (the new manifest under its temporary name), and only if they are what the journal says.

use std::collections::BTreeSet;
use std::fs::{self, File, TryLockError};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::engine::digest::{Digested, digest};
use crate::engine::error::FileError;
use crate::engine::files::{self, LOCK};
use crate::engine::manifest::{MANIFEST, Manifest};

/// How an earlier manifest is named while its files are replaced.
pub(crate) const REPLACED: &str = "replaced-manifest.json";

/// The usual name of a file that stands for an empty folder in a repository.
const PLACEHOLDER: &str = ".gitkeep";

/// An output folder that is ours for as long as this lives.
#[derive(Debug)]
pub struct OutputDir {
    path: PathBuf,
    /// Files of an earlier output, to be removed when the new one is complete.
    replaces: BTreeSet<String>,
    _lock: Lock,
}

/// Why a folder cannot take the output.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// It holds something.
    #[error(
        "{} is not empty (it holds {file}): choose another folder, or replace an earlier output \
         with --force", dir.display()
    )]
    NotEmpty {
        /// The folder.
        dir: PathBuf,
        /// One of the files in it.
        file: String,
    },
    /// It holds something that no earlier run wrote, so `force` does not touch it.
    #[error(
        "{} holds {file}, which no manifest of an earlier output lists: --force replaces only such \
         files; choose another folder, or move it away", dir.display()
    )]
    Foreign {
        /// The folder.
        dir: PathBuf,
        /// The file.
        file: String,
    },
    /// It is not a folder.
    #[error("{} is not a folder", .0.display())]
    NotAFolder(PathBuf),
    /// Another run writes there.
    #[error("another run is writing to {} now", .0.display())]
    Locked(PathBuf),
    /// It cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
}

impl OutputError {
    /// Whether the command line is to blame rather than the system.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        !matches!(self, OutputError::File(_) | OutputError::Locked(_))
    }
}

impl OutputDir {
    /// Takes a folder for an output: creates it if it is missing, locks it, checks what it holds,
    /// and cleans what a crashed run left. With `force`, the files that an earlier manifest lists
    /// are replaced when the new ones are complete; until then they stay.
    ///
    /// # Errors
    /// When the folder holds anything (else), another run writes there, or it cannot be written.
    pub fn open(path: &Path, force: bool) -> Result<Self, OutputError> {
        match fs::metadata(path) {
            Ok(found) if !found.is_dir() => {
                return Err(OutputError::NotAFolder(path.to_owned()));
            }
            _ => fs::create_dir_all(path).map_err(FileError::new("create the folder", path))?,
        }
        let lock = Lock::take(path)?;
        let found = Contents::read(path)?;
        let earlier = [path.join(MANIFEST), path.join(files::temp_name(REPLACED))]
            .iter()
            .find_map(|path| Manifest::read(path).ok());
        let mut replaces: BTreeSet<String> = earlier
            .into_iter()
            .flat_map(|manifest| manifest.files)
            .map(|file| file.name)
            .collect();
        replaces.insert(MANIFEST.to_owned());
        let torn = found.torn(path)?;
        let mut temps = found.temps.clone();
        for name in found.others.difference(&torn) {
            if !force {
                return Err(OutputError::NotEmpty {
                    dir: path.to_owned(),
                    file: name.clone(),
                });
            }
            let ours = match name.as_str() {
                MANIFEST => Manifest::read(&path.join(MANIFEST)).is_ok(),
                _ => replaces.contains(name) && found.plain.contains(name),
            };
            if !ours {
                return Err(OutputError::Foreign {
                    dir: path.to_owned(),
                    file: name.clone(),
                });
            }
            // While files of it remain, the earlier manifest must be known to later runs.
            temps.remove(&files::temp_name(REPLACED));
        }
        for name in torn {
            files::remove(&path.join(name))?;
        }
        // The journal last: it says which files were torn.
        let journal = files::temp_name(MANIFEST);
        let last = temps.take(&journal);
        for name in temps.into_iter().chain(last) {
            files::remove(&path.join(name))?;
        }
        Ok(Self {
            path: path.to_owned(),
            replaces,
            _lock: lock,
        })
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Files of an earlier output that are to be replaced.
    pub(crate) fn replaces(&self) -> &BTreeSet<String> {
        &self.replaces
    }
}

/// What a folder holds.
struct Contents {
    /// Our temporary files.
    temps: BTreeSet<String>,
    /// Everything else but the lock; names that are not UTF-8 are shown with U+FFFD.
    others: BTreeSet<String>,
    /// Those of the others that are plain files under plain names.
    plain: BTreeSet<String>,
}

impl Contents {
    fn read(path: &Path) -> Result<Self, FileError> {
        let wrong = |error| FileError::new("list the folder", path)(error);
        let mut found = Self {
            temps: BTreeSet::new(),
            others: BTreeSet::new(),
            plain: BTreeSet::new(),
        };
        for entry in fs::read_dir(path).map_err(wrong)? {
            let entry = entry.map_err(wrong)?;
            let is_file = entry.file_type().map_err(wrong)?.is_file();
            let name = entry.file_name();
            match name.to_str() {
                Some(LOCK) => {}
                // An empty file that keeps an empty folder in a repository is no content.
                Some(PLACEHOLDER) if is_file && entry.metadata().map_err(wrong)?.len() == 0 => {}
                Some(name) if is_file && files::is_temp_name(name) => {
                    found.temps.insert(name.to_owned());
                }
                Some(name) => {
                    if is_file {
                        found.plain.insert(name.to_owned());
                    }
                    found.others.insert(name.to_owned());
                }
                None => {
                    found.others.insert(name.to_string_lossy().into_owned());
                }
            }
        }
        Ok(found)
    }

    /// Files that a run had renamed when it crashed before its manifest was in place.
    fn torn(&self, path: &Path) -> Result<BTreeSet<String>, FileError> {
        let mut torn = BTreeSet::new();
        let journal = path.join(files::temp_name(MANIFEST));
        if self.others.contains(MANIFEST) {
            return Ok(torn);
        }
        let Ok(journal) = Manifest::read(&journal) else {
            return Ok(torn);
        };
        for file in journal.files {
            if !self.plain.contains(&file.name) {
                continue;
            }
            let Digested { bytes, sha256 } = digest(&path.join(&file.name))?;
            if bytes == file.bytes && sha256 == file.sha256 {
                torn.insert(file.name);
            }
        }
        Ok(torn)
    }
}

/// The lock file, held and removed at the end.
#[derive(Debug)]
struct Lock {
    path: PathBuf,
    _file: File,
}

impl Lock {
    fn take(dir: &Path) -> Result<Self, OutputError> {
        let path = dir.join(LOCK);
        loop {
            let file = files::open_lock(&path)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(OutputError::Locked(dir.to_owned())),
                Err(TryLockError::Error(error)) => {
                    return Err(FileError::new("lock", &path)(error).into());
                }
            }
            // The holder before us may have removed the name after we opened it: then this is a
            // lock on nothing, and another run may hold the new file.
            let here = file
                .metadata()
                .map_err(FileError::new("lock", &path))
                .map(|here| (here.dev(), here.ino()))?;
            if fs::metadata(&path).is_ok_and(|there| (there.dev(), there.ino()) == here) {
                return Ok(Self { path, _file: file });
            }
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Removed while it is held: whoever opened it before sees in `take` that it is gone.
        let _ = fs::remove_file(&self.path);
    }
}
