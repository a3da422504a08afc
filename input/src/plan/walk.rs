//! The files of a folder, sorted by path bytes. What cannot be read becomes a source all the same,
//! so that it is accounted for.

use std::fs::{self, FileType};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use super::globs::Globs;
use super::{Source, SourceKind};

/// Adds the files under `folder`, all levels down. Hidden files and links are not followed.
pub(super) fn folder(folder: &Path, globs: &Globs, sources: &mut Vec<Source>) {
    let mut found = Vec::new();
    let mut pending = vec![PathBuf::new()];
    while let Some(inside) = pending.pop() {
        if let Err(error) = read(folder, &inside, globs, &mut found, &mut pending) {
            found.push((inside, unreadable(&error)));
        }
    }
    found.sort_by(|(a, _), (b, _)| a.as_os_str().as_bytes().cmp(b.as_os_str().as_bytes()));
    sources.extend(found.into_iter().map(|(inside, kind)| {
        let path = join(folder, &inside);
        Source {
            name: path.as_os_str().as_bytes().to_vec(),
            path,
            kind,
        }
    }));
}

/// Reads one level: files go to `found`, folders to `pending`.
fn read(
    folder: &Path,
    inside: &Path,
    globs: &Globs,
    found: &mut Vec<(PathBuf, SourceKind)>,
    pending: &mut Vec<PathBuf>,
) -> io::Result<()> {
    for entry in fs::read_dir(join(folder, inside))? {
        let entry = entry?;
        let name = entry.file_name();
        if name.as_bytes().starts_with(b".") {
            continue;
        }
        let inside = inside.join(&name);
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => pending.push(inside),
            _ if !globs.take(&inside) => {}
            Ok(kind) => {
                if let Some(kind) = file(&join(folder, &inside), kind) {
                    found.push((inside, kind));
                }
            }
            Err(error) => found.push((inside, unreadable(&error))),
        }
    }
    Ok(())
}

/// What a file in a folder is as a source; `None` for a link that leads somewhere.
fn file(path: &Path, kind: FileType) -> Option<SourceKind> {
    if kind.is_symlink() {
        let error = fs::metadata(path).err()?;
        return Some(SourceKind::Unreadable {
            reason: format!("a link that leads nowhere: {error}"),
        });
    }
    if kind.is_file() {
        let size = fs::File::open(path).and_then(|file| file.metadata());
        return Some(match size {
            Ok(metadata) => SourceKind::File {
                size: metadata.len(),
            },
            Err(error) => unreadable(&error),
        });
    }
    let what = if kind.is_fifo() {
        "a FIFO"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    };
    Some(SourceKind::Unreadable {
        reason: format!("{what}, which is not read inside a folder; name it to read it"),
    })
}

fn unreadable(error: &io::Error) -> SourceKind {
    SourceKind::Unreadable {
        reason: format!("cannot be read: {error}"),
    }
}

fn join(folder: &Path, inside: &Path) -> PathBuf {
    if inside.as_os_str().is_empty() {
        folder.to_owned()
    } else {
        folder.join(inside)
    }
}
