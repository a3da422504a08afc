//! Files and objects that are read at any offset: archives with a directory.

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use gristmill_common::progress::Progress;
use gristmill_common::shutdown::Shutdown;

use super::object::{ErrorSlot, FirstBytes, read_at};
use super::{Damage, ObjectPull, Pull, RawFile};
use crate::object::Object;

/// How much is read at once where members are small: many of them in one call.
const BLOCK: usize = 256 << 10;
/// The same of an object that is read on and on: each call is a request over a network.
const MOST_BLOCK: usize = 4 << 20;

/// What is read at offsets.
#[derive(Debug)]
pub(crate) enum Origin {
    File(File),
    Object(Arc<dyn Object>, ErrorSlot),
}

impl Origin {
    /// An object, of which nothing has gone wrong yet.
    pub(crate) fn object(object: &Arc<dyn Object>) -> Self {
        Self::Object(Arc::clone(object), ErrorSlot::default())
    }

    /// Reads at an offset.
    ///
    /// # Errors
    /// What the system or the store says.
    fn read_at(&self, buffer: &mut [u8], offset: u64, shutdown: &Shutdown) -> io::Result<usize> {
        match self {
            Origin::File(file) => file.read_at(buffer, offset),
            Origin::Object(object, trouble) => {
                read_at(object.as_ref(), buffer, offset, shutdown, trouble)
            }
        }
    }
}

/// A file or an object of a known size, read at offsets through a buffer.
pub(crate) struct Random<'a> {
    origin: Origin,
    size: u64,
    shutdown: &'a Shutdown,
    /// Counts what members take; nothing for a temporary file.
    progress: Option<&'a Progress>,
    /// The beginning, while it is asked for and not waited for yet.
    first: Cell<Option<FirstBytes>>,
    block: RefCell<Block>,
}

/// The stretch that was read last.
#[derive(Default)]
struct Block {
    start: u64,
    bytes: Vec<u8>,
    /// How much was asked for: doubled for an object while reading goes on where it ended.
    asked: usize,
}

impl<'a> Random<'a> {
    pub(crate) fn new(
        origin: Origin,
        size: u64,
        shutdown: &'a Shutdown,
        progress: Option<&'a Progress>,
    ) -> Self {
        Self {
            origin,
            size,
            shutdown,
            progress,
            first: Cell::new(None),
            block: RefCell::default(),
        }
    }

    /// The same of an object whose first bytes are asked for.
    pub(crate) fn with_first(self, first: FirstBytes) -> Self {
        self.first.set(Some(first));
        self
    }

    /// Its size, in bytes, as it was planned.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Reads at the beginning, and of a file no more than that.
    ///
    /// # Errors
    /// What the system or the store says.
    pub(crate) fn head(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.origin {
            Origin::File(_) => self.fill(buffer, 0),
            Origin::Object(..) => self.read(buffer, 0),
        }
    }

    /// Reads exactly this stretch, and no more than that.
    ///
    /// # Errors
    /// What the system or the store says; when the stretch ends behind the end.
    pub(crate) fn at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let end = offset.checked_add(buffer.len() as u64);
        let got = match end.is_some_and(|end| end <= self.size) {
            true => self.fill(buffer, offset)?,
            false => 0,
        };
        match got == buffer.len() {
            true => Ok(()),
            false => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    /// Whether each range is asked for over a network.
    pub(crate) fn is_far(&self) -> bool {
        matches!(&self.origin, Origin::Object(object, _) if !object.is_here())
    }

    /// A range as a stream that goes straight on.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn stream(
        &self,
        range: Range<u64>,
        progress: &'a Progress,
    ) -> io::Result<Box<dyn Pull + 'a>> {
        Ok(match &self.origin {
            Origin::File(file) => {
                let mut file = file.try_clone()?;
                file.seek(SeekFrom::Start(range.start))?;
                let file = RawFile::new(file, Some(range.end), progress, self.shutdown);
                Box::new(file.at(range.start))
            }
            Origin::Object(object, trouble) => Box::new(ObjectPull::new(
                object.as_ref(),
                range,
                trouble,
                progress,
                self.shutdown,
            )),
        })
    }

    /// What keeps the object from being read, if that has shown: then nothing that was found
    /// holds.
    pub(crate) fn trouble(&self) -> Option<Damage> {
        match &self.origin {
            Origin::File(_) => None,
            Origin::Object(_, trouble) => trouble.damage(),
        }
    }

    /// What it is, and its first bytes if it was read from its beginning.
    pub(crate) fn into_parts(self) -> (Origin, Vec<u8>) {
        let block = self.block.into_inner();
        let first = match block.start {
            0 => block.bytes,
            _ => Vec::new(),
        };
        (self.origin, first)
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
        let mut block = self.block.borrow_mut();
        if let Some(first) = self.first.take() {
            block.bytes = self.wait_for(first)?;
        }
        let end = offset.saturating_add(want as u64);
        let known = block.start..block.start + block.bytes.len() as u64;
        if offset < known.start || end > known.end {
            if want >= BLOCK / 2 {
                return self.fill(buffer, offset);
            }
            let goes_on = !known.is_empty() && (known.start..=known.end).contains(&offset);
            block.asked = match &self.origin {
                Origin::Object(..) if goes_on => (2 * block.asked).min(MOST_BLOCK),
                _ => BLOCK,
            };
            let ahead = usize::try_from(left).map_or(block.asked, |left| left.min(block.asked));
            block.bytes.resize(ahead, 0);
            block.start = offset;
            let got = self.fill(&mut block.bytes, offset);
            block.bytes.truncate(*got.as_ref().unwrap_or(&0));
            got?;
        }
        let from = (offset - block.start) as usize;
        let bytes = block.bytes.get(from..).unwrap_or_default();
        let got = bytes.len().min(want);
        buffer[..got].copy_from_slice(&bytes[..got]);
        Ok(got)
    }

    fn wait_for(&self, first: FirstBytes) -> io::Result<Vec<u8>> {
        match &self.origin {
            Origin::File(_) => Ok(Vec::new()),
            Origin::Object(_, trouble) => first.read(self.shutdown, trouble),
        }
    }

    fn fill(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut got = 0;
        while got < buffer.len() {
            let at = offset + got as u64;
            match (self.origin).read_at(&mut buffer[got..], at, self.shutdown) {
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
    counts: bool,
}

impl<'r> Section<'r> {
    /// The bytes from `start` to `end`.
    pub(crate) fn new(file: &'r Random<'_>, start: u64, end: u64) -> Self {
        Self {
            file,
            at: start,
            end,
            counts: true,
        }
    }
}

impl<'r> Section<'r> {
    /// The same, not counted as progress: only looked at.
    pub(crate) fn unseen(file: &'r Random<'_>, start: u64, end: u64) -> Self {
        Self {
            counts: false,
            ..Self::new(file, start, end)
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
                if let Some(damage) = self.file.trouble() {
                    return Err(damage);
                }
                return Err(Damage::unusable(format!(
                    "cannot be read at byte {}: {error}",
                    self.at
                )));
            }
        };
        out.truncate(start + got);
        self.at += got as u64;
        if let Some(progress) = self.file.progress.filter(|_| self.counts) {
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
