//! What one message to a mapper carries: pieces of documents and what the producer could not use.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::header::Header;
use crate::id::ChunkId;

/// A chunk: its description and the bytes of its pieces, end to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// What the bytes are.
    pub head: ChunkHead,
    /// The pieces' bytes, one after the other, `head.pieces[i].len` each.
    pub body: Bytes,
    /// Hash of head and body, kept beside the id (invariant I1).
    pub hash: u64,
}

/// The description of a chunk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChunkHead {
    /// Which chunk this is.
    pub id: ChunkId,
    /// The stretches of documents in the body, in input order.
    pub pieces: Vec<Piece>,
    /// Input that the producer found damaged, oversized or unreadable: one record each.
    pub faults: Vec<Quarantined>,
}

/// A stretch of one document: whole records, and all that a processor may need of their document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    /// Number of the source in the job's plan summary.
    pub source: u32,
    /// The document's name: the source's, and for an archive's member `source!/member`.
    #[serde(with = "serde_bytes")]
    pub document: Vec<u8>,
    /// Number of the document in its split, from 0.
    pub ordinal: u32,
    /// Offset of the first byte in the (decompressed) document.
    pub offset: u64,
    /// Number of the first record in the document, from 0; quarantined records count.
    pub record: u64,
    /// Whole records in this piece, as the producer counted them while cutting.
    pub records: u32,
    /// The document begins with this piece.
    pub first: bool,
    /// The document ends with this piece.
    pub last: bool,
    /// Length in the chunk's body, in bytes.
    pub len: u32,
    /// Set where it goes on with a record that an earlier piece begins (`wc` alone, for a record
    /// over the limit): whether the byte before it is ASCII white space. That record is not counted
    /// again.
    pub inside: Option<bool>,
    /// Length of a document whose bytes are not in the body but in a file
    /// ([`crate::large::LargeDocuments`]); 0 for all others.
    pub large: u64,
    /// The line that names the columns of all its records, where the kind must know it
    /// ([`crate::spec::Kind::header`]) and there is one.
    pub header: Option<Header>,
}

/// Input that could not be processed: one entry of `quarantine.jsonl`, and in most cases one record
/// of the account.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Quarantined {
    /// Number of the source in the job's plan summary.
    pub source: u32,
    /// Name of the document.
    #[serde(with = "serde_bytes")]
    pub document: Vec<u8>,
    /// Offset of the stretch in the (decompressed) document, in bytes.
    pub offset: u64,
    /// Why, in words.
    pub reason: String,
    /// The first bytes of it, at most [`MAX_SAMPLE`].
    #[serde(with = "serde_bytes")]
    pub sample: Vec<u8>,
    /// How much it is, where it is not one record.
    pub stretch: Option<Stretch>,
    /// The last that the user's program wrote to stderr.
    #[serde(with = "serde_bytes")]
    pub stderr: Vec<u8>,
}

/// The size of a stretch of records that are set aside together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Stretch {
    /// How many records it is.
    pub records: u64,
    /// How many bytes it is.
    pub bytes: u64,
}

impl Quarantined {
    /// How many records of the account it stands for.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.stretch.map_or(1, |stretch| stretch.records)
    }
}

/// The most bytes of quarantined input that are kept as evidence.
pub const MAX_SAMPLE: usize = 64 << 10;

/// The first [`MAX_SAMPLE`] bytes, cut before a UTF-8 character rather than inside it.
#[must_use]
pub fn sample_of(bytes: &[u8]) -> &[u8] {
    if bytes.len() <= MAX_SAMPLE {
        return bytes;
    }
    let mut end = MAX_SAMPLE;
    // A UTF-8 character has at most three continuation bytes; anything longer is not UTF-8.
    while end > MAX_SAMPLE - 4 && bytes[end] & 0xC0 == 0x80 {
        end -= 1;
    }
    if bytes[end] & 0xC0 == 0x80 {
        end = MAX_SAMPLE;
    }
    &bytes[..end]
}

impl ChunkHead {
    /// The pieces with their bytes.
    pub fn with_bytes<'a>(&'a self, body: &'a [u8]) -> impl Iterator<Item = (&'a Piece, &'a [u8])> {
        let mut at = 0;
        self.pieces.iter().map(move |piece| {
            let end = at + piece.len as usize;
            let bytes = &body[at..end];
            at = end;
            (piece, bytes)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_ends_at_a_character() {
        let text = "é".repeat(MAX_SAMPLE);
        let shifted = format!("a{text}");
        assert!(std::str::from_utf8(sample_of(text.as_bytes())).is_ok());
        let sample = sample_of(shifted.as_bytes());
        assert_eq!(sample.len(), MAX_SAMPLE - 1);
        assert!(std::str::from_utf8(sample).is_ok());
        assert_eq!(sample_of(&[0x80; MAX_SAMPLE * 2]).len(), MAX_SAMPLE);
    }
}
