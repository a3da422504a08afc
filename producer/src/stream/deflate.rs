//! Raw DEFLATE (RFC 1951) of an archive's member. It must not know of the archive.

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
            // The decoder may hold bytes that it had no room for, damage or not.
            let (bytes, damage) = match self.input.fill() {
                Ok(bytes) => (bytes, None),
                Err(damage) => (&[][..], Some(damage)),
            };
            let at_end = bytes.is_empty();
            let Inflated {
                taken,
                given,
                status,
            } = spare::inflate(inflate, bytes, out, max);
            self.input.consume(taken);
            self.total += given as u64;
            match status {
                Ok(Status::StreamEnd) => {
                    self.pool.0.borrow_mut().extend(self.inflate.take());
                    return Ok(given);
                }
                Ok(_) if given > 0 => return Ok(given),
                Ok(_) if at_end => {
                    return Err(damage.unwrap_or_else(|| self.corrupt("truncated data")));
                }
                Ok(_) if taken == 0 => return Err(self.corrupt("stuck")),
                Ok(_) => {}
                // What exactly the decoder says depends on how its output was sliced.
                Err(_) => return Err(self.corrupt("invalid data")),
            }
        }
    }
}
