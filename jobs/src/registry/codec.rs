//! An entry of the log as messages: an event as bytes, and its parts.

use bytes::Bytes;

use super::event::{Event, LogHead};
use gristmill_common::wire::{self, BodyForm, Check, MessageKind, WireError};

/// The most bytes that one event of the log may take, encoded, and in memory when decoded.
pub const MAX_EVENT: usize = 64 << 20;
/// The most bytes of an event in one message; a larger event travels in parts.
pub const MAX_LOG_PART: usize = 1 << 20;
/// The same of a checkpoint, which every reader reads: a part of one holds up less of what others
/// write.
pub(super) const CHECKPOINT_PART: usize = 512 << 10;

/// Encodes an event of the log, without job or time.
///
/// # Errors
/// When it would be larger than [`MAX_EVENT`].
pub fn encode_event(event: &Event) -> Result<Vec<u8>, WireError> {
    wire::encode_value::<MAX_EVENT>(event)
}

/// Decodes an event of the log.
///
/// # Errors
/// When the bytes are not one event.
pub fn decode_event(bytes: &[u8]) -> Result<Event, WireError> {
    wire::decode_value::<MAX_EVENT, Event>(bytes)
}

/// Encodes one part of an entry of the log.
///
/// # Errors
/// When the message would be larger than [`MAX_MESSAGE`](wire::MAX_MESSAGE).
pub fn encode_log_part(head: &LogHead, body: Vec<u8>, form: BodyForm) -> Result<Bytes, WireError> {
    wire::encode(MessageKind::LogPart, head, body, form)
}

/// Decodes the head of a log entry that another version of the program wrote: which job it is
/// about. It is the same in all versions.
///
/// # Errors
/// When the bytes are not a whole, undamaged part of an entry.
pub fn decode_foreign_log_head(message: &Bytes) -> Result<LogHead, WireError> {
    let (envelope, version) = wire::open_any(message, Check::Full)?;
    match envelope.kind {
        MessageKind::LogPart => envelope.head(),
        _ => Err(WireError::Version(version)),
    }
}

/// Decodes one part of an entry of the log.
///
/// # Errors
/// When the bytes are not a whole, undamaged part.
pub fn decode_log_part(message: &Bytes) -> Result<(LogHead, Bytes), WireError> {
    let envelope = wire::open(message, Check::Full)?;
    if envelope.kind != MessageKind::LogPart {
        return Err(WireError::Malformed(format!(
            "message kind {} in the log",
            envelope.kind as u8
        )));
    }
    let head: LogHead = envelope.head()?;
    if head.part >= head.parts || head.parts as usize > MAX_EVENT / CHECKPOINT_PART {
        return Err(WireError::Malformed(format!(
            "part {} of {}",
            head.part, head.parts
        )));
    }
    if envelope.body.len() > MAX_LOG_PART {
        return Err(WireError::Oversized(envelope.body.len()));
    }
    Ok((head, envelope.body))
}
