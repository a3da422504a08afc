//! Frames around results that a merge counts or drops one by one.
//!
//! A frame is the document's ordinal in its split and the result's length, both big-endian u32, and
//! the result. Frames follow each other; the parts of an outcome may be cut anywhere between two
//! bytes.

/// The length of a frame's head, in bytes.
pub const HEAD: usize = 8;

/// Appends a frame's head and returns where its result starts.
pub fn begin(frames: &mut Vec<u8>, ordinal: u32) -> usize {
    frames.extend_from_slice(&ordinal.to_be_bytes());
    frames.extend_from_slice(&[0; 4]);
    frames.len()
}

/// Ends the frame whose result starts at `start` and is the last of `frames`.
///
/// # Panics
/// When the result has 4 GiB or more, or `start` is not from [`begin`].
pub fn end(frames: &mut [u8], start: usize) {
    let length = u32::try_from(frames.len() - start).expect("a result below 4 GiB");
    frames[start - 4..start].copy_from_slice(&length.to_be_bytes());
}

/// The ordinal and the length that a frame's head names.
#[must_use]
pub fn open(head: [u8; HEAD]) -> (u32, u32) {
    let [a, b, c, d, e, f, g, h] = head;
    (
        u32::from_be_bytes([a, b, c, d]),
        u32::from_be_bytes([e, f, g, h]),
    )
}
