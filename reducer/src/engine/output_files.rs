//! The files of an output, on a disk or elsewhere. It must not know what they hold.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

/// A place with the files of an output.
pub trait OutputFiles {
    /// Its name, for people.
    fn shown(&self) -> String;

    /// The names of all that is in it.
    ///
    /// # Errors
    /// When it cannot be listed.
    fn names(&self) -> io::Result<Vec<String>>;

    /// A plain file's content.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] if there is none; else when it cannot be read.
    fn open(&self, name: &str) -> io::Result<Box<dyn Read + '_>>;
}

/// A folder on this machine.
#[derive(Clone, Copy, Debug)]
pub struct FolderFiles<'a>(pub &'a Path);

impl OutputFiles for FolderFiles<'_> {
    fn shown(&self) -> String {
        self.0.display().to_string()
    }

    fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(self.0)? {
            // The names that matter are ASCII.
            names.extend(entry?.file_name().into_string().ok());
        }
        Ok(names)
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn Read + '_>> {
        let path = self.0.join(name);
        // A link or a FIFO is not what was written, and may block.
        match fs::symlink_metadata(&path)?.is_file() {
            true => Ok(Box::new(File::open(&path)?)),
            false => Err(io::Error::other("not a plain file")),
        }
    }
}
