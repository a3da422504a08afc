//! zlib streams (RFC 1950): DEFLATE with a header of two bytes and an Adler-32 checksum.

use zlib_rs::{Inflate, InflateFlush, Status};

use super::Input;
use super::coded::{Codec, CodecError};
use super::deflate::{self, WINDOW_BITS};

/// A zlib decoder.
pub(crate) struct Zlib(Inflate);

impl Zlib {
    pub(crate) fn new() -> Self {
        Self(Inflate::new(true, WINDOW_BITS))
    }
}

impl Codec for Zlib {
    const NAME: &'static str = "zlib";

    /// Two bytes are a weak sign (a text may begin with `x^`), so what follows them must inflate.
    fn begins(head: &[u8]) -> bool {
        let [method, flags, ..] = *head else {
            return false;
        };
        let header = u16::from_be_bytes([method, flags]);
        // DEFLATE, a window of 32 KiB at most, no preset dictionary.
        if method & 0x0F != 8 || method >> 4 > 7 || flags & 0x20 != 0 || header % 31 != 0 {
            return false;
        }
        let mut out = [0; 4 << 10];
        let status =
            Inflate::new(true, WINDOW_BITS).decompress(head, &mut out, InflateFlush::NoFlush);
        matches!(
            status,
            Ok(Status::Ok | Status::StreamEnd | Status::BufError)
        )
    }

    fn restart(&mut self) -> Result<(), String> {
        self.0.reset(true);
        Ok(())
    }

    fn step(&mut self, input: &mut Input<'_>, out: &mut Vec<u8>) -> Result<bool, CodecError> {
        let room = out.capacity() - out.len();
        let step = deflate::step(&mut self.0, input, out, room);
        step.ended.map_err(|trouble| match trouble {
            deflate::InflateError::Input(damage) => CodecError::Beneath(damage),
            deflate::InflateError::Data(what) => CodecError::Corrupt(what.into()),
        })
    }
}
