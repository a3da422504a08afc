//! The files that the user's program consists of, as they travel: what the job spec says of them as
//! a line of JSON, and their bytes, end to end.
//!
//! Nothing of such a bundle is parsed: what does not fit the spec to the last byte is refused.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::sha256::Sha256;

/// A file that the program consists of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeFile {
    /// Its path as typed, without `.` components.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// It may be started.
    pub executable: bool,
    /// The hash of its bytes.
    pub sha256: Sha256,
}

/// Why a bundle is not unpacked.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// It is not the files of the spec.
    #[error("the job's code is not what its spec says: {0}")]
    Wrong(String),
    /// The disk.
    #[error("{path}: {error}")]
    Disk {
        /// Where.
        path: PathBuf,
        /// What.
        error: io::Error,
    },
}

impl CodeFile {
    /// Whether it is sent along with a job: its path begins at the folder where the command was
    /// typed and stays below it. Any other is looked for on each mapper.
    #[must_use]
    pub fn travels(&self) -> bool {
        !self.name.is_empty() && is_inside(Path::new(&self.name))
    }
}

/// A path without its `.` components.
#[must_use]
pub fn plain(path: &Path) -> PathBuf {
    path.components()
        .filter(|part| !matches!(part, Component::CurDir))
        .collect()
}

/// Whether a plain path stays inside the folder that it starts at.
#[must_use]
pub fn is_inside(path: &Path) -> bool {
    path.components()
        .all(|part| matches!(part, Component::Normal(_)))
}

/// Whether a dotted name of a Python module is that of a file or package below `folder`.
#[must_use]
pub fn is_local_module(module: &str, folder: &Path) -> bool {
    let path = folder.join(module.replace('.', "/"));
    let is_name = |part: &str| !part.is_empty() && !part.contains('/');
    module.split('.').all(is_name)
        && (path.with_extension("py").is_file() || path.join("__init__.py").is_file())
}

/// The bytes of the files that travel.
#[must_use]
pub fn travelling_bytes(files: &[CodeFile]) -> u64 {
    let travelling = files.iter().filter(|file| file.travels());
    travelling.fold(0, |sum, file| sum.saturating_add(file.bytes))
}

/// The bundle of the files that travel, read from below `folder`; empty if none does.
///
/// # Errors
/// When one cannot be read, or is not any more what the spec says.
pub fn bundle(files: &[CodeFile], folder: &Path) -> Result<Vec<u8>, BundleError> {
    let mut all = head(files);
    for file in files.iter().filter(|file| file.travels()) {
        let path = folder.join(&file.name);
        let bytes = fs::read(&path).map_err(|error| BundleError::Disk { path, error })?;
        check(file, &bytes)?;
        all.extend_from_slice(&bytes);
    }
    Ok(all)
}

/// Writes the files of a bundle below `folder`, none of them writable.
///
/// # Errors
/// When the bundle is not made of these files, or the disk refuses.
pub fn unbundle(bundle: &[u8], files: &[CodeFile], folder: &Path) -> Result<(), BundleError> {
    let head = head(files);
    let Some(mut rest) = bundle.strip_prefix(&head[..]) else {
        return Err(BundleError::Wrong("it has other files".into()));
    };
    let mut parts = BTreeMap::new();
    for file in files.iter().filter(|file| file.travels()) {
        let len = usize::try_from(file.bytes).unwrap_or(usize::MAX);
        let Some((bytes, after)) = rest.split_at_checked(len) else {
            return Err(BundleError::Wrong(format!("{} is cut off", file.name)));
        };
        check(file, bytes)?;
        if parts.insert(&file.name, (file, bytes)).is_some() {
            return Err(BundleError::Wrong(format!("{} twice", file.name)));
        }
        rest = after;
    }
    if !rest.is_empty() {
        return Err(BundleError::Wrong(format!("{} bytes more", rest.len())));
    }
    for (file, bytes) in parts.into_values() {
        let path = folder.join(&file.name);
        write(&path, bytes, file.executable).map_err(|error| BundleError::Disk { path, error })?;
    }
    Ok(())
}

/// The first of a program's files that is not here as its spec lists it, with the error that hides
/// it if it cannot be read. Relative paths start at `folder`.
#[must_use]
pub fn first_changed<'f>(
    files: &'f [CodeFile],
    folder: &Path,
) -> Option<(&'f CodeFile, Option<io::Error>)> {
    files.iter().find_map(|file| {
        let found = fs::File::open(folder.join(&file.name)).and_then(Sha256::of_reader);
        match found {
            Ok((sha256, _)) if sha256 == file.sha256 => None,
            Ok(_) => Some((file, None)),
            Err(error) => Some((file, Some(error))),
        }
    })
}

/// What tells bundles of the same bytes in other files apart.
fn head(files: &[CodeFile]) -> Vec<u8> {
    let travelling: Vec<&CodeFile> = files.iter().filter(|file| file.travels()).collect();
    if travelling.is_empty() {
        return Vec::new();
    }
    // Texts and numbers only: this cannot fail.
    let mut head = serde_json::to_vec(&travelling).unwrap_or_default();
    head.push(b'\n');
    head
}

fn check(file: &CodeFile, bytes: &[u8]) -> Result<(), BundleError> {
    if bytes.len() as u64 == file.bytes && Sha256::of(bytes) == file.sha256 {
        return Ok(());
    }
    let name = &file.name;
    Err(BundleError::Wrong(format!("{name} has other bytes")))
}

fn write(path: &Path, bytes: &[u8], executable: bool) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(bytes)?;
    let mode = if executable { 0o555 } else { 0o444 };
    file.set_permissions(fs::Permissions::from_mode(mode))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, bytes: &[u8]) -> CodeFile {
        CodeFile {
            name: name.into(),
            bytes: bytes.len() as u64,
            executable: name.ends_with(".sh"),
            sha256: Sha256::of(bytes),
        }
    }

    #[test]
    fn a_bundle_is_the_files_that_travel_and_comes_back_as_they_were() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::create_dir(from.path().join("lib")).unwrap();
        fs::write(from.path().join("run.sh"), "#!/bin/sh\n").unwrap();
        fs::write(from.path().join("lib/a.py"), "x = 1\n").unwrap();
        let files = [
            file("/usr/bin/env", b"not read"),
            file("../secret", b"not read"),
            file("lib/a.py", b"x = 1\n"),
            file("run.sh", b"#!/bin/sh\n"),
        ];
        let all = bundle(&files, from.path()).unwrap();
        assert!(all.ends_with(b"]\nx = 1\n#!/bin/sh\n"));
        assert_eq!(travelling_bytes(&files), 16);
        assert!(bundle(&files[..2], from.path()).unwrap().is_empty());
        unbundle(&all, &files, to.path()).unwrap();
        let travelling = &files[2..];
        assert!(first_changed(travelling, to.path()).is_none());
        let mode = |name| {
            let found = fs::metadata(to.path().join(name)).unwrap();
            found.permissions().mode() & 0o777
        };
        assert_eq!((mode("lib/a.py"), mode("run.sh")), (0o444, 0o555));
        let changed = to.path().join("run.sh");
        fs::remove_file(&changed).unwrap();
        fs::write(&changed, "rm -rf /\n").unwrap();
        let (file, error) = first_changed(travelling, to.path()).unwrap();
        assert!(file.name == "run.sh" && error.is_none());
        fs::remove_file(&changed).unwrap();
        let (file, error) = first_changed(travelling, to.path()).unwrap();
        assert!(file.name == "run.sh" && error.is_some());
    }

    #[test]
    fn what_is_not_the_spec_to_the_byte_is_refused_and_nothing_is_written() {
        let to = tempfile::tempdir().unwrap();
        let files = [file("a", b"one"), file("b", b"two")];
        let refused = |bytes: &[u8], files: &[CodeFile]| {
            let whole = [&head(files), bytes].concat();
            unbundle(&whole, files, to.path()).unwrap_err();
            assert_eq!(fs::read_dir(to.path()).unwrap().count(), 0);
        };
        for bytes in [&b""[..], b"onetw", b"onetwo3", b"onetwO", b"twoone"] {
            refused(bytes, &files);
        }
        refused(b"oneone", &[files[0].clone(), files[0].clone()]);
        let mut long = files.clone();
        long[1].bytes = u64::MAX;
        refused(b"onetwo", &long);
        let other = [head(&[file("c", b"one")]), b"one".to_vec()].concat();
        unbundle(&other, &files[..1], to.path()).unwrap_err();
    }
}
