//! Objects of a store as streams, and what went wrong with them. It must not know what is in them.

use std::cell::RefCell;
use std::io;
use std::ops::Range;
use std::rc::Rc;

use gristmill_common::progress::Progress;
use gristmill_common::shutdown::Shutdown;

use super::{Damage, Pull};
use crate::object::{Object, ObjectError, ObjectStream};

/// The first thing that kept an object from being read, for whoever ends its reading: between them
/// are libraries that turn it into words. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct ErrorSlot(Rc<RefCell<Option<ObjectError>>>);

impl ErrorSlot {
    fn note(&self, error: &ObjectError) {
        self.0.borrow_mut().get_or_insert_with(|| error.clone());
    }

    /// What was wrong, if anything was.
    pub(crate) fn error(&self) -> Option<ObjectError> {
        self.0.borrow().clone()
    }

    /// The same, as damage.
    pub(crate) fn damage(&self) -> Option<Damage> {
        self.error().map(Damage::of_object)
    }
}

/// A range of an object as a stream.
pub(crate) struct ObjectPull<'a> {
    stream: Box<dyn ObjectStream>,
    progress: &'a Progress,
    shutdown: &'a Shutdown,
    trouble: ErrorSlot,
}

impl<'a> ObjectPull<'a> {
    pub(crate) fn new(
        object: &dyn Object,
        range: Range<u64>,
        trouble: &ErrorSlot,
        progress: &'a Progress,
        shutdown: &'a Shutdown,
    ) -> Self {
        Self {
            stream: object.open(range),
            progress,
            shutdown,
            trouble: trouble.clone(),
        }
    }

    /// Asks for the first of it now: it will be pulled.
    pub(crate) fn begin(&mut self) {
        self.stream.begin();
    }
}

/// The first bytes of an object, which are asked for.
pub(crate) struct FirstBytes {
    stream: Box<dyn ObjectStream>,
    end: u64,
}

impl FirstBytes {
    /// Asks for the bytes of an object before `end`.
    pub(crate) fn ask(object: &dyn Object, end: u64) -> Self {
        let mut stream = object.open(0..end);
        stream.begin();
        Self { stream, end }
    }

    /// How many there are.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// Waits for them.
    ///
    /// # Errors
    /// When they cannot be had; the reason is in `trouble` then, too.
    pub(super) fn read(self, shutdown: &Shutdown, trouble: &ErrorSlot) -> io::Result<Vec<u8>> {
        read_whole(self.stream, self.end as usize, shutdown, trouble)
    }
}

impl Pull for ObjectPull<'_> {
    fn pull(&mut self, out: &mut Vec<u8>, max: usize) -> Result<usize, Damage> {
        // What the network happens to have brought must not show in what follows.
        let mut got = 0;
        while got < max {
            match self.stream.pull(out, max - got, self.shutdown) {
                Ok(0) => break,
                Ok(more) => got += more,
                Err(error) => {
                    self.trouble.note(&error);
                    return Err(Damage::of_object(error));
                }
            }
        }
        Progress::add(&self.progress.bytes_read, got as u64);
        Ok(got)
    }
}

/// Reads into a buffer at an offset; fewer bytes only at the object's end.
///
/// # Errors
/// When it cannot be had; the reason is in `trouble` then, too.
pub(super) fn read_at(
    object: &dyn Object,
    buffer: &mut [u8],
    offset: u64,
    shutdown: &Shutdown,
    trouble: &ErrorSlot,
) -> io::Result<usize> {
    let end = offset
        .saturating_add(buffer.len() as u64)
        .min(object.size());
    if offset >= end {
        return Ok(0);
    }
    let want = (end - offset) as usize;
    let got = read_whole(object.open(offset..end), want, shutdown, trouble)?;
    buffer[..got.len()].copy_from_slice(&got);
    Ok(got.len())
}

/// The next `want` bytes of a stream; fewer only at its end.
fn read_whole(
    mut stream: Box<dyn ObjectStream>,
    want: usize,
    shutdown: &Shutdown,
    trouble: &ErrorSlot,
) -> io::Result<Vec<u8>> {
    let mut got = Vec::with_capacity(want);
    while got.len() < want {
        let left = want - got.len();
        match stream.pull(&mut got, left, shutdown) {
            Ok(0) => break,
            Ok(_) => {}
            Err(error) => {
                trouble.note(&error);
                return Err(io::Error::other(error));
            }
        }
    }
    Ok(got)
}
