//! The messages of a job's work: each kind encoded, and any of them decoded.
//!
//! How bytes become a message is [`crate::wire`]'s.

use bytes::Bytes;

use crate::chunk::{Chunk, ChunkHead};
use crate::id::content_hash;
use crate::outcome::{Outcome, OutcomeHead};
use crate::seal::{Seal, SplitEnd};
use crate::split_task::{SplitAccount, SplitTask};
use crate::wire::{
    BodyForm, Check, HEAD_LIMIT, MessageKind, WireError, chunk_hash, encode, encode_value, open,
    seal_up,
};

/// A decoded message of a job's work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Work for a mapper.
    Chunk(Chunk),
    /// A result for a reducer.
    Outcome(Outcome),
    /// The statement of all chunk ids.
    Seal(Seal),
    /// The statement of one split's chunk ids.
    SplitEnd(SplitEnd),
    /// A split for a mapper to read, and the bytes of the sources that came with it.
    SplitTask(SplitTask, Bytes),
    /// What reading one split gave.
    SplitAccount(SplitAccount),
    /// A mapper has had something of the job in hand for long: its outcomes are yet to come. It
    /// says nothing else, and is not kept.
    AtWork,
}

/// Encodes a chunk; the body's buffer becomes the message's unless it is compressed.
///
/// Returns the message and the chunk's hash, which tells nothing of the body where its hash is
/// [`BodyForm::RawUnhashed`]. That keeps invariant I1 only where one id cannot be cut twice.
///
/// # Errors
/// When the message would be larger than [`MAX_MESSAGE`](crate::wire::MAX_MESSAGE), or
/// [`MAX_LOCAL`](crate::wire::MAX_LOCAL) where it stays in the process.
pub fn encode_chunk(
    head: &ChunkHead,
    body: Vec<u8>,
    form: BodyForm,
) -> Result<(Vec<u8>, u64), WireError> {
    seal_up(MessageKind::Chunk, head, body, form)
}

/// Encodes an outcome; the body's buffer becomes the message's.
///
/// # Errors
/// When the message would be larger than [`MAX_MESSAGE`](crate::wire::MAX_MESSAGE).
pub fn encode_outcome(head: &OutcomeHead, body: Vec<u8>) -> Result<Bytes, WireError> {
    encode(MessageKind::Outcome, head, body, BodyForm::Raw)
}

/// Encodes a seal.
///
/// # Errors
/// When the message would be larger than [`MAX_MESSAGE`](crate::wire::MAX_MESSAGE).
pub fn encode_seal(seal: &Seal) -> Result<Bytes, WireError> {
    encode(MessageKind::Seal, seal, Vec::new(), BodyForm::Raw)
}

/// Encodes the end of a split.
///
/// # Errors
/// When the message would be larger than [`MAX_MESSAGE`](crate::wire::MAX_MESSAGE).
pub fn encode_split_end(end: &SplitEnd) -> Result<Bytes, WireError> {
    encode(MessageKind::SplitEnd, end, Vec::new(), BodyForm::Raw)
}

/// Encodes a split for a mapper to read; `attached` is the bytes of its
/// [attached](crate::split_task::SourceState::Attached) sources, end to end.
///
/// # Errors
/// When the message would be larger than [`MAX_MESSAGE`](crate::wire::MAX_MESSAGE).
pub fn encode_split_task(task: &SplitTask, attached: Vec<u8>) -> Result<Bytes, WireError> {
    encode(MessageKind::SplitTask, task, attached, BodyForm::Raw)
}

/// Encodes the account of a split.
///
/// # Errors
/// When the message would be larger than [`MAX_MESSAGE`](crate::wire::MAX_MESSAGE).
pub fn encode_split_account(account: &SplitAccount) -> Result<Bytes, WireError> {
    encode(
        MessageKind::SplitAccount,
        account,
        Vec::new(),
        BodyForm::Raw,
    )
}

/// Encodes [`Message::AtWork`].
///
/// # Errors
/// Never: it is small.
pub fn encode_at_work() -> Result<Bytes, WireError> {
    encode(MessageKind::AtWork, &(), Vec::new(), BodyForm::Raw)
}

/// The hash of a chunk that is mapped where it was cut: what [`decode`] says of one that travelled.
///
/// # Errors
/// When its head is larger than a message may be.
pub fn hash_of_chunk(head: &ChunkHead, body: &[u8]) -> Result<u64, WireError> {
    let head = encode_value::<HEAD_LIMIT>(head)?;
    Ok(chunk_hash(content_hash(body), content_hash(&head)))
}

/// Decodes a message of a job's work.
///
/// # Errors
/// When the bytes are not a whole, undamaged message of this version.
pub fn decode(message: &Bytes, check: Check) -> Result<Message, WireError> {
    let envelope = open(message, check)?;
    match envelope.kind {
        MessageKind::Chunk => {
            let head: ChunkHead = envelope.head()?;
            check_pieces(&head, envelope.body.len())?;
            let hash = envelope.hash();
            Ok(Message::Chunk(Chunk {
                head,
                body: envelope.body,
                hash,
            }))
        }
        MessageKind::Outcome => {
            let head: OutcomeHead = envelope.head()?;
            if head.part >= head.parts {
                return Err(WireError::Malformed(format!(
                    "part {} of {}",
                    head.part, head.parts
                )));
            }
            Ok(Message::Outcome(Outcome {
                head,
                body: envelope.body,
            }))
        }
        MessageKind::Seal => Ok(Message::Seal(envelope.head()?)),
        MessageKind::SplitEnd => Ok(Message::SplitEnd(envelope.head()?)),
        MessageKind::SplitTask => {
            let task: SplitTask = envelope.head()?;
            check_attached(&task, envelope.body.len())?;
            Ok(Message::SplitTask(task, envelope.body))
        }
        MessageKind::SplitAccount => Ok(Message::SplitAccount(envelope.head()?)),
        MessageKind::AtWork => Ok(Message::AtWork),
        kind @ (MessageKind::LogPart | MessageKind::File | MessageKind::Report) => {
            let number = kind as u8;
            Err(WireError::Malformed(format!(
                "message kind {number} in a queue of work"
            )))
        }
    }
}

fn check_pieces(head: &ChunkHead, body_len: usize) -> Result<(), WireError> {
    let pieces: u64 = head.pieces.iter().map(|piece| u64::from(piece.len)).sum();
    if pieces != body_len as u64 {
        return Err(WireError::Malformed(format!(
            "pieces of {pieces} bytes in {body_len}"
        )));
    }
    Ok(())
}

fn check_attached(task: &SplitTask, body_len: usize) -> Result<(), WireError> {
    let attached = task.attached();
    if attached != body_len as u64 {
        return Err(WireError::Malformed(format!(
            "sources of {attached} bytes in {body_len}"
        )));
    }
    Ok(())
}
