//! Reading files and pipes as they lie. It must not know what is in them.

use std::fs::File;

use gristmill_common::progress::Progress;
use gristmill_common::shutdown::Shutdown;

use super::{Damage, Pull, spare};

/// A file, read to the size it had when the job was planned, or a pipe, read to its end.
pub(crate) struct RawFile<'a> {
    file: File,
    at: u64,
    size: Option<u64>,
    progress: &'a Progress,
    shutdown: &'a Shutdown,
}

impl<'a> RawFile<'a> {
    /// Reads `file`, which had `size` bytes at planning (`None`: a pipe).
    pub(crate) fn new(
        file: File,
        size: Option<u64>,
        progress: &'a Progress,
        shutdown: &'a Shutdown,
    ) -> Self {
        Self {
            file,
            at: 0,
            size,
            progress,
            shutdown,
        }
    }
}

impl Pull for RawFile<'_> {
    fn pull(&mut self, out: &mut Vec<u8>, max: usize) -> Result<usize, Damage> {
        if self.shutdown.is_stopping() {
            return Err(Damage::stopped());
        }
        // What was appended after planning is another run's input.
        let left = self.size.map_or(u64::MAX, |size| size - self.at);
        let max = usize::try_from(left).map_or(max, |left| left.min(max));
        if max == 0 {
            return Ok(0);
        }
        // A pipe gives what it has; reading on to `max` makes what follows independent of that.
        let mut got = 0;
        while got < max {
            match spare::read(&self.file, out, max - got) {
                Ok(0) => break,
                Ok(more) => got += more,
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => {
                    return Err(Damage::unusable(format!(
                        "cannot be read at byte {}: {}",
                        self.at + got as u64,
                        std::io::Error::from(error)
                    )));
                }
            }
        }
        self.at += got as u64;
        Progress::add(&self.progress.bytes_read, got as u64);
        match self.size {
            Some(size) if got == 0 => Err(Damage::corrupt(format!(
                "the file ends at byte {}, when the job was planned it had {size}",
                self.at
            ))),
            _ => Ok(got),
        }
    }
}
