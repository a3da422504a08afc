//! The document that is being cut: where it is, and what was placed of it.

use gristmill_common::chunk::Piece;
use gristmill_common::header::Headers;

/// Where a stretch of input is, for its quarantine entry.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    /// Number of the source.
    pub(crate) source: u32,
    /// Name of the source.
    pub(crate) source_name: &'a [u8],
    /// Name of the document.
    pub(crate) document: &'a [u8],
}

/// Which stretch of a document is cut.
#[derive(Clone, Copy)]
pub(crate) struct Stretch {
    /// Its offset in the document, in bytes.
    pub(crate) offset: u64,
    /// The document begins with it.
    pub(crate) begins: bool,
    /// The document ends with it.
    pub(crate) ends: bool,
}

impl Default for Stretch {
    /// The whole document.
    fn default() -> Self {
        Self {
            offset: 0,
            begins: true,
            ends: true,
        }
    }
}

/// The document at hand.
pub(super) struct Doc<'a> {
    pub(super) place: Place<'a>,
    pub(super) ordinal: u32,
    /// Offset and record number of what is not placed yet.
    pub(super) offset: u64,
    pub(super) record: u64,
    /// Nothing was placed yet, and it begins with what comes.
    pub(super) first: bool,
    /// It ends where the bytes to come do.
    pub(super) ends: bool,
    /// Where in the body the unplaced bytes begin.
    pub(super) start: usize,
    /// Set for the next piece where it goes on with a record ([`Piece::inside`]).
    pub(super) inside: Option<bool>,
    pub(super) headers: Headers,
}

impl Doc<'_> {
    /// Its next piece: `records` records in `len` bytes.
    pub(super) fn piece(&mut self, records: u64, len: usize, last: bool) -> Piece {
        let piece = Piece {
            source: self.place.source,
            document: self.place.document.to_vec(),
            ordinal: self.ordinal,
            offset: self.offset,
            record: self.record,
            records: records as u32,
            first: self.first,
            last,
            len: len as u32,
            inside: self.inside.take(),
            large: 0,
            header: self.headers.current().filter(|_| len > 0).cloned(),
        };
        self.first = false;
        self.offset += len as u64;
        self.record += records;
        piece
    }
}
