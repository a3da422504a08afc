//! How a file is cut into messages. It must not know how they travel.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use gristmill_common::wire::{self, BodyForm, Check, MessageKind, WireError};

/// The largest file that travels, in bytes.
pub const MAX_FILE: u64 = 256 << 20;
/// The bytes of a file in one message; the last one has what is left.
pub const PART: usize = 512 << 10;

/// What a message in a job's stream of files is.
///
/// The order of variants is part of the wire format: new ones go to the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileMessage {
    /// A part of a file; its bytes are the message's body.
    Part(PartHead),
    /// Says nothing: a reader that finds its own marker has read everything before it.
    Marker {
        /// Tells markers apart.
        id: u64,
    },
}

/// The description of one part of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartHead {
    /// Of the whole file ([`content_hash`](gristmill_common::id::content_hash)): files have no
    /// other name.
    pub hash: u64,
    /// Of the whole file, in bytes.
    pub size: u64,
    /// Which sending of the file it belongs to; parts of two are never mixed.
    pub attempt: u64,
    /// Number of this part, from 0.
    pub part: u32,
}

impl PartHead {
    /// How many parts the file has.
    #[must_use]
    pub fn parts(&self) -> u64 {
        self.size.div_ceil(PART as u64)
    }

    /// Where this part begins in the file, in bytes.
    #[must_use]
    pub fn offset(&self) -> u64 {
        u64::from(self.part) * PART as u64
    }

    /// Whether such a part may be, with `bytes` bytes: the file is not too large, and the part is
    /// where it should be and as long as it should be.
    #[must_use]
    pub fn fits(&self, bytes: usize) -> bool {
        self.size <= MAX_FILE
            && u64::from(self.part) < self.parts()
            && bytes as u64 == (self.size - self.offset()).min(PART as u64)
    }
}

/// Cuts a file into the parts of one attempt.
pub fn parts(file: &Bytes, hash: u64, attempt: u64) -> impl Iterator<Item = (PartHead, Bytes)> {
    let size = file.len() as u64;
    (0u32..)
        .zip((0..file.len()).step_by(PART))
        .map(move |(part, at)| {
            let head = PartHead {
                hash,
                size,
                attempt,
                part,
            };
            (head, file.slice(at..file.len().min(at + PART)))
        })
}

/// Encodes a message of a job's stream of files; `body` is the part's bytes.
///
/// # Errors
/// When the message would be larger than [`MAX_MESSAGE`](wire::MAX_MESSAGE).
pub fn encode_file(head: &FileMessage, body: Vec<u8>) -> Result<Bytes, WireError> {
    wire::encode(MessageKind::File, head, body, BodyForm::Packed)
}

/// Decodes a message of a job's stream of files.
///
/// # Errors
/// When the bytes are not a whole, undamaged message of one, or it holds more than a part.
pub fn decode_file(message: &Bytes) -> Result<(FileMessage, Bytes), WireError> {
    let envelope = wire::open(message, Check::Full)?;
    if envelope.kind != MessageKind::File {
        return Err(WireError::Malformed(format!(
            "message kind {} among files",
            envelope.kind as u8
        )));
    }
    if envelope.body.len() > PART {
        return Err(WireError::Oversized(envelope.body.len()));
    }
    Ok((envelope.head()?, envelope.body))
}
