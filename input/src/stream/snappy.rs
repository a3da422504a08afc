//! Snappy in its framing format, taken apart by a library.

use std::cell::RefCell;
use std::io::{self, Read};
use std::rc::Rc;

use snap::read::FrameDecoder;

use super::{Damage, Input, Pull};

/// The first bytes of a stream.
const MAGIC: [u8; 10] = *b"\xFF\x06\0\0sNaPpY";

/// Decodes a snappy stream.
pub(crate) struct Snappy<'a> {
    decoder: FrameDecoder<Reader<'a>>,
    broken: Rc<RefCell<Option<Damage>>>,
    total: u64,
}

impl<'a> Snappy<'a> {
    /// Decodes `input`, which begins with a stream.
    pub(crate) fn new(input: Input<'a>) -> Self {
        let broken = Rc::default();
        let reader = Reader {
            input,
            broken: Rc::clone(&broken),
        };
        Self {
            decoder: FrameDecoder::new(reader),
            broken,
            total: 0,
        }
    }

    /// Whether a stream begins so.
    pub(crate) fn begins(head: &[u8]) -> bool {
        head.starts_with(&MAGIC)
    }

    fn damage(&self, error: &io::Error) -> Damage {
        if let Some(beneath) = self.broken.borrow_mut().take() {
            return beneath;
        }
        let what = match error.kind() {
            io::ErrorKind::UnexpectedEof => "truncated data".to_owned(),
            // The library says its name.
            _ => error.to_string().trim_start_matches("snappy: ").to_owned(),
        };
        Damage::corrupt(format!(
            "snappy: {what} at compressed byte {}, decompressed byte {}",
            self.decoder.get_ref().input.offset(),
            self.total
        ))
    }
}

impl Pull for Snappy<'_> {
    fn pull(&mut self, out: &mut Vec<u8>, max: usize) -> Result<usize, Damage> {
        let start = out.len();
        // A block has at most 64 KiB.
        out.resize(start + max.min(64 << 10), 0);
        let read = self.decoder.read(&mut out[start..]);
        let got = *read.as_ref().unwrap_or(&0);
        out.truncate(start + got);
        self.total += got as u64;
        read.map_err(|error| self.damage(&error))
    }
}

/// The compressed stream, as the library reads it.
struct Reader<'a> {
    input: Input<'a>,
    /// Why it broke; the library passes on that it did.
    broken: Rc<RefCell<Option<Damage>>>,
}

impl Read for Reader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.input.fill() {
            Ok(bytes) => {
                let got = bytes.len().min(buffer.len());
                buffer[..got].copy_from_slice(&bytes[..got]);
                self.input.consume(got);
                Ok(got)
            }
            Err(damage) => {
                *self.broken.borrow_mut() = Some(damage);
                Err(io::Error::other("the stream beneath is damaged"))
            }
        }
    }
}
