//! Which part of its sources a split reads.

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// Which part of its sources a split reads. Sources that are cut into parts are in splits of their
/// own, one after the other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Extent {
    /// All of them.
    Whole,
    /// Of a zip: the members with these numbers. The last part reaches to `u64::MAX`, so that
    /// damage behind the last member is met.
    Members(Range<u64>),
    /// Of plain text: the records that begin at these offsets, each at a line's beginning. The last
    /// part ends where the file did when it was planned.
    Lines {
        /// The offsets, in bytes.
        range: Range<u64>,
        /// The file's size, in bytes.
        size: u64,
    },
    /// Of a compressed text that can be decoded from places inside it: the lines that begin behind
    /// the first of these offsets of the text and not behind the second; of the first part also
    /// the line that the text begins with.
    Packed {
        /// Where decoding begins, and where the next part does, in bytes of the file.
        packed: Range<u64>,
        /// The same in bytes of the text.
        text: Range<u64>,
        /// The whole text's length, in bytes.
        size: u64,
    },
}

impl Extent {
    /// Whether it holds the beginning of its first source.
    #[must_use]
    pub fn is_first(&self) -> bool {
        match self {
            Extent::Whole => true,
            Extent::Members(range)
            | Extent::Lines { range, .. }
            | Extent::Packed { text: range, .. } => range.start == 0,
        }
    }

    /// Where it begins in its document, in bytes, as far as that is known.
    #[must_use]
    pub fn start(&self) -> u64 {
        match self {
            Extent::Whole | Extent::Members(_) => 0,
            Extent::Lines { range, .. } | Extent::Packed { text: range, .. } => range.start,
        }
    }

    /// Whether it holds the end of its last source.
    #[must_use]
    pub fn is_last(&self) -> bool {
        match self {
            Extent::Whole => true,
            Extent::Members(range) => range.end == u64::MAX,
            Extent::Lines { range, size }
            | Extent::Packed {
                text: range, size, ..
            } => range.end >= *size,
        }
    }
}
