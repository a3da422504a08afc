//! Folders for what lives as long as this process, and the removal of those that others left behind
//! when they were killed.
//!
//! A folder is locked as long as its process lives. On a filesystem without locks nothing is
//! removed but one's own. It must not know what is in the folders.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

/// How all their names begin.
const PREFIX: &str = "gristmill-";
/// A folder that was changed later may be about to be locked.
const AGE: Duration = Duration::from_secs(60);

/// A temporary folder. It is removed when dropped.
#[derive(Debug)]
pub struct TempFolder {
    dir: TempDir,
    _lock: File,
}

impl TempFolder {
    /// Makes `gristmill-WHAT-…` in `tmp`, and removes what is stale there of the same name.
    ///
    /// # Errors
    /// When there can be no folder.
    pub fn new(tmp: &Path, what: &str) -> io::Result<Self> {
        let prefix = format!("{PREFIX}{what}-");
        let dir = tempfile::Builder::new().prefix(&prefix).tempdir_in(tmp)?;
        let lock = File::open(dir.path())?;
        // Where there are no locks, nobody takes it for stale.
        let _ = lock.try_lock();
        // What cannot be removed costs nothing but its place.
        let _ = sweep(tmp, &prefix, lock.metadata()?.uid());
        Ok(Self { dir, _lock: lock })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.dir.path()
    }
}

/// Removes folders of a user whose processes are gone.
fn sweep(tmp: &Path, prefix: &str, user: u32) -> io::Result<()> {
    for entry in fs::read_dir(tmp)? {
        let entry = entry?;
        if !entry.file_name().to_string_lossy().starts_with(prefix) {
            continue;
        }
        let Ok(found) = entry.metadata() else {
            continue;
        };
        let age = found.modified()?.elapsed().unwrap_or_default();
        if !found.is_dir() || found.uid() != user || age < AGE {
            continue;
        }
        let path = entry.path();
        let Ok(folder) = File::open(&path) else {
            continue;
        };
        if folder.try_lock().is_ok() {
            let _ = fs::remove_dir_all(&path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn what_a_killed_process_left_is_removed_and_what_is_used_or_new_or_anothers_is_not() {
        let tmp = tempfile::tempdir().unwrap();
        let age = |name: &str| {
            let folder = File::open(tmp.path().join(name)).unwrap();
            folder.set_modified(SystemTime::now() - 2 * AGE).unwrap();
        };
        for name in [
            "gristmill-exec-old",
            "gristmill-exec-new",
            "gristmill-code-x",
        ] {
            fs::create_dir(tmp.path().join(name)).unwrap();
        }
        fs::write(tmp.path().join("gristmill-exec-old/file"), "text").unwrap();
        fs::write(tmp.path().join("gristmill-exec-file"), "text").unwrap();
        let used = TempFolder::new(tmp.path(), "exec").unwrap();
        let used = (
            used.path()
                .file_name()
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned(),
            used,
        );
        for name in [
            "gristmill-exec-old",
            "gristmill-code-x",
            "gristmill-exec-file",
            &used.0,
        ] {
            age(name);
        }
        let another = TempFolder::new(tmp.path(), "exec").unwrap();
        let entries = fs::read_dir(tmp.path()).unwrap();
        let mut left: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| !another.path().ends_with(name))
            .collect();
        left.sort();
        let mut expected = vec![
            "gristmill-code-x",
            "gristmill-exec-file",
            "gristmill-exec-new",
            &used.0,
        ];
        expected.sort_unstable();
        assert_eq!(left, expected);
        drop(another);
        assert_eq!(fs::read_dir(tmp.path()).unwrap().count(), 4);
    }
}
