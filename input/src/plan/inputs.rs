//! From inputs as typed to sources: files, folders, standard input, lists, URLs.

use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata};
use std::io::{self, BufRead, BufReader};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use gristmill_common::spec::JobSpec;

use super::globs::Globs;
use super::walk::Walk;
use super::{PlanError, PlannedFile, Source, SourceKind};
use crate::object::{Found, ObjectError, Objects, is_url};

/// The sources that `inputs` name, in order; paths in lists end with `separator`.
pub(super) fn list(
    inputs: &[OsString],
    spec: &JobSpec,
    separator: u8,
    objects: &dyn Objects,
) -> Result<Vec<Source>, PlanError> {
    let globs = Globs::new(&spec.include, &spec.exclude)?;
    let walk = Walk {
        globs: &globs,
        hidden: spec.hidden,
        follow: spec.follow,
    };
    let mut sources = Vec::new();
    let mut stdin = false;
    for input in inputs {
        let typed = input.as_bytes();
        if typed == b"-" {
            if std::mem::replace(&mut stdin, true) {
                return Err(PlanError::StdinTwice);
            }
            sources.push(Source {
                name: b"-".to_vec(),
                path: PathBuf::from("-"),
                kind: SourceKind::Stdin,
                chosen: false,
                ahead: None,
            });
        } else if let Some(list) = typed.strip_prefix(b"@") {
            let list = Path::new(OsStr::from_bytes(list));
            from_list(list, separator, &walk, objects, &mut sources)?;
        } else {
            named(Path::new(input), &walk, objects, &mut sources)?;
        }
    }
    Ok(sources)
}

/// Adds the paths that a file lists, each ended by `separator`.
fn from_list(
    list: &Path,
    separator: u8,
    walk: &Walk<'_>,
    objects: &dyn Objects,
    sources: &mut Vec<Source>,
) -> Result<(), PlanError> {
    let at = |line: usize, error: PlanError| PlanError::List {
        list: list.to_owned(),
        line,
        error: Box::new(error),
    };
    let io = |error| PlanError::Input {
        path: list.to_owned(),
        error,
    };
    let file = File::open(list).map_err(io)?;
    for (number, path) in BufReader::new(file).split(separator).enumerate() {
        let path = PathBuf::from(OsString::from_vec(path.map_err(io)?));
        if !path.as_os_str().is_empty() {
            named(&path, walk, objects, sources).map_err(|error| at(number + 1, error))?;
        }
    }
    Ok(())
}

/// Adds a named file or folder, or the objects that a URL names; a link that is named is followed.
fn named(
    path: &Path,
    walk: &Walk<'_>,
    objects: &dyn Objects,
    sources: &mut Vec<Source>,
) -> Result<(), PlanError> {
    if is_url(path.as_os_str().as_bytes()) {
        return found(path, walk, objects, sources);
    }
    let error = |error| PlanError::Input {
        path: path.to_owned(),
        error,
    };
    let metadata = std::fs::metadata(path).map_err(error)?;
    if metadata.is_dir() {
        std::fs::read_dir(path).map_err(error)?;
        walk.folder(path, sources);
        return Ok(());
    }
    sources.push(Source {
        name: path.as_os_str().as_bytes().to_vec(),
        path: path.to_owned(),
        kind: kind(path, &metadata).map_err(error)?,
        chosen: false,
        ahead: None,
    });
    Ok(())
}

/// Adds the objects that a URL names, in the order of their names.
fn found(
    url: &Path,
    walk: &Walk<'_>,
    objects: &dyn Objects,
    sources: &mut Vec<Source>,
) -> Result<(), PlanError> {
    let Some(url) = url.to_str() else {
        return Err(PlanError::Object {
            name: url.to_string_lossy().into_owned(),
            error: ObjectError::Failed("a URL is UTF-8".into()),
        });
    };
    let before = sources.len();
    let mut take = |found: Found| {
        if let Some(source) = walk.object(found) {
            sources.push(source);
        }
    };
    (objects.find(url, &mut take)).map_err(|error| PlanError::Object {
        name: objects.shown(url),
        error,
    })?;
    // Most stores list in this order, but not all.
    sources[before..].sort_by(|a, b| a.name.cmp(&b.name));
    Ok(())
}

fn kind(path: &Path, metadata: &Metadata) -> io::Result<SourceKind> {
    let file_type = metadata.file_type();
    if file_type.is_file() {
        File::open(path)?;
        return Ok(SourceKind::File(PlannedFile::of(metadata)));
    }
    if file_type.is_socket() {
        return Err(io::Error::other("a socket cannot be read as a file"));
    }
    // Opening a pipe and closing it again would end it for its writer.
    rustix::fs::access(path, rustix::fs::Access::READ_OK)?;
    Ok(SourceKind::Stream)
}
