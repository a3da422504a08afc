//! How often reducers have ended while a partition's reduce program ran.
//!
//! A run is begun by a file in the partition's folder, durable before the program starts, and its
//! end is that the file is gone. The file is locked as long as its reducer lives: one that nobody
//! locks was left by a reducer that died. On a filesystem without locks no death is seen. It must
//! not know what runs.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use gristmill_common::id::unique;

use crate::engine::error::FileError;
use crate::engine::files;

/// How the names of these files begin.
const BEGUN: &str = ".begun-";

/// A run that has begun and not ended.
#[derive(Debug)]
pub(super) struct Begun {
    dir: PathBuf,
    path: PathBuf,
    stays: bool,
    _locked: File,
}

impl Begun {
    /// Begins a run in a partition's folder.
    ///
    /// # Errors
    /// When that cannot be made durable.
    pub(super) fn new(dir: &Path) -> Result<Self, FileError> {
        fs::create_dir_all(dir).map_err(FileError::new("create the folder", dir))?;
        let path = dir.join(format!("{BEGUN}{:016x}", unique()));
        let file = files::open_lock(&path)?;
        // Without a lock it counts for nothing.
        let _ = file.try_lock();
        files::sync_dir(dir)?;
        Ok(Self {
            dir: dir.to_owned(),
            path,
            stays: false,
            _locked: file,
        })
    }

    /// It ended as if its reducer had died.
    pub(super) fn stay(mut self) {
        self.stays = true;
    }

    /// The program ended and its reducer lives: what happened before was not the program's doing.
    pub(super) fn clear(self) -> Result<(), FileError> {
        for path in dead(&self.dir)? {
            files::remove(&path)?;
        }
        Ok(())
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        if !self.stays {
            // A file that stays counts once too often.
            let _ = files::remove(&self.path);
        }
    }
}

/// How many runs in a partition's folder ended with their reducers.
///
/// # Errors
/// When the folder cannot be read.
pub(super) fn deaths(dir: &Path) -> Result<u32, FileError> {
    Ok(dead(dir)?.len() as u32)
}

fn dead(dir: &Path) -> Result<Vec<PathBuf>, FileError> {
    let wrong = |error| FileError::new("list the folder", dir)(error);
    let mut dead = Vec::new();
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(dead),
        entries => entries.map_err(wrong)?,
    };
    for entry in entries {
        let entry = entry.map_err(wrong)?;
        if !entry.file_name().to_string_lossy().starts_with(BEGUN) {
            continue;
        }
        // To be locked on NFS a file must be open for writing.
        let file = File::options().write(true).open(entry.path());
        match file.map(|file| file.try_lock()) {
            Ok(Ok(())) => dead.push(entry.path()),
            Ok(Err(TryLockError::WouldBlock | TryLockError::Error(_))) => {}
            // It has just ended.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(FileError::new("open", &entry.path())(error)),
        }
    }
    Ok(dead)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_runs_that_nobody_lives_to_end_are_deaths_and_one_that_ends_clears_them() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("partition");
        assert_eq!(deaths(&dir).unwrap(), 0);
        let lives = Begun::new(&dir).unwrap();
        drop(Begun::new(&dir).unwrap());
        assert_eq!(deaths(&dir).unwrap(), 0);
        Begun::new(&dir).unwrap().stay();
        // Their reducers died: nobody has locked them any more.
        for name in ["1", "2"] {
            fs::write(dir.join(format!("{BEGUN}{name}")), "").unwrap();
        }
        fs::write(dir.join("000001"), "a segment").unwrap();
        assert_eq!(deaths(&dir).unwrap(), 3);
        lives.clear().unwrap();
        assert_eq!(deaths(&dir).unwrap(), 0);
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 1);
    }
}
