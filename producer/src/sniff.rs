//! What a stream is, by its first bytes and never by its name.

use crate::stream;

/// How many bytes decide: the magic of tar is the last, at 257.
pub(crate) const ENOUGH: usize = 512;

/// What a stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// Text, or anything that is not known.
    Plain,
    /// Gzip.
    Gzip,
}

/// What the stream that begins with `head` is.
pub(crate) fn sniff(head: &[u8]) -> Format {
    if head.starts_with(&stream::GZIP_MAGIC) {
        Format::Gzip
    } else {
        Format::Plain
    }
}
