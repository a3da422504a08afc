//! The wire format: messages as bytes. The only place that knows the codec.
//!
//! A message is `body ‖ head ‖ footer`. The footer comes last so that a body which was just
//! decompressed becomes a message without being copied. All integers are little-endian:
//!
//! | footer field | bytes | meaning |
//! |---|---|---|
//! | body hash | 8 | XXH3-64 of the raw body |
//! | head hash | 8 | XXH3-64 of the head |
//! | body length | 4 | |
//! | head length | 4 | |
//! | kind | 1 | [`MessageKind`] |
//! | codec | 1 | of the body: 0 raw, 1 raw and without a hash, 2 its length (4) and an LZ4 block |
//! | version | 2 | [`VERSION`] |
//! | magic | 4 | `GMW1` |
//!
//! The codec has 128 more where the head is packed as a body is. Both hashes are of what was
//! packed.
//!
//! Messages are untrusted: lengths are checked against each other and against [`MAX_MESSAGE`], the
//! head's hash before it is decoded, and decoding is limited in what it may allocate. A body
//! without a hash is for messages that never leave their process: a full check refuses it.

mod error;
mod kind;

use std::sync::LazyLock;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::buffer_pool::BufferPool;
use crate::id::content_hash;
use crate::lz4::{pack, unpack};

pub use self::error::WireError;
pub use self::kind::MessageKind;
pub use crate::message::{
    Message, decode, encode_at_work, encode_chunk, encode_outcome, encode_seal,
    encode_split_account, encode_split_end, encode_split_task, hash_of_chunk,
};

/// The version of the wire format.
pub const VERSION: u16 = 5;
/// The first version whose entries of the log have the head that this one has.
const FIRST_LOG: u16 = 3;
/// The largest message that a broker or a ledger takes, in bytes: one of the largest document, with
/// room to spare. RabbitMQ 4 takes 16 MiB unless told otherwise. What stays in one process
/// ([`BodyForm::RawUnhashed`], [`Check::Head`]) may be as large as [`MAX_LOCAL`].
pub const MAX_MESSAGE: usize = 13 << 20;
/// The largest message between the roles of one process, in bytes: one record, with room to spare.
pub const MAX_LOCAL: usize = 256 << 20;

const MAGIC: [u8; 4] = *b"GMW1";
const FOOTER: usize = 32;
const RAW: u8 = 0;
const RAW_UNHASHED: u8 = 1;
/// Codec: the raw body's length, and an LZ4 block.
const PACKED: u8 = 2;
/// Codec, added to the body's: the head is packed as bodies are.
const HEAD_PACKED: u8 = 128;
/// Heads below this many bytes are not packed.
const LARGE_HEAD: usize = 4 << 10;
/// What decoding one head may allocate: heads hold names and 64 KiB samples, never bodies.
pub(crate) const HEAD_LIMIT: usize = MAX_MESSAGE;

/// How much of a message is verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// Head and body: for messages that came over a network or from a disk.
    Full,
    /// The head only: for messages that never left this process.
    Head,
}

/// How a chunk's body travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyForm {
    /// As it is, with a hash: for messages that may leave this process.
    Raw,
    /// As it is, without a hash: for messages that stay in this process. [`Check::Full`] refuses
    /// them.
    RawUnhashed,
    /// Compressed where that is worth it, with the hash of what it is: for messages to a broker,
    /// which costs more for a byte than compressing it does.
    Packed,
}

/// The same message in fewer bytes, if that is worth it: for a broker, which costs more for a byte
/// than compressing it does.
///
/// # Errors
/// When the bytes are not a message.
pub fn packed(message: &Bytes) -> Result<Bytes, WireError> {
    let sections = Sections::of(message)?;
    if sections.codec != RAW {
        return Ok(message.clone());
    }
    let (mut body, mut head) = (sections.body.to_vec(), sections.head.to_vec());
    let mut codec = RAW;
    if pack(&mut body) {
        codec = PACKED;
    }
    if head.len() >= LARGE_HEAD && pack(&mut head) {
        codec |= HEAD_PACKED;
    }
    if codec == RAW {
        return Ok(message.clone());
    }
    let lengths = [body.len() as u32, head.len() as u32];
    let mut packed = body;
    packed.extend_from_slice(&head);
    let mut footer = *sections.footer;
    footer[16..20].copy_from_slice(&lengths[0].to_le_bytes());
    footer[20..24].copy_from_slice(&lengths[1].to_le_bytes());
    footer[25] = codec;
    packed.extend_from_slice(&footer);
    Ok(packed.into())
}

/// Encodes a message of any kind.
///
/// # Errors
/// When the message would be larger than [`MAX_MESSAGE`].
pub fn encode(
    kind: MessageKind,
    head: &impl Serialize,
    body: Vec<u8>,
    form: BodyForm,
) -> Result<Bytes, WireError> {
    seal_up(kind, head, body, form).map(|(message, _)| message.into())
}

/// Encodes a value alone, without an envelope.
///
/// # Errors
/// When it would be larger than `LIMIT` bytes.
pub fn encode_value<const LIMIT: usize>(value: &impl Serialize) -> Result<Vec<u8>, WireError> {
    let codec = bincode::config::standard().with_limit::<LIMIT>();
    let bytes = bincode::serde::encode_to_vec(value, codec)
        .map_err(|error| WireError::Malformed(error.to_string()))?;
    if bytes.len() > LIMIT {
        return Err(WireError::Oversized(bytes.len()));
    }
    Ok(bytes)
}

/// Decodes a value alone; it may allocate `LIMIT` bytes.
///
/// # Errors
/// When the bytes are not exactly one value.
pub fn decode_value<const LIMIT: usize, T: DeserializeOwned>(bytes: &[u8]) -> Result<T, WireError> {
    let codec = bincode::config::standard().with_limit::<LIMIT>();
    let (value, used) = bincode::serde::decode_from_slice(bytes, codec)
        .map_err(|error| WireError::Malformed(error.to_string()))?;
    if used != bytes.len() {
        return Err(WireError::Malformed(format!(
            "{} stray bytes",
            bytes.len() - used
        )));
    }
    Ok(value)
}

fn codec() -> impl bincode::config::Config {
    bincode::config::standard().with_limit::<HEAD_LIMIT>()
}

pub(crate) fn chunk_hash(body_hash: u64, head_hash: u64) -> u64 {
    body_hash.rotate_left(1) ^ head_hash
}

pub(crate) fn seal_up(
    kind: MessageKind,
    head: &impl Serialize,
    mut message: Vec<u8>,
    form: BodyForm,
) -> Result<(Vec<u8>, u64), WireError> {
    let limit = match form {
        BodyForm::RawUnhashed => MAX_LOCAL,
        BodyForm::Raw | BodyForm::Packed => MAX_MESSAGE,
    };
    if message.len() > limit {
        return Err(WireError::Oversized(message.len()));
    }
    let (body_hash, codec_number) = match form {
        BodyForm::Raw => (content_hash(&message), RAW),
        BodyForm::RawUnhashed => (0, RAW_UNHASHED),
        BodyForm::Packed => {
            let hash = content_hash(&message);
            (hash, if pack(&mut message) { PACKED } else { RAW })
        }
    };
    let body_len = message.len();
    bincode::serde::encode_into_std_write(head, &mut message, codec())
        .map_err(|error| WireError::Malformed(error.to_string()))?;
    let head_hash = content_hash(&message[body_len..]);
    let head_len = message.len() - body_len;
    if message.len() + FOOTER > limit {
        return Err(WireError::Oversized(message.len() + FOOTER));
    }
    message.extend_from_slice(&body_hash.to_le_bytes());
    message.extend_from_slice(&head_hash.to_le_bytes());
    message.extend_from_slice(&(body_len as u32).to_le_bytes());
    message.extend_from_slice(&(head_len as u32).to_le_bytes());
    message.extend_from_slice(&[kind as u8, codec_number]);
    message.extend_from_slice(&VERSION.to_le_bytes());
    message.extend_from_slice(&MAGIC);
    Ok((message, chunk_hash(body_hash, head_hash)))
}

/// The body of a message of a kind, unpacked. Those of chunks are in hand one after the other, in
/// buffers that are used again; others may be kept for long, and take what they need.
fn unpack_body(packed: &[u8], kind: u8) -> Result<Bytes, WireError> {
    static BODIES: LazyLock<BufferPool> = LazyLock::new(|| BufferPool::new(MAX_MESSAGE));
    if kind == MessageKind::Chunk as u8 {
        let body = unpack(packed, MAX_MESSAGE, |len| BODIES.get(len))?;
        return Ok(BODIES.freeze(body));
    }
    unpack(packed, MAX_MESSAGE, Vec::with_capacity).map(Bytes::from)
}

/// A message taken apart, its hashes checked.
#[derive(Debug)]
pub struct Envelope {
    /// What it is.
    pub kind: MessageKind,
    head: Bytes,
    /// Its body, unpacked.
    pub body: Bytes,
    body_hash: u64,
    head_hash: u64,
}

impl Envelope {
    /// Decodes the head.
    ///
    /// # Errors
    /// When it is not exactly one value of the type.
    pub fn head<T: DeserializeOwned>(&self) -> Result<T, WireError> {
        decode_value::<HEAD_LIMIT, T>(&self.head)
    }

    /// The hash of head and body together.
    pub(crate) fn hash(&self) -> u64 {
        chunk_hash(self.body_hash, self.head_hash)
    }
}

/// The sections of a message as it travels, their lengths checked.
struct Sections<'a> {
    body: &'a [u8],
    head: &'a [u8],
    footer: &'a [u8; FOOTER],
    codec: u8,
}

impl<'a> Sections<'a> {
    fn of(message: &'a [u8]) -> Result<Self, WireError> {
        let Some((content, footer)) = message.split_last_chunk::<FOOTER>() else {
            return Err(WireError::Foreign);
        };
        let word = |at: usize| u32::from_le_bytes([0, 1, 2, 3].map(|i| footer[at + i])) as usize;
        let (body_len, head_len) = (word(16), word(20));
        if body_len.checked_add(head_len) != Some(content.len()) {
            return Err(WireError::Length(message.len()));
        }
        let (body, head) = content.split_at(body_len);
        let codec = footer[25];
        Ok(Self {
            body,
            head,
            footer,
            codec,
        })
    }

    /// Eight bytes of the footer as a number.
    fn long(&self, at: usize) -> u64 {
        u64::from_le_bytes([0, 1, 2, 3, 4, 5, 6, 7].map(|i| self.footer[at + i]))
    }
}

/// Takes a message of any kind apart.
///
/// # Errors
/// When the bytes are not a whole, undamaged message of this version.
pub fn open(message: &Bytes, check: Check) -> Result<Envelope, WireError> {
    let version = version_of(message, check)?;
    if version != VERSION {
        return Err(WireError::Version(version));
    }
    open_any(message, check).map(|(envelope, _)| envelope)
}

/// The version of the format of a message that may be ours.
fn version_of(message: &[u8], check: Check) -> Result<u16, WireError> {
    let limit = match check {
        Check::Full => MAX_MESSAGE,
        Check::Head => MAX_LOCAL,
    };
    if message.len() > limit {
        return Err(WireError::Oversized(message.len()));
    }
    let Some((_, footer)) = message.split_last_chunk::<FOOTER>() else {
        return Err(WireError::Foreign);
    };
    if footer[28..] != MAGIC {
        return Err(WireError::Foreign);
    }
    Ok(u16::from_le_bytes([footer[26], footer[27]]))
}

/// Takes apart a message of this version or an earlier one since version 3: their footers are
/// alike.
///
/// # Errors
/// When the bytes are not a whole, undamaged message of one.
pub fn open_any(message: &Bytes, check: Check) -> Result<(Envelope, u16), WireError> {
    let version = version_of(message, check)?;
    if version < FIRST_LOG {
        return Err(WireError::Version(version));
    }
    let sections = Sections::of(message)?;
    let (body_hash, head_hash) = (sections.long(0), sections.long(8));
    let head = match sections.codec & HEAD_PACKED {
        0 => message.slice_ref(sections.head),
        _ => unpack(sections.head, MAX_MESSAGE, Vec::with_capacity)?.into(),
    };
    if content_hash(&head) != head_hash {
        return Err(WireError::Damaged("head"));
    }
    let body = match sections.codec & !HEAD_PACKED {
        PACKED => unpack_body(sections.body, sections.footer[24])?,
        _ => message.slice_ref(sections.body),
    };
    match (sections.codec & !HEAD_PACKED, check) {
        (RAW | PACKED, Check::Full) if content_hash(&body) != body_hash => {
            return Err(WireError::Damaged("body"));
        }
        (RAW | PACKED, _) | (RAW_UNHASHED, Check::Head) => {}
        (RAW_UNHASHED, Check::Full) => {
            return Err(WireError::Malformed("the body has no hash".into()));
        }
        (codec, _) => return Err(WireError::Malformed(format!("unknown codec {codec}"))),
    }
    let Some(kind) = MessageKind::from_byte(sections.footer[24]) else {
        let kind = sections.footer[24];
        return Err(WireError::Malformed(format!("unknown message kind {kind}")));
    };
    let envelope = Envelope {
        kind,
        head,
        body,
        body_hash,
        head_hash,
    };
    Ok((envelope, version))
}

#[cfg(test)]
#[path = "wire_tests.rs"]
mod tests;
