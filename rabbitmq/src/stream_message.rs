//! A message of a stream, and where a reader of one begins.

use bytes::Bytes;
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable};

/// The header in which the broker says where in the stream a message lies.
const OFFSET_HEADER: &str = "x-stream-offset";

/// Where a reader of a stream begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamStart {
    /// At the first message that the stream still holds.
    First,
    /// At the first of the messages that were stored last, which came at about the same time; in an
    /// empty stream at the next one.
    Last,
    /// At this offset; where the stream has forgotten it, at the first message that it still holds.
    At(i64),
}

impl StreamStart {
    /// As a subscription's argument `x-stream-offset`.
    pub(super) fn argument(self) -> AMQPValue {
        match self {
            StreamStart::First => AMQPValue::LongString("first".into()),
            StreamStart::Last => AMQPValue::LongString("last".into()),
            StreamStart::At(offset) => AMQPValue::LongLongInt(offset),
        }
    }
}

/// A message of a stream.
#[derive(Clone, Debug)]
pub struct StreamMessage {
    /// Where it lies: each message's offset is one more than that of the one before.
    pub offset: i64,
    /// What it says.
    pub body: Bytes,
    headers: FieldTable,
}

impl StreamMessage {
    /// A message as it was delivered; none if it is of no stream.
    pub(super) fn of(properties: &BasicProperties, body: Vec<u8>) -> Option<Self> {
        let headers = properties.headers().clone()?;
        let offset = number(&headers, OFFSET_HEADER)?;
        Some(Self {
            offset,
            body: body.into(),
            headers,
        })
    }

    /// A header that is a whole number.
    #[must_use]
    pub fn number(&self, header: &str) -> Option<i64> {
        number(&self.headers, header)
    }
}

fn number(headers: &FieldTable, name: &str) -> Option<i64> {
    match headers.inner().get(name)? {
        AMQPValue::LongLongInt(number) => Some(*number),
        _ => None,
    }
}
