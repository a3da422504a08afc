//! From inputs as typed to sources: files, folders, standard input, lists, URLs.

use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata};
use std::io::{self, BufRead, BufReader};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use gristmill_common::record::BOM;
use gristmill_common::spec::JobSpec;

use super::globs::Globs;
use super::urls::Urls;
use super::walk::{Output, Walk, is_sizeless};
use super::{PlanError, PlannedFile, Source, SourceKind};
use crate::object::{Objects, is_url};
use crate::whole::Whole;

/// The sources that `inputs` name, in order; paths in lists end with `separator`.
pub(super) fn list(
    inputs: &[OsString],
    spec: &JobSpec,
    separator: u8,
    objects: &dyn Objects,
    output: Option<&Path>,
) -> Result<Vec<Source>, PlanError> {
    let globs = Globs::new(&spec.include, &spec.exclude)?;
    let whole = Whole::new(spec)?;
    let walk = Walk {
        globs: &globs,
        whole: &whole,
        hidden: spec.hidden,
        follow: spec.follow,
        output: output.map(Output::at).unwrap_or_default(),
    };
    let mut sources = Vec::new();
    let mut stdin = false;
    let mut urls = Urls::new(&walk, objects);
    for input in inputs {
        let typed = input.as_bytes();
        if is_url(typed) {
            (urls.add(0, PathBuf::from(input), &mut sources)).map_err(|(_, error)| error)?;
            continue;
        }
        urls.find(&mut sources).map_err(|(_, error)| error)?;
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
            from_list(list, separator, &walk, &mut urls, &mut sources)?;
        } else {
            named(Path::new(input), &walk, &mut sources)?;
        }
    }
    urls.find(&mut sources).map_err(|(_, error)| error)?;
    Ok(sources)
}

/// Adds the paths that a file lists, each ended by `separator`.
fn from_list(
    list: &Path,
    separator: u8,
    walk: &Walk<'_>,
    urls: &mut Urls<'_>,
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
        let mut path = path.map_err(io)?;
        if separator == b'\n' {
            as_line(&mut path, number == 0);
        }
        let (line, path) = (number + 1, PathBuf::from(OsString::from_vec(path)));
        if is_url(path.as_os_str().as_bytes()) {
            (urls.add(line, path, sources)).map_err(|(line, error)| at(line, error))?;
        } else if !path.as_os_str().is_empty() {
            urls.find(sources)
                .map_err(|(line, error)| at(line, error))?;
            named(&path, walk, sources).map_err(|error| at(line, error))?;
        }
    }
    urls.find(sources).map_err(|(line, error)| at(line, error))
}

/// Takes off what editors put around a line: the CR of its end, and the mark of the first.
fn as_line(line: &mut Vec<u8>, is_first: bool) {
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    if is_first && line.starts_with(BOM) {
        line.drain(..BOM.len());
    }
}

/// Adds a named file or folder; a link that is named is followed.
fn named(path: &Path, walk: &Walk<'_>, sources: &mut Vec<Source>) -> Result<(), PlanError> {
    let error = |error| PlanError::Input {
        path: path.to_owned(),
        error,
    };
    let metadata = std::fs::metadata(path).map_err(error)?;
    if metadata.is_dir() {
        std::fs::read_dir(path).map_err(error)?;
        if walk.is_output(path) {
            return Err(PlanError::Output(path.to_owned()));
        }
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

fn kind(path: &Path, metadata: &Metadata) -> io::Result<SourceKind> {
    let file_type = metadata.file_type();
    if file_type.is_file() {
        let mut file = File::open(path)?;
        if is_sizeless(&mut file, metadata)? {
            return Ok(SourceKind::Stream);
        }
        return Ok(SourceKind::File(PlannedFile::of(metadata)));
    }
    if file_type.is_socket() {
        return Err(io::Error::other("a socket cannot be read as a file"));
    }
    // Opening a pipe and closing it again would end it for its writer.
    rustix::fs::access(path, rustix::fs::Access::READ_OK)?;
    Ok(SourceKind::Stream)
}
