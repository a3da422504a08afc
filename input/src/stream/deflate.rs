//! Raw DEFLATE (RFC 1951): the step that all its streams are made of, and an archive's member. It
//! must not know of the archive.

use std::cell::RefCell;
use std::rc::Rc;

use zlib_rs::{Inflate, Status};

use super::spare::{self, Inflated};
use super::{Damage, Input, Pull};

/// The binary logarithm of DEFLATE's window.
pub(super) const WINDOW_BITS: u8 = 15;

/// Decoders to use again: making one costs more than inflating a small member.
#[derive(Clone, Default)]
pub(crate) struct Inflater(Rc<RefCell<Vec<Inflate>>>);

/// What one step of inflating came to.
pub(super) struct Step {
    /// Bytes appended to the output, those before trouble included.
    pub(super) given: usize,
    /// Whether the compressed data ended.
    pub(super) ended: Result<bool, InflateError>,
}

/// Why inflating cannot go on.
pub(super) enum InflateError {
    /// The compressed stream broke.
    Input(Damage),
    /// What it says is wrong so.
    Data(&'static str),
}

impl InflateError {
    /// As damage; `corrupt` adds where the data is wrong.
    pub(super) fn into_damage(self, corrupt: impl FnOnce(&str) -> Damage) -> Damage {
        match self {
            InflateError::Input(damage) => damage,
            InflateError::Data(what) => corrupt(what),
        }
    }
}

/// Appends what one look at the input gives, at most `max` bytes.
pub(super) fn step(
    inflate: &mut Inflate,
    input: &mut Input<'_>,
    out: &mut Vec<u8>,
    max: usize,
) -> Step {
    // The decoder may hold bytes that it had no room for, damage or not.
    let (bytes, damage) = match input.fill() {
        Ok(bytes) => (bytes, None),
        Err(damage) => (&[][..], Some(damage)),
    };
    let at_end = bytes.is_empty();
    let Inflated {
        taken,
        given,
        status,
    } = spare::inflate(inflate, bytes, out, max);
    input.consume(taken);
    let ended = match status {
        Ok(Status::StreamEnd) => Ok(true),
        Ok(_) if given == 0 && at_end => {
            Err(damage.map_or(InflateError::Data("truncated data"), InflateError::Input))
        }
        Ok(_) if given == 0 && taken == 0 => Err(InflateError::Data("stuck")),
        Ok(_) => Ok(false),
        // What exactly the decoder says depends on how its output was sliced.
        Err(_) => Err(InflateError::Data("invalid data")),
    };
    Step { given, ended }
}

/// Inflates one member.
pub(crate) struct RawDeflate<'a> {
    input: Input<'a>,
    inflate: Option<Inflate>,
    pool: Inflater,
    total: u64,
}

impl<'a> RawDeflate<'a> {
    pub(crate) fn new(input: Input<'a>, pool: &Inflater) -> Self {
        let used = pool.0.borrow_mut().pop().map(|mut inflate| {
            inflate.reset(false);
            inflate
        });
        Self {
            input,
            inflate: Some(used.unwrap_or_else(|| Inflate::new(false, WINDOW_BITS))),
            pool: pool.clone(),
            total: 0,
        }
    }

    fn corrupt(&self, what: &str) -> Damage {
        Damage::corrupt(format!(
            "deflate: {what} at compressed byte {}, decompressed byte {}",
            self.input.offset(),
            self.total
        ))
    }
}

impl Drop for RawDeflate<'_> {
    fn drop(&mut self) {
        self.pool.0.borrow_mut().extend(self.inflate.take());
    }
}

impl Pull for RawDeflate<'_> {
    fn pull(&mut self, out: &mut Vec<u8>, max: usize) -> Result<usize, Damage> {
        loop {
            let Some(inflate) = &mut self.inflate else {
                return Ok(0);
            };
            let Step { given, ended } = step(inflate, &mut self.input, out, max);
            self.total += given as u64;
            let ended = ended.map_err(|trouble| trouble.into_damage(|what| self.corrupt(what)))?;
            if ended {
                self.pool.0.borrow_mut().extend(self.inflate.take());
            }
            if ended || given > 0 {
                return Ok(given);
            }
        }
    }
}
