//! Filling a vector's spare room without clearing it first: the one place that sets a length.
//!
//! Zeroing each chunk's buffer before it is overwritten costs a write of every decompressed byte.
//! This spot and no other decides what counts as written.
#![allow(unsafe_code)]

use std::mem::MaybeUninit;

use zlib_rs::{Inflate, InflateError, InflateFlush, Status};

/// What an inflating step did.
pub(super) struct Inflated {
    /// Bytes taken from the input.
    pub(super) taken: usize,
    /// Bytes appended to the output; those before an error are kept.
    pub(super) given: usize,
    /// How it ended.
    pub(super) status: Result<Status, InflateError>,
}

/// Inflates into the spare room of `out`, at most `max` bytes.
pub(super) fn inflate(
    inflate: &mut Inflate,
    input: &[u8],
    out: &mut Vec<u8>,
    max: usize,
) -> Inflated {
    let (taken, given) = (inflate.total_in(), inflate.total_out());
    let room = room(out, max);
    let size = room.len();
    let status = inflate.decompress_uninit(input, room, InflateFlush::NoFlush);
    let given = ((inflate.total_out() - given) as usize).min(size);
    // SAFETY: `room` is the spare capacity right after the length, and the decoder has written
    // `given <= room.len()` bytes from its start: that is what its count of bytes out means.
    unsafe { out.set_len(out.len() + given) };
    Inflated {
        taken: (inflate.total_in() - taken) as usize,
        given,
        status,
    }
}

/// Reads from a file into the spare room of `out`, at most `max` bytes.
pub(super) fn read(
    file: &std::fs::File,
    out: &mut Vec<u8>,
    max: usize,
) -> Result<usize, rustix::io::Errno> {
    let (done, _) = rustix::io::read(file, room(out, max))?;
    let given = done.len();
    // SAFETY: `done` is the initialised beginning of the spare capacity right after the length.
    unsafe { out.set_len(out.len() + given) };
    Ok(given)
}

/// The first `max` bytes of room after the end of `out`.
fn room(out: &mut Vec<u8>, max: usize) -> &mut [MaybeUninit<u8>] {
    out.reserve(max);
    &mut out.spare_capacity_mut()[..max]
}
