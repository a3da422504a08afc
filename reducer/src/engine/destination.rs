//! Where an output goes: a folder, or one stream with side files.

use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};

use gristmill_common::spec::JobSpec;
use parking_lot::Mutex;

use crate::engine::error::FileError;
use crate::engine::manifest::part_name;
use crate::engine::out_file::OutFile;
use crate::engine::output_dir::OutputDir;

/// Where an output goes.
#[derive(Debug)]
pub enum Destination {
    /// Into a folder.
    Dir(OutputDir),
    /// The one part to a stream.
    Stream(Box<Stream>),
}

/// A stream such as stdout, and the files that may go with it.
pub struct Stream {
    to: Mutex<Option<Box<dyn Write + Send>>>,
    side: Mutex<SideFiles>,
}

/// The files beside a stream, open from the start, so that a path that cannot be written is known
/// before the work.
#[derive(Debug)]
pub(crate) struct SideFiles {
    pub(crate) quarantine: Option<OutFile>,
    pub(crate) manifest: Option<OutFile>,
}

impl Stream {
    /// The files beside the stream.
    pub(crate) fn into_side(self) -> SideFiles {
        self.side.into_inner()
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").finish_non_exhaustive()
    }
}

impl Destination {
    /// The one part goes to `to`; what was set aside and the manifest go to files if they are
    /// named. The files appear under their names when the job is complete.
    ///
    /// # Errors
    /// When one of the files cannot be created.
    pub fn stream(
        to: Box<dyn Write + Send>,
        quarantine: Option<PathBuf>,
        manifest: Option<PathBuf>,
    ) -> Result<Self, FileError> {
        let open = |path: Option<PathBuf>| path.map(|path| side_file(&path)).transpose();
        Ok(Destination::Stream(Box::new(Stream {
            to: Mutex::new(Some(to)),
            side: Mutex::new(SideFiles {
                quarantine: open(quarantine)?,
                manifest: open(manifest)?,
            }),
        })))
    }

    /// Opens the part file of a partition.
    pub(crate) fn part(&self, partition: u32, spec: &JobSpec) -> Result<OutFile, FileError> {
        let name = part_name(partition, spec);
        match self {
            Destination::Dir(dir) => OutFile::create(dir.path(), name, spec.compress),
            Destination::Stream(stream) => {
                let mut to = stream.to.lock();
                let Some(to) = to.take() else {
                    let error = std::io::Error::other("it takes one part only");
                    return Err(FileError::new("write", Path::new("the output stream"))(
                        error,
                    ));
                };
                OutFile::stream(name, to, spec.compress, "the output stream")
            }
        }
    }
}

/// A file beside the stream: under a temporary name until it is complete, or written as it is if
/// the path names a device or a pipe.
fn side_file(path: &Path) -> Result<OutFile, FileError> {
    let special = path.metadata().is_ok_and(|found| !found.is_file());
    let name = path.file_name().map(|name| name.to_string_lossy());
    match name {
        Some(name) if !special && path.to_str().is_some() => {
            let dir = match path.parent() {
                Some(parent) if !parent.as_os_str().is_empty() => parent,
                _ => Path::new("."),
            };
            OutFile::create(dir, name.into_owned(), None)
        }
        _ => {
            let file = std::fs::File::options()
                .write(true)
                .create(true)
                .truncate(true)
                .open(path)
                .map_err(FileError::new("open", path))?;
            OutFile::stream(
                path.to_string_lossy().into_owned(),
                Box::new(file),
                None,
                &path.to_string_lossy(),
            )
        }
    }
}
