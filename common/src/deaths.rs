//! How often workers have ended while they ran, or made ready, one and the same program.
//!
//! A run is begun by a file in a folder of its own, durable before the program starts, and its end
//! is that the file is gone. The file is locked as long as its worker lives: one that nobody locks
//! was left by a worker that died. On a filesystem without locks no death is seen. It must not know
//! what runs.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::folder;
use crate::id::unique;

/// After so many deaths a program runs alone: as many as make a chunk a suspect.
pub const SUSPECT: u32 = 4;
/// After so many, the last ones alone, it is not run again.
pub const MOST: u32 = SUSPECT + 3;

/// How the names of these files begin.
const BEGUN: &str = ".begun-";

/// A run that has begun and not ended.
#[derive(Debug)]
pub struct Begun {
    dir: PathBuf,
    path: PathBuf,
    stays: bool,
    _locked: File,
}

impl Begun {
    /// Begins a run that is counted in the folder `dir`.
    ///
    /// # Errors
    /// When that cannot be made durable.
    pub fn new(dir: &Path) -> io::Result<Self> {
        fs::create_dir_all(dir)?;
        let path = dir.join(format!("{BEGUN}{:016x}", unique()));
        let file = File::create_new(&path)?;
        // Without a lock it counts for nothing.
        let _ = file.try_lock();
        folder::sync(dir)?;
        Ok(Self {
            dir: dir.to_owned(),
            path,
            stays: false,
            _locked: file,
        })
    }

    /// It ended as if its worker had died.
    pub fn stay(mut self) {
        self.stays = true;
    }

    /// The program ended and its worker lives: what happened before was not the program's doing.
    ///
    /// # Errors
    /// When the files of earlier runs cannot be removed.
    pub fn clear(self) -> io::Result<()> {
        dead(&self.dir)?
            .iter()
            .try_for_each(|path| folder::remove_file(path))
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        if !self.stays {
            // A file that stays counts once too often.
            let _ = folder::remove_file(&self.path);
        }
    }
}

/// How many runs that are counted in the folder `dir` ended with their workers.
///
/// # Errors
/// When the folder cannot be read.
pub fn deaths(dir: &Path) -> io::Result<u32> {
    Ok(dead(dir)?.len() as u32)
}

fn dead(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut dead = Vec::new();
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(dead),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if !entry.file_name().to_string_lossy().starts_with(BEGUN) {
            continue;
        }
        // To be locked on NFS a file must be open for writing.
        let file = File::options().write(true).open(entry.path());
        match file.map(|file| file.try_lock()) {
            Ok(Ok(())) => dead.push(entry.path()),
            Ok(Err(TryLockError::WouldBlock | TryLockError::Error(_))) => {}
            // It has just ended.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
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
        let dir = dir.path().join("program");
        assert_eq!(deaths(&dir).unwrap(), 0);
        let lives = Begun::new(&dir).unwrap();
        drop(Begun::new(&dir).unwrap());
        assert_eq!(deaths(&dir).unwrap(), 0);
        Begun::new(&dir).unwrap().stay();
        // Their workers died: nobody has locked them any more.
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
