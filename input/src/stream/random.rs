//! Files that are read at any offset: archives with a directory.

use std::cell::RefCell;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use gristmill_common::progress::Progress;
use gristmill_common::shutdown::Shutdown;

use super::{Damage, Pull};

/// How much is read at once where members are small: many of them in one call.
const BLOCK: usize = 256 << 10;

/// A file of a known size, read at offsets through a buffer.
pub(crate) struct Random<'a> {
    file: File,
    size: u64,
    shutdown: &'a Shutdown,
    /// Counts what members take; nothing for a temporary file.
    progress: Option<&'a Progress>,
    block: RefCell<(u64, Vec<u8>)>,
}

impl<'a> Random<'a> {
    pub(crate) fn new(
        file: File,
        size: u64,
        shutdown: &'a Shutdown,
        progress: Option<&'a Progress>,
    ) -> Self {
        Self {
            file,
            size,
            shutdown,
            progress,
            block: RefCell::default(),
        }
    }

    /// Its size, in bytes, as it was planned.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Whether a stop was asked for.
    pub(crate) fn is_stopping(&self) -> bool {
        self.shutdown.is_stopping()
    }

    /// Reads at an offset, at most to the size.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn read(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let left = self.size.saturating_sub(offset);
        let want = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let buffer = &mut buffer[..want];
        if want >= BLOCK / 2 {
            return self.fill(buffer, offset);
        }
        let mut block = self.block.borrow_mut();
        let (start, bytes) = &mut *block;
        let end = offset.saturating_add(want as u64);
        if offset < *start || end > *start + bytes.len() as u64 {
            let ahead = usize::try_from(left).map_or(BLOCK, |left| left.min(BLOCK));
            bytes.resize(ahead, 0);
            *start = offset;
            let got = self.fill(bytes, offset)?;
            bytes.truncate(got);
        }
        let from = (offset - *start) as usize;
        let bytes = bytes.get(from..).unwrap_or_default();
        let got = bytes.len().min(want);
        buffer[..got].copy_from_slice(&bytes[..got]);
        Ok(got)
    }

    fn fill(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut got = 0;
        while got < buffer.len() {
            match self.file.read_at(&mut buffer[got..], offset + got as u64) {
                Ok(0) => break,
                Ok(more) => got += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(got)
    }
}

impl rawzip::ReaderAt for Random<'_> {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.read(buffer, offset)
    }
}

/// A stretch of such a file as a stream.
pub(crate) struct Section<'r> {
    file: &'r Random<'r>,
    at: u64,
    end: u64,
}

impl<'r> Section<'r> {
    /// The bytes from `start` to `end`.
    pub(crate) fn new(file: &'r Random<'_>, start: u64, end: u64) -> Self {
        Self {
            file,
            at: start,
            end,
        }
    }
}

impl Pull for Section<'_> {
    fn pull(&mut self, out: &mut Vec<u8>, max: usize) -> Result<usize, Damage> {
        if self.file.shutdown.is_stopping() {
            return Err(Damage::stopped());
        }
        let left = self.end - self.at;
        let want = usize::try_from(left).map_or(max, |left| left.min(max));
        if want == 0 {
            return Ok(0);
        }
        let start = out.len();
        out.resize(start + want, 0);
        let got = self.file.read(&mut out[start..], self.at);
        let got = match got {
            Ok(got) => got,
            Err(error) => {
                out.truncate(start);
                return Err(Damage::unusable(format!(
                    "cannot be read at byte {}: {error}",
                    self.at
                )));
            }
        };
        out.truncate(start + got);
        self.at += got as u64;
        if let Some(progress) = self.file.progress {
            Progress::add(&progress.bytes_read, got as u64);
        }
        if got == 0 {
            return Err(Damage::corrupt(format!(
                "the file ends at byte {}, {left} bytes before the member does",
                self.at
            )));
        }
        Ok(got)
    }
}
