//! LZ4 frames (version 1.6.x of the frame format); blocks are decoded by a library.
//!
//! Frames are handled here because a stream that is cut off between blocks must not pass for whole.

use lz4_flex::block::{decompress_into, decompress_into_with_dict};
use xxhash_rust::xxh32::{Xxh32, xxh32};

use super::Input;
use super::coded::{Codec, CodecError};

const MAGIC: [u8; 4] = 0x184D_2204_u32.to_le_bytes();
/// How far back a block may refer.
const WINDOW: usize = 64 << 10;

/// An LZ4 frame decoder.
#[derive(Default)]
pub(crate) struct Lz4 {
    frame: Option<Frame>,
    /// The last block's bytes, after those that it may refer to.
    block: Vec<u8>,
    given: usize,
}

struct Frame {
    independent: bool,
    block_checksums: bool,
    content_checksum: bool,
    content_size: Option<u64>,
    max_block: usize,
    size: u64,
    hash: Xxh32,
}

impl Codec for Lz4 {
    const NAME: &'static str = "lz4";

    fn begins(head: &[u8]) -> bool {
        head.starts_with(&MAGIC) || is_skippable(head)
    }

    fn restart(&mut self) -> Result<(), String> {
        *self = Self::default();
        Ok(())
    }

    fn step(&mut self, input: &mut Input<'_>, out: &mut Vec<u8>) -> Result<bool, CodecError> {
        let Some(frame) = &mut self.frame else {
            let head = exactly(input, 8)?;
            if is_skippable(head) {
                let length = 8 + u64::from(number(&head[4..]));
                return match input.skip(length)? < length {
                    true => Err(CodecError::Corrupt("truncated data".into())),
                    false => Ok(true),
                };
            }
            self.frame = Some(Frame::read(input)?);
            return Ok(false);
        };
        if self.given == self.block.len() {
            let keep = if frame.independent { 0 } else { WINDOW };
            let drop = self.block.len().saturating_sub(keep);
            self.block.drain(..drop);
            self.given = self.block.len();
            if !frame.read_block(input, &mut self.block)? {
                return Ok(true);
            }
        }
        let take = (self.block.len() - self.given).min(out.capacity() - out.len());
        out.extend_from_slice(&self.block[self.given..self.given + take]);
        self.given += take;
        Ok(false)
    }
}

impl Frame {
    /// Reads a frame's header.
    fn read(input: &mut Input<'_>) -> Result<Self, CodecError> {
        let head = exactly(input, 6)?;
        let (flags, block) = (head[4], head[5]);
        if flags >> 6 != 1 || block & 0x8F != 0 {
            return Err(CodecError::Corrupt("malformed frame header".into()));
        }
        if flags & 1 != 0 {
            return Err(CodecError::Unusable("not supported: a dictionary".into()));
        }
        let sized = flags & 8 != 0;
        let length = if sized { 15 } else { 7 };
        let head = exactly(input, length)?;
        if (xxh32(&head[4..length - 1], 0) >> 8) as u8 != head[length - 1] {
            return Err(CodecError::Corrupt(
                "wrong checksum of the frame header".into(),
            ));
        }
        let max_block = match block >> 4 {
            size @ 4..=7 => 1 << (8 + 2 * size),
            _ => return Err(CodecError::Corrupt("malformed frame header".into())),
        };
        let content_size = head[6..14.min(length)].first_chunk().copied();
        input.consume(length);
        Ok(Self {
            independent: flags & 0x20 != 0,
            block_checksums: flags & 0x10 != 0,
            content_checksum: flags & 4 != 0,
            content_size: content_size.map(u64::from_le_bytes),
            max_block,
            size: 0,
            hash: Xxh32::new(0),
        })
    }

    /// Appends a block's bytes to those it may refer to. False at the frame's end.
    fn read_block(
        &mut self,
        input: &mut Input<'_>,
        block: &mut Vec<u8>,
    ) -> Result<bool, CodecError> {
        let word = number(exactly(input, 4)?);
        input.consume(4);
        if word == 0 {
            return self.end(input).map(|()| false);
        }
        let length = (word & 0x7FFF_FFFF) as usize;
        if length > self.max_block {
            return Err(CodecError::Corrupt(
                "a block longer than the frame allows".into(),
            ));
        }
        let bytes = exactly(input, length + 4 * usize::from(self.block_checksums))?;
        let (data, checksum) = bytes.split_at(length);
        if self.block_checksums && xxh32(data, 0) != number(checksum) {
            return Err(CodecError::Corrupt("wrong checksum of a block".into()));
        }
        let start = block.len();
        if word >> 31 == 1 {
            block.extend_from_slice(data);
        } else {
            block.resize(start + self.max_block, 0);
            let (dictionary, target) = block.split_at_mut(start);
            let decoded = if dictionary.is_empty() {
                decompress_into(data, target)
            } else {
                decompress_into_with_dict(data, target, dictionary)
            };
            match decoded {
                Ok(length) => block.truncate(start + length),
                Err(error) => {
                    block.truncate(start);
                    return Err(CodecError::Corrupt(format!("invalid block ({error})")));
                }
            }
        }
        input.consume(bytes_len(length, self.block_checksums));
        self.size += (block.len() - start) as u64;
        if self.content_checksum {
            self.hash.update(&block[start..]);
        }
        Ok(true)
    }

    fn end(&mut self, input: &mut Input<'_>) -> Result<(), CodecError> {
        if self.content_size.is_some_and(|size| size != self.size) {
            return Err(CodecError::Corrupt("wrong length of the frame".into()));
        }
        if self.content_checksum {
            if number(exactly(input, 4)?) != self.hash.digest() {
                return Err(CodecError::Corrupt("wrong checksum of the frame".into()));
            }
            input.consume(4);
        }
        Ok(())
    }
}

fn bytes_len(length: usize, checksum: bool) -> usize {
    length + 4 * usize::from(checksum)
}

/// Whether a frame of the user's own begins here: it says its length, and is no data.
pub(crate) fn is_skippable(head: &[u8]) -> bool {
    matches!(head, [kind, 0x2A, 0x4D, 0x18, ..] if kind & 0xF0 == 0x50)
}

/// The next `count` bytes, which are not consumed.
fn exactly<'i>(input: &'i mut Input<'_>, count: usize) -> Result<&'i [u8], CodecError> {
    let bytes = input.want(count)?;
    match bytes.get(..count) {
        Some(bytes) => Ok(bytes),
        None => Err(CodecError::Corrupt("truncated data".into())),
    }
}

fn number(bytes: &[u8]) -> u32 {
    bytes
        .first_chunk()
        .map_or(0, |word| u32::from_le_bytes(*word))
}
