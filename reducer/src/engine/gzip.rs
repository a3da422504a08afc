//! A gzip encoder (RFC 1952) whose bytes depend on nothing but its input: no time, no name, one
//! level, and a deflate that is the same code on every processor (invariant I6).

use std::io::{self, Write};

use crc32fast::Hasher;
use miniz_oxide::deflate::core::{
    CompressorOxide, TDEFLFlush, TDEFLStatus, compress_to_output, create_comp_flags_from_zip_params,
};

/// The deflate level: fixed, since it shows in the bytes.
const LEVEL: i32 = 6;
/// Magic, deflate, no flags, no time, no extra flags, unknown system.
const HEADER: [u8; 10] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 0xFF];

/// Writes one gzip member to `to`.
pub(crate) struct Gzip<W> {
    to: W,
    deflate: Box<CompressorOxide>,
    crc: Hasher,
    length: u32,
    begun: bool,
}

impl<W: Write> Gzip<W> {
    pub(crate) fn new(to: W) -> Self {
        // Negative window bits: raw deflate, without zlib's frame.
        let flags = create_comp_flags_from_zip_params(LEVEL, -15, 0);
        Self {
            to,
            deflate: Box::new(CompressorOxide::new(flags)),
            crc: Hasher::new(),
            length: 0,
            begun: false,
        }
    }

    /// Writes what is left and the trailer.
    pub(crate) fn finish(mut self) -> io::Result<W> {
        self.deflate(&[], TDEFLFlush::Finish)?;
        self.to
            .write_all(&self.crc.clone().finalize().to_le_bytes())?;
        self.to.write_all(&self.length.to_le_bytes())?;
        Ok(self.to)
    }

    fn deflate(&mut self, mut bytes: &[u8], flush: TDEFLFlush) -> io::Result<()> {
        if !self.begun {
            self.begun = true;
            self.to.write_all(&HEADER)?;
        }
        loop {
            let mut failed = None;
            let to = &mut self.to;
            let (status, taken) =
                compress_to_output(&mut self.deflate, bytes, flush, |out: &[u8]| {
                    let written = to.write_all(out);
                    failed = written.err();
                    failed.is_none()
                });
            if let Some(error) = failed {
                return Err(error);
            }
            bytes = &bytes[taken..];
            match status {
                TDEFLStatus::Done => return Ok(()),
                TDEFLStatus::Okay if bytes.is_empty() && flush != TDEFLFlush::Finish => {
                    return Ok(());
                }
                TDEFLStatus::Okay => {}
                _ => return Err(io::Error::other("deflate failed")),
            }
        }
    }
}

impl<W: Write> Write for Gzip<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.crc.update(bytes);
        // The trailer holds the length modulo 2^32.
        self.length = self.length.wrapping_add(bytes.len() as u32);
        self.deflate(bytes, TDEFLFlush::None)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}
