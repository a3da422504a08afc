//! UTF-16 with a byte-order mark, decoded to UTF-8. The mark is not part of the text.

use super::coded::{Codec, CodecError};
use super::{Damage, Input};

/// How much is decoded at once, in bytes: at most one and a half times as much comes out.
const STEP: usize = 32 << 10;
const MARK: char = '\u{FEFF}';

/// A UTF-16 decoder.
pub(crate) struct Utf16 {
    unit: fn([u8; 2]) -> u16,
    began: bool,
}

impl Utf16 {
    /// A decoder of text that begins with a mark.
    pub(crate) fn new(big_endian: bool) -> Self {
        Self {
            unit: if big_endian {
                u16::from_be_bytes
            } else {
                u16::from_le_bytes
            },
            began: false,
        }
    }
}

impl Codec for Utf16 {
    const NAME: &'static str = "utf-16";

    /// Texts are not concatenated: the stream is one.
    fn begins(_: &[u8]) -> bool {
        false
    }

    fn restart(&mut self) -> Result<(), String> {
        Ok(())
    }

    fn step(&mut self, input: &mut Input<'_>, out: &mut Vec<u8>) -> Result<bool, CodecError> {
        // What is whole before damage beneath is decoded first.
        let bytes = input.peek(STEP);
        let ended = bytes.len() < STEP;
        let bytes = &bytes[..bytes.len().min(STEP)];
        let (pairs, rest) = bytes.as_chunks::<2>();
        let mut units: Vec<u16> = pairs.iter().map(|pair| (self.unit)(*pair)).collect();
        if !ended
            && units
                .last()
                .is_some_and(|unit| (0xD800..0xDC00).contains(unit))
        {
            // Its other half comes with the next step.
            units.pop();
        }
        let taken = 2 * units.len();
        let odd = !rest.is_empty();
        for found in char::decode_utf16(units) {
            match found {
                Ok(MARK) if !self.began => {}
                Ok(found) => out.extend_from_slice(found.encode_utf8(&mut [0; 4]).as_bytes()),
                Err(lone) => push_surrogate(lone.unpaired_surrogate(), out),
            }
            self.began = true;
        }
        input.consume(taken);
        if taken == 0 && ended {
            let ending: Result<(), Damage> = input.want(1).map(|_| ());
            ending?;
            return if odd {
                Err(CodecError::Corrupt("half a character".into()))
            } else {
                Ok(true)
            };
        }
        Ok(false)
    }
}

/// Appends a lone surrogate as three bytes that are not UTF-8, so that `--encoding-errors` sees it.
fn push_surrogate(unit: u16, out: &mut Vec<u8>) {
    out.extend_from_slice(&[
        0xE0 | (unit >> 12) as u8,
        0x80 | (unit >> 6 & 0x3F) as u8,
        0x80 | (unit & 0x3F) as u8,
    ]);
}
