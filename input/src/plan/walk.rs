//! The files of a folder, sorted by path bytes. What cannot be read becomes a source all the same,
//! so that it is accounted for.

use std::ffi::OsStr;
use std::fs::{self, FileType};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::globs::Globs;
use super::{PlannedFile, Source, SourceKind};
use crate::object::{Found as FoundObject, ObjectSource};

/// How folders are walked.
pub(super) struct Walk<'a> {
    /// Which files are taken.
    pub(super) globs: &'a Globs,
    /// Names that begin with a dot are taken too.
    pub(super) hidden: bool,
    /// Links are followed.
    pub(super) follow: bool,
}

/// A folder to be read.
struct Level {
    inside: PathBuf,
    /// Device and inode of it and of the folders that it is in, if links are followed.
    chain: Vec<(u64, u64)>,
}

/// What is found: a path in the folder, and what is there.
type Found = Vec<(PathBuf, SourceKind)>;

impl Walk<'_> {
    /// Adds the files under `folder`, all levels down.
    pub(super) fn folder(&self, folder: &Path, sources: &mut Vec<Source>) {
        let mut found = Vec::new();
        let mut pending = Vec::new();
        self.enter(folder, PathBuf::new(), &[], &mut found, &mut pending);
        while let Some(level) = pending.pop() {
            if let Err(error) = self.read(folder, &level, &mut found, &mut pending) {
                found.push((level.inside, unreadable(&error)));
            }
        }
        found.sort_by(|(a, _), (b, _)| a.as_os_str().as_bytes().cmp(b.as_os_str().as_bytes()));
        sources.extend(found.into_iter().map(|(inside, kind)| {
            let path = join(folder, &inside);
            Source {
                name: path.as_os_str().as_bytes().to_vec(),
                path,
                kind,
                chosen: self.globs.choose(),
                ahead: None,
            }
        }));
    }

    /// The source that an object is, if it is taken.
    pub(super) fn object(&self, found: FoundObject) -> Option<Source> {
        let chosen = found.inside.is_some() && self.globs.choose();
        if let Some(inside) = found.inside.and_then(|at| found.name.get(at..)) {
            let hidden =
                |part: &[u8]| part.starts_with(b".") && ![&b"."[..], b".."].contains(&part);
            if !self.hidden && inside.split(|&byte| byte == b'/').any(hidden)
                || !self.globs.take(Path::new(OsStr::from_bytes(inside)))
            {
                return None;
            }
        }
        Some(Source {
            name: found.name,
            path: PathBuf::new(),
            kind: match found.object {
                Ok(object) => SourceKind::Object(ObjectSource(object)),
                Err(reason) => SourceKind::Unreadable { reason },
            },
            chosen,
            ahead: None,
        })
    }

    /// Reads one level: files go to `found`, folders to `pending`.
    fn read(
        &self,
        folder: &Path,
        level: &Level,
        found: &mut Found,
        pending: &mut Vec<Level>,
    ) -> io::Result<()> {
        for entry in fs::read_dir(join(folder, &level.inside))? {
            let entry = entry?;
            let name = entry.file_name();
            if name.as_bytes().starts_with(b".") && !self.hidden {
                continue;
            }
            let inside = level.inside.join(&name);
            let path = join(folder, &inside);
            let mut kind = entry.file_type();
            if self.follow
                && kind.as_ref().is_ok_and(FileType::is_symlink)
                && let Ok(target) = fs::metadata(&path)
            {
                kind = Ok(target.file_type());
            }
            match kind {
                Ok(kind) if kind.is_dir() => {
                    self.enter(folder, inside, &level.chain, found, pending);
                }
                _ if !self.globs.take(&inside) => {}
                Ok(kind) => {
                    if let Some(kind) = file(&path, kind) {
                        found.push((inside, kind));
                    }
                }
                Err(error) => found.push((inside, unreadable(&error))),
            }
        }
        Ok(())
    }

    /// Plans to read a folder, unless a link led back to one that it is in.
    fn enter(
        &self,
        folder: &Path,
        inside: PathBuf,
        above: &[(u64, u64)],
        found: &mut Found,
        pending: &mut Vec<Level>,
    ) {
        let mut chain = Vec::new();
        if self.follow
            && let Ok(metadata) = fs::metadata(join(folder, &inside))
        {
            let own = (metadata.dev(), metadata.ino());
            if above.contains(&own) {
                let reason = "a link that leads back to a folder which it is in".to_owned();
                found.push((inside, SourceKind::Unreadable { reason }));
                return;
            }
            chain = [above, &[own]].concat();
        }
        pending.push(Level { inside, chain });
    }
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
            Ok(metadata) => SourceKind::File(PlannedFile::of(&metadata)),
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
