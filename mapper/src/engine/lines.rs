//! A text of whole lines in blocks that stay, with what is found in them, in the nearest cache.

use memchr::{memchr, memrchr};

/// Bytes of lines whose marks are found at once.
pub(crate) const BLOCK: usize = 8 << 10;

/// The first lines of a text, at most [`BLOCK`] bytes, or one longer line.
pub(crate) fn block_of(text: &[u8]) -> &[u8] {
    if text.len() <= BLOCK {
        return text;
    }
    let end = memrchr(b'\n', &text[..BLOCK])
        .or_else(|| Some(BLOCK + memchr(b'\n', &text[BLOCK..])?))
        .map_or(text.len(), |newline| newline + 1);
    &text[..end]
}
