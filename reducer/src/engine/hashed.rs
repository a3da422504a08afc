//! Where the bytes of an output file go, counted and hashed as they pass.

use std::io::{self, Write};

use sha2::{Digest, Sha256};

use crate::engine::files::TempFile;

/// Where a file's bytes go.
pub(crate) enum Target {
    /// Into a file under a temporary name.
    File(TempFile),
    /// To a stream such as stdout.
    Stream(Box<dyn Write + Send>),
}

/// Counts and hashes what passes.
pub(crate) struct Hashed {
    pub(crate) to: Target,
    pub(crate) hash: Sha256,
    pub(crate) bytes: u64,
}

impl Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.hash.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Target::File(temp) => temp.file().write(bytes),
            Target::Stream(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Target::File(_) => Ok(()),
            Target::Stream(stream) => stream.flush(),
        }
    }
}
