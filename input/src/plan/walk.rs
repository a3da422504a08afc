//! The files of a folder, sorted by path bytes. What cannot be read becomes a source all the same,
//! so that it is accounted for.

use std::ffi::OsStr;
use std::fs::{self, FileType};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::globs::{Globs, Take};
use super::{PlannedFile, Source, SourceKind};
use crate::look::is_archive;
use crate::object::{Found as FoundObject, ObjectSource, is_url};
use crate::sniff::is_named_as_archive;
use crate::whole::Whole;

/// How folders are walked.
pub(super) struct Walk<'a> {
    /// Which files are taken.
    pub(super) globs: &'a Globs,
    /// Archives that are not opened.
    pub(super) whole: &'a Whole,
    /// Names that begin with a dot are taken too.
    pub(super) hidden: bool,
    /// Links are followed.
    pub(super) follow: bool,
    /// Where the output goes, which is no input.
    pub(super) output: Output,
}

/// Where an output goes, as far as inputs may be there.
#[derive(Default)]
pub(super) struct Output {
    /// The device and inode of a folder.
    folder: Option<(u64, u64)>,
    /// What the names of its objects begin with.
    prefix: Option<Vec<u8>>,
}

impl Output {
    /// The folder at a path, or the objects below a URL.
    pub(super) fn at(output: &Path) -> Self {
        let name = output.as_os_str().as_bytes();
        match is_url(name) {
            true => Self {
                prefix: Some([name.strip_suffix(b"/").unwrap_or(name), b"/"].concat()),
                folder: None,
            },
            false => Self {
                folder: identity(output),
                prefix: None,
            },
        }
    }
}

/// Whether a file holds something although its size is 0, as those of procfs do.
pub(super) fn is_sizeless(file: &mut fs::File, metadata: &fs::Metadata) -> io::Result<bool> {
    Ok(metadata.len() == 0 && file.read(&mut [0])? > 0)
}

/// Device and inode of what is at a path, which tell a folder from others by any name.
fn identity(path: &Path) -> Option<(u64, u64)> {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

/// A folder to be read.
struct Level {
    inside: PathBuf,
    /// Device and inode of it and of the folders that it is in, if links are followed.
    chain: Vec<(u64, u64)>,
}

/// What is found: a path in the folder, and what is there.
type Found = Vec<(PathBuf, SourceKind, Take)>;

impl Walk<'_> {
    /// Adds the files under `folder`, all levels down.
    pub(super) fn folder(&self, folder: &Path, sources: &mut Vec<Source>) {
        let mut found = Vec::new();
        let mut pending = Vec::new();
        self.enter(folder, PathBuf::new(), &[], &mut found, &mut pending);
        while let Some(level) = pending.pop() {
            if let Err(error) = self.read(folder, &level, &mut found, &mut pending) {
                found.push((level.inside, unreadable(&error), Take::All));
            }
        }
        found.sort_by(|(a, ..), (b, ..)| a.as_os_str().as_bytes().cmp(b.as_os_str().as_bytes()));
        sources.extend(found.into_iter().map(|(inside, kind, take)| {
            let path = join(folder, &inside);
            Source {
                name: path.as_os_str().as_bytes().to_vec(),
                path,
                kind,
                chosen: self.globs.choose() && take == Take::All,
                ahead: None,
            }
        }));
    }

    /// The source that an object is, if it is taken.
    pub(super) fn object(&self, found: FoundObject) -> Option<Source> {
        let output = self.output.prefix.as_deref();
        if output.is_some_and(|output| found.name.starts_with(output)) {
            return None;
        }
        let mut chosen = found.inside.is_some() && self.globs.choose();
        if let Some(inside) = found.inside.and_then(|at| found.name.get(at..)) {
            let hidden =
                |part: &[u8]| part.starts_with(b".") && ![&b"."[..], b".."].contains(&part);
            if !self.hidden && inside.split(|&byte| byte == b'/').any(hidden) {
                return None;
            }
            match self.globs.take(Path::new(OsStr::from_bytes(inside))) {
                Take::All => {}
                // Looking into each object would be a question for each.
                Take::Members if is_named_as_archive(inside) => chosen = false,
                Take::Members | Take::Nothing => return None,
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
                    if self.globs.excludes(&inside) || self.is_output(&path) {
                        continue;
                    }
                    self.enter(folder, inside, &level.chain, found, pending);
                }
                kind => {
                    let take = self.globs.take(&inside);
                    if self.leaves_out(take, &path, &kind) {
                        continue;
                    }
                    match kind {
                        Ok(kind) => {
                            found.extend(file(&path, kind).map(|kind| (inside, kind, take)));
                        }
                        Err(error) => found.push((inside, unreadable(&error), take)),
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether a folder is the one for the output.
    pub(super) fn is_output(&self, folder: &Path) -> bool {
        self.output.folder.is_some() && identity(folder) == self.output.folder
    }

    /// Whether a file is not read: what does not match itself must be an archive.
    fn leaves_out(&self, take: Take, path: &Path, kind: &io::Result<FileType>) -> bool {
        match (take, kind) {
            (Take::All, _) => false,
            (Take::Members, Ok(kind)) if kind.is_file() => !is_archive(path, self.whole),
            (Take::Members | Take::Nothing, _) => true,
        }
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
            && let Some(own) = identity(&join(folder, &inside))
        {
            if above.contains(&own) {
                let reason = "a link that leads back to a folder which it is in".to_owned();
                found.push((inside, SourceKind::Unreadable { reason }, Take::All));
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
        let planned = fs::File::open(path).and_then(|mut file| {
            let metadata = file.metadata()?;
            Ok((is_sizeless(&mut file, &metadata)?, metadata))
        });
        return Some(match planned {
            Ok((false, metadata)) => SourceKind::File(PlannedFile::of(&metadata)),
            Ok((true, _)) => SourceKind::Unreadable {
                reason:
                    "the system gives its size as 0, and it holds something; name it to read it"
                        .into(),
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
