//! Reading files and pipes as they lie. It must not know what is in them.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use gristmill_common::progress::Progress;
use gristmill_common::shutdown::Shutdown;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::{Damage, Pull, spare};

/// How often a silent pipe's reader looks whether a stop was asked for.
const LOOK: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 100_000_000,
};

/// Opens a file to read it; a FIFO too without waiting for a writer.
///
/// # Errors
/// When it cannot be opened.
pub(crate) fn open_at_once(path: &Path) -> io::Result<File> {
    let flags = rustix::fs::OFlags::NONBLOCK.bits() as i32;
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}

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

impl RawFile<'_> {
    /// The same file, which stands at this offset.
    pub(crate) fn at(self, at: u64) -> Self {
        Self { at, ..self }
    }

    /// Waits until a pipe has bytes, or its writers are gone. False when a stop is asked for
    /// before.
    fn is_ready(&self) -> bool {
        while !self.shutdown.is_stopping() {
            let mut files = [PollFd::new(&self.file, PollFlags::IN)];
            // A FIFO that no writer has opened yet is silent, not at its end.
            match poll(&mut files, Some(&LOOK)) {
                Ok(0) | Err(Errno::INTR) => {}
                // What is wrong, reading will tell.
                Ok(_) | Err(_) => return true,
            }
        }
        false
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
            if self.size.is_none() && !self.is_ready() {
                return Err(Damage::stopped());
            }
            match spare::read(&self.file, out, max - got) {
                Ok(0) => break,
                Ok(more) => got += more,
                Err(Errno::INTR | Errno::AGAIN) => {}
                Err(error) => {
                    return Err(Damage::unusable(format!(
                        "cannot be read at byte {}: {}",
                        self.at + got as u64,
                        io::Error::from(error)
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
