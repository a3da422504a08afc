//! Blocks of an xz file of one stream, by its index (the .xz file format 1.2.1).
//!
//! A block has no sign of its own and is not decoded alone: a stretch of blocks is read as a stream
//! with the file's header and an index made for it, so that the decoder checks all it is told.

use std::io;
use std::ops::Range;

use gristmill_common::progress::Progress;

use super::{Collector, SeekPoint, SeekTable, body};
use crate::stream::{Coded, Damage, Input, Prefixed, Pull, Random, Xz};

/// The length of a stream's header, and of its footer.
const EDGE: u64 = 12;
/// The longest index that is read: of half a million blocks as they usually are.
const MOST_INDEX: u64 = 4 << 20;
/// How a footer ends.
const END: &[u8] = b"YZ";

/// A block as the index states it.
struct Block {
    /// Its lengths in the file without padding, and of its text.
    unpadded: u64,
    text: u64,
}

impl Block {
    /// Its length in the file.
    fn packed(&self) -> Option<u64> {
        Some(self.unpadded.checked_add(3)? & !3)
    }
}

/// The table of a file of one stream.
pub(super) fn table(file: &Random<'_>, least: SeekPoint) -> Option<SeekTable> {
    let (_, blocks) = read(file).ok()??;
    let mut found = Collector::new(least);
    let (mut at, mut text) = (EDGE, 0_u64);
    for block in &blocks {
        if at > EDGE {
            found.add(SeekPoint { packed: at, text });
        }
        at += block.packed()?;
        text = text.checked_add(block.text)?;
    }
    Some(found.finish(SeekPoint {
        packed: file.size(),
        text,
    }))
}

/// A stream's header, and its blocks as its index states them; `None` if the file is not one stream
/// with an index that its decoder would take: no decoder will see it.
fn read(file: &Random<'_>) -> io::Result<Option<([u8; EDGE as usize], Vec<Block>)>> {
    let Some(footer_at) = file.size().checked_sub(EDGE).filter(|&at| at >= EDGE) else {
        return Ok(None);
    };
    let mut header = [0; EDGE as usize];
    file.at(&mut header, 0)?;
    let mut footer = [0; EDGE as usize];
    file.at(&mut footer, footer_at)?;
    let [_, _, _, _, a, b, c, d, ..] = footer;
    let length = (u64::from(u32::from_le_bytes([a, b, c, d])) + 1) * 4;
    let Some(begin) = footer_at
        .checked_sub(length)
        .filter(|_| length <= MOST_INDEX)
    else {
        return Ok(None);
    };
    let mut bytes = vec![0; length as usize];
    file.at(&mut bytes, begin)?;
    let blocks = blocks(&bytes).filter(|blocks| {
        let sum = (blocks.iter()).try_fold(EDGE, |sum, block| sum.checked_add(block.packed()?));
        // There is one way to write it, checksums included.
        sum == Some(begin) && ending(blocks, flags(&header)) == [&bytes[..], &footer].concat()
    });
    Ok(blocks.map(|blocks| (header, blocks)))
}

/// The flags of a stream, which its footer repeats.
fn flags(header: &[u8; EDGE as usize]) -> [u8; 2] {
    [header[6], header[7]]
}

/// Reads the blocks of an index. What else is in it is for others to check.
fn blocks(index: &[u8]) -> Option<Vec<Block>> {
    let mut rest = index.get(1..)?;
    let count = number(&mut rest)?;
    // Each takes two bytes at least.
    let mut blocks = Vec::with_capacity((rest.len() / 2).min(usize::try_from(count).ok()?));
    for _ in 0..count {
        blocks.push(Block {
            unpadded: number(&mut rest)?,
            text: number(&mut rest)?,
        });
    }
    Some(blocks)
}

/// Takes a number of seven bits a byte, the lowest first.
fn number(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for place in 0..9 {
        let (&byte, after) = rest.split_first()?;
        *rest = after;
        number |= u64::from(byte & 0x7F) << (7 * place);
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn push_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// The index of blocks, and the footer of a stream whose header has these flags.
fn ending(blocks: &[Block], flags: [u8; 2]) -> Vec<u8> {
    let mut out = vec![0];
    push_number(&mut out, blocks.len() as u64);
    for block in blocks {
        push_number(&mut out, block.unpadded);
        push_number(&mut out, block.text);
    }
    out.resize(out.len().next_multiple_of(4), 0);
    out.extend_from_slice(&crc32fast::hash(&out).to_le_bytes());
    let backward = (out.len() as u32 / 4 - 1).to_le_bytes();
    let sized = [&backward[..], &flags].concat();
    out.extend_from_slice(&crc32fast::hash(&sized).to_le_bytes());
    out.extend_from_slice(&sized);
    out.extend_from_slice(END);
    out
}

/// A stream of the blocks that begin in a stretch of the file; `None` if none begins where it does.
///
/// # Errors
/// What the system or the store says.
pub(super) fn stretch<'r>(
    file: &'r Random<'r>,
    packed: Range<u64>,
    progress: Option<&'r Progress>,
) -> io::Result<Option<impl Pull + use<'r>>> {
    let Some((header, mut blocks)) = read(file)? else {
        return Ok(None);
    };
    let wanted = packed.start.max(EDGE);
    let (mut at, mut skipped) = (EDGE, 0);
    while at < wanted && skipped < blocks.len() {
        at += blocks[skipped].packed().unwrap_or(u64::MAX);
        skipped += 1;
    }
    blocks.drain(..skipped);
    let (mut end, mut count) = (at, 0);
    while end < packed.end && count < blocks.len() {
        end += blocks[count].packed().unwrap_or(u64::MAX);
        count += 1;
    }
    blocks.truncate(count);
    if at != wanted || blocks.is_empty() {
        return Ok(None);
    }
    let ended = Ended {
        body: body(file, at..end, progress)?,
        ending: ending(&blocks, flags(&header)),
    };
    Ok(Some(Prefixed::new(header.to_vec(), ended)))
}

/// Decodes such a stream, which begins at these offsets of the file and of the text.
///
/// # Errors
/// When no decoder can be had.
pub(super) fn decoder<'a>(
    stream: impl Pull + 'a,
    packed: u64,
    text: u64,
) -> Result<Input<'a>, String> {
    // The header before the first block is the file's.
    let input = Input::new(stream).from(packed.saturating_sub(EDGE));
    Ok(Input::new(Coded::new(input, Xz::new()?).from(text)))
}

/// A stream, and bytes behind it.
struct Ended<P> {
    body: P,
    ending: Vec<u8>,
}

impl<P: Pull> Pull for Ended<P> {
    fn pull(&mut self, out: &mut Vec<u8>, max: usize) -> Result<usize, Damage> {
        match self.body.pull(out, max)? {
            0 => {
                let take = self.ending.len().min(max);
                out.extend(self.ending.drain(..take));
                Ok(take)
            }
            got => Ok(got),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{decoded, table, text, with_file};
    use super::super::writers;
    use super::*;

    #[test]
    fn an_index_that_lies_is_damage() {
        let bytes = writers::xz(&text(), 300);
        let true_table = table(&bytes, 1).unwrap();
        let (start, end) = true_table.stretches().nth(1).unwrap();
        let mut blocks = with_file(&bytes, read).unwrap().unwrap().1;
        blocks[1].text += 1;
        blocks[2].text -= 1;
        let length = ending(&blocks, [0, 4]).len();
        let mut lie = bytes[..bytes.len() - length].to_vec();
        lie.extend(ending(&blocks, [bytes[6], bytes[7]]));
        assert_ne!(table(&lie, 1).unwrap(), true_table);
        let reason = decoded(&lie, start, end).unwrap_err();
        assert!(reason.starts_with("xz: "), "{reason}");
    }

    #[test]
    fn an_index_or_footer_that_decoders_refuse_is_none() {
        let bytes = writers::xz(&text(), 300);
        let blocks = with_file(&bytes, read).unwrap().unwrap().1;
        let length = ending(&blocks, [0, 4]).len();
        let body = &bytes[..bytes.len() - length];
        let with = |ending: &[u8]| table(&[body, ending].concat(), 1);
        assert!(with(&ending(&blocks, [bytes[6], bytes[7]])).is_some());
        // Another check than the header's, and flags that mean nothing.
        for flags in [[0, 1], [0x7F, 0xFF]] {
            assert_eq!(with(&ending(&blocks, flags)), None, "{flags:?}");
        }
        // The number of blocks in more bytes than it needs.
        let end = ending(&blocks, [bytes[6], bytes[7]]);
        let (index, footer) = end.split_at(length - EDGE as usize);
        let (index, _) = index.split_last_chunk::<4>().unwrap();
        let mut longer = [&[0, index[1] | 0x80, 0], &index[2..]].concat();
        while longer.last() == Some(&0) && !longer.len().is_multiple_of(4) {
            longer.pop();
        }
        longer.resize(longer.len().next_multiple_of(4), 0);
        longer.extend_from_slice(&crc32fast::hash(&longer).to_le_bytes());
        let sized = [
            &(longer.len() as u32 / 4 - 1).to_le_bytes()[..],
            &footer[8..10],
        ]
        .concat();
        longer.extend_from_slice(&crc32fast::hash(&sized).to_le_bytes());
        longer.extend_from_slice(&sized);
        longer.extend_from_slice(END);
        assert_eq!(blocks_of(&longer), Some(blocks.len()));
        assert_eq!(with(&longer), None);
    }

    /// How many blocks an index with its footer states.
    fn blocks_of(ending: &[u8]) -> Option<usize> {
        blocks(&ending[..ending.len() - EDGE as usize]).map(|blocks| blocks.len())
    }

    #[test]
    fn an_index_is_written_as_it_was_read() {
        let bytes = writers::xz(&text(), 300);
        let blocks = with_file(&bytes, read).unwrap().unwrap().1;
        assert!(bytes.ends_with(&ending(&blocks, [bytes[6], bytes[7]])));
    }
}
