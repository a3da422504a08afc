//! Streams of bytes that end, or break: files, decoders, members. It must not know of records.

mod bzip2;
mod checked;
mod coded;
mod damage;
mod deflate;
mod deflate64;
mod file;
mod gzip;
mod input;
mod lz4;
mod lzma;
mod object;
mod prefixed;
mod random;
mod snappy;
mod spare;
mod utf16;
mod zlib;
mod zstd;

pub(crate) use bzip2::Bzip2;
pub(crate) use checked::Checked;
pub(crate) use coded::{Codec, Coded};
pub(crate) use damage::{Damage, Ill};
pub(crate) use deflate::{Inflater, RawDeflate};
pub(crate) use deflate64::Deflate64;
pub(crate) use file::{RawFile, open_at_once};
pub(crate) use gzip::Gzip;
pub(crate) use input::Input;
pub(crate) use lz4::{Lz4, is_skippable};
pub(crate) use lzma::{Lzip, Lzma, Xz};
pub(crate) use object::{ErrorSlot, FirstBytes, ObjectPull};
pub(crate) use prefixed::Prefixed;
pub(crate) use random::{Origin, Random, Section};
pub(crate) use snappy::Snappy;
pub(crate) use utf16::Utf16;
pub(crate) use zlib::Zlib;
pub(crate) use zstd::Zstd;

/// A stream that is pulled into a growing buffer.
pub(crate) trait Pull {
    /// Appends at most `max` bytes (more than 0) to `out` and returns how many; 0 at the end.
    ///
    /// # Errors
    /// When the stream is damaged. Bytes appended before the damage was met stay in `out` and are
    /// good. After an error the stream is not pulled again.
    fn pull(&mut self, out: &mut Vec<u8>, max: usize) -> Result<usize, Damage>;
}

impl<P: Pull + ?Sized> Pull for Box<P> {
    fn pull(&mut self, out: &mut Vec<u8>, max: usize) -> Result<usize, Damage> {
        (**self).pull(out, max)
    }
}

impl<P: Pull + ?Sized> Pull for &mut P {
    fn pull(&mut self, out: &mut Vec<u8>, max: usize) -> Result<usize, Damage> {
        (**self).pull(out, max)
    }
}
