//! What a processor gets to see: stretches of documents, each made of whole records.
//!
//! It must not know what is done with the records, or why some are missing.

use gristmill_common::chunk::{ChunkHead, Piece};
use gristmill_common::record::{BOM, Splitter, content};

/// The records of one chunk that one call of a processor works on.
#[derive(Clone, Debug)]
pub struct Batch<'a> {
    split: u32,
    splitter: &'a Splitter,
    parts: Vec<Part<'a>>,
}

/// Neighbouring records of one document. It may hold none: then the document is present in the
/// chunk (it is empty, or its records here were set aside).
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    /// The piece that the records come from; its extent is the piece's, not the part's.
    pub piece: &'a Piece,
    /// Offset of the first byte in the (decompressed) document.
    pub offset: u64,
    /// Number of the first record in the document, from 0.
    pub number: u64,
    /// Their bytes, terminators included.
    pub bytes: &'a [u8],
    /// How many records these are, where that was known without reading them.
    pub(crate) records: Option<u64>,
    /// Set where the bytes go on with a record that is counted elsewhere: whether white space is
    /// before them ([`Piece::inside`]).
    pub(crate) inside: Option<bool>,
}

/// One record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Offset of its first byte in the (decompressed) document.
    pub offset: u64,
    /// Its number in the document, from 0.
    pub number: u64,
    /// Its bytes, terminator included.
    pub bytes: &'a [u8],
    /// Length of the byte order mark that it begins with: 3 or 0.
    mark: usize,
}

impl<'a> Record<'a> {
    /// The record as text: without terminator, and without the document's byte order mark.
    #[must_use]
    pub fn text(&self) -> &'a [u8] {
        &content(self.bytes)[self.mark..]
    }

    /// Offset of [`Record::text`] in the (decompressed) document, in bytes.
    #[must_use]
    pub fn text_offset(&self) -> u64 {
        self.offset + self.mark as u64
    }

    /// The record without the document's byte order mark, but with its terminator.
    #[must_use]
    pub fn line(&self) -> &'a [u8] {
        &self.bytes[self.mark..]
    }
}

impl<'a> Part<'a> {
    /// All of a piece; `bytes` are the piece's.
    #[must_use]
    pub fn of_piece(piece: &'a Piece, bytes: &'a [u8], splitter: &Splitter) -> Self {
        let records = match splitter {
            _ if piece.inside.is_some() => Some(splitter.count(bytes).saturating_sub(1)),
            // An empty document is one record too.
            Splitter::Document => Some(u64::from(piece.first || !bytes.is_empty())),
            _ => None,
        };
        Self {
            piece,
            offset: piece.offset,
            number: piece.record,
            records,
            bytes,
            inside: piece.inside,
        }
    }

    /// Whether it holds no record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records
            .map_or(self.bytes.is_empty(), |records| records == 0)
    }

    /// The length of the byte order mark that the part begins with: 3 at the start of a document
    /// that has one, else 0.
    #[must_use]
    pub fn mark(&self) -> usize {
        if self.offset == 0 && self.piece.first && self.bytes.starts_with(BOM) {
            BOM.len()
        } else {
            0
        }
    }

    /// The part's bytes without the document's byte order mark.
    #[must_use]
    pub fn text(&self) -> &'a [u8] {
        &self.bytes[self.mark()..]
    }

    /// The part with all its records taken out.
    pub(crate) fn emptied(&self) -> Self {
        Self {
            records: Some(0),
            bytes: &[],
            inside: None,
            ..*self
        }
    }

    /// The first `records` of `all` records and the rest.
    fn split_at(&self, records: u64, all: u64, splitter: &Splitter) -> (Self, Self) {
        let begun = u64::from(self.inside.is_some());
        let len: usize = splitter
            .split(self.bytes)
            .take((records + begun) as usize)
            .map(<[u8]>::len)
            .sum();
        let (head, tail) = self.bytes.split_at(len);
        (
            Self {
                records: Some(records),
                bytes: head,
                ..*self
            },
            Self {
                offset: self.offset + len as u64,
                number: self.number + records,
                records: Some(all - records),
                bytes: tail,
                inside: None,
                ..*self
            },
        )
    }
}

impl<'a> Batch<'a> {
    /// A batch of parts of one chunk of the split `split`.
    #[must_use]
    pub fn new(split: u32, splitter: &'a Splitter, parts: Vec<Part<'a>>) -> Self {
        Self {
            split,
            splitter,
            parts,
        }
    }

    /// All records of a chunk.
    #[must_use]
    pub fn of_chunk(head: &'a ChunkHead, body: &'a [u8], splitter: &'a Splitter) -> Self {
        let parts = head
            .with_bytes(body)
            .map(|(piece, bytes)| Part::of_piece(piece, bytes, splitter))
            .collect();
        Self::new(head.id.split, splitter, parts)
    }

    /// Number of the split that the chunk was cut from.
    #[must_use]
    pub fn split(&self) -> u32 {
        self.split
    }

    /// The parts, in input order.
    #[must_use]
    pub fn parts(&self) -> &[Part<'a>] {
        &self.parts
    }

    /// How many records the batch holds.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.parts.iter().map(|part| self.count_of(part)).sum()
    }

    /// How many records one of the parts holds.
    #[must_use]
    pub fn count_of(&self, part: &Part<'a>) -> u64 {
        part.records
            .unwrap_or_else(|| self.splitter.count(part.bytes))
    }

    /// The records of one of the parts, in order.
    pub fn records(&self, part: &Part<'a>) -> impl Iterator<Item = Record<'a>> + use<'a> {
        let mut mark = part.mark();
        let mut offset = part.offset;
        let mut number = part.number;
        let empty = (part.records == Some(1) && part.bytes.is_empty()).then_some(&[][..]);
        let splitter: &'a Splitter = self.splitter;
        splitter.split(part.bytes).chain(empty).map(move |bytes| {
            let record = Record {
                offset,
                number,
                bytes,
                mark: std::mem::take(&mut mark),
            };
            offset += bytes.len() as u64;
            number += 1;
            record
        })
    }

    /// Whether a record is a line.
    #[must_use]
    pub fn is_lines(&self) -> bool {
        matches!(self.splitter, Splitter::Lines)
    }

    pub(crate) fn splitter(&self) -> &'a Splitter {
        self.splitter
    }

    /// The first half of the records and the rest.
    pub(crate) fn halves(&self) -> (Self, Self) {
        self.cut(self.count() / 2)
    }

    /// The first `wanted` records and the rest; both sides of a part that is cut remain parts.
    pub(crate) fn cut(&self, mut wanted: u64) -> (Self, Self) {
        let mut left = Vec::new();
        let mut right = Vec::new();
        for part in &self.parts {
            let records = self.count_of(part);
            if !right.is_empty() || (wanted == 0 && records > 0) {
                right.push(*part);
            } else if records <= wanted {
                wanted -= records;
                left.push(*part);
            } else {
                let (head, tail) = part.split_at(wanted, records, self.splitter);
                wanted = 0;
                left.push(head);
                right.push(tail);
            }
        }
        (
            Self::new(self.split, self.splitter, left),
            Self::new(self.split, self.splitter, right),
        )
    }
}
