//! Streams of bytes that end, or break: files, decoders, members. It must not know of records.

mod damage;
mod file;
mod gzip;
mod input;
mod spare;

pub(crate) use damage::{Damage, Ill};
pub(crate) use file::RawFile;
pub(crate) use gzip::{Gzip, MAGIC as GZIP_MAGIC};
pub(crate) use input::Input;

/// A stream that is pulled into a growing buffer.
pub(crate) trait Pull {
    /// Appends at most `max` bytes (more than 0) to `out` and returns how many; 0 at the end.
    ///
    /// # Errors
    /// When the stream is damaged. Bytes appended before the damage was met stay in `out` and are
    /// good. After an error the stream is not pulled again.
    fn pull(&mut self, out: &mut Vec<u8>, max: usize) -> Result<usize, Damage>;
}
