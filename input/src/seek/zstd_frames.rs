//! Frames of Zstandard that state the length of their text (RFC 8878, 3.1.1), and the seekable
//! format's table of them ("Zstandard Seekable Format", 0.1.0), which is a skippable frame at the
//! file's end.

use std::io;

use super::{Collector, MOST_STEPS, SeekPoint, SeekTable};
use crate::stream::{Random, is_skippable};

const MAGIC: [u8; 4] = [0x28, 0xB5, 0x2F, 0xFD];
/// The longest header of a frame.
const HEADER: usize = 18;
/// The header of a skippable frame.
const SKIPPABLE: u64 = 8;
/// How a table's own footer ends.
const TABLE: [u8; 4] = [0xB1, 0xEA, 0x92, 0x8F];
/// The length of that footer.
const FOOTER: u64 = 9;
/// A frame of more blocks is not stepped through: of 1 GiB of text.
const MOST_BLOCKS: usize = 1 << 13;
/// The most frames of a table.
const MOST_FRAMES: usize = 1 << 20;
/// The bits of its descriptor: entries have checksums, and what must be zero.
const HAS_CHECKSUMS: u8 = 0x80;
const RESERVED: u8 = 0x7C;

/// The table of a file of frames that all state the length of their text.
pub(super) fn table(file: &Random<'_>, least: SeekPoint) -> Option<SeekTable> {
    match stated(file, least) {
        Some(table) => Some(table),
        None if file.is_far() => None,
        None => walked(file, least),
    }
}

/// The table that the seekable format states.
fn stated(file: &Random<'_>, least: SeekPoint) -> Option<SeekTable> {
    let mut footer = [0; FOOTER as usize];
    file.at(&mut footer, file.size().checked_sub(FOOTER)?)
        .ok()?;
    let [a, b, c, d, descriptor, magic @ ..] = footer;
    if magic != TABLE || descriptor & RESERVED != 0 {
        return None;
    }
    let frames = u32::from_le_bytes([a, b, c, d]) as usize;
    let entry = if descriptor & HAS_CHECKSUMS != 0 {
        12
    } else {
        8
    };
    if frames > MOST_FRAMES {
        return None;
    }
    let length = (frames * entry) as u64 + FOOTER;
    let begin = file.size().checked_sub(length + SKIPPABLE)?;
    let mut bytes = vec![0; (length + SKIPPABLE) as usize];
    file.at(&mut bytes, begin).ok()?;
    let (head, rest) = bytes.split_at(SKIPPABLE as usize);
    if !is_skippable(head) || head[4..] != (length as u32).to_le_bytes() {
        return None;
    }
    let mut found = Collector::new(least);
    let mut at = SeekPoint { packed: 0, text: 0 };
    for entry in rest[..frames * entry].chunks_exact(entry) {
        let number = |from: usize| {
            let bytes = entry[from..].first_chunk::<4>();
            bytes.map(|bytes| u64::from(u32::from_le_bytes(*bytes)))
        };
        at.packed += number(0)?;
        at.text += number(4)?;
        found.add(at);
    }
    // What follows the frames that it names is the table itself.
    let end = SeekPoint {
        packed: file.size(),
        text: at.text,
    };
    (at.packed == begin).then(|| found.finish(end))
}

/// The table that stepping from block to block gives.
fn walked(file: &Random<'_>, least: SeekPoint) -> Option<SeekTable> {
    let mut found = Collector::new(least);
    let mut at = SeekPoint { packed: 0, text: 0 };
    let mut steps = 0;
    while at.packed < file.size() {
        let mut head = [0; HEADER];
        let got = read(file, &mut head, at.packed).ok()?;
        let head = &head[..got];
        if is_skippable(head) {
            let length = head.get(4..8)?.first_chunk::<4>()?;
            at.packed += SKIPPABLE + u64::from(u32::from_le_bytes(*length));
            steps += 1;
        } else {
            found.add(at);
            let frame = Frame::of(head)?;
            at.packed = frame.end(file, at.packed, &mut steps)?;
            at.text = at.text.checked_add(frame.text)?;
        }
        if steps > MOST_STEPS {
            return None;
        }
    }
    (at.packed == file.size()).then(|| found.finish(at))
}

/// Reads what is there of `buffer`'s length.
fn read(file: &Random<'_>, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    let left = usize::try_from(file.size().saturating_sub(at)).unwrap_or(usize::MAX);
    let got = buffer.len().min(left);
    file.at(&mut buffer[..got], at)?;
    Ok(got)
}

/// What a frame's header says.
struct Frame {
    header: u64,
    text: u64,
    has_checksum: bool,
}

impl Frame {
    /// `None` if this is no frame, or it does not state the length of its text.
    fn of(head: &[u8]) -> Option<Self> {
        let rest = head.strip_prefix(&MAGIC)?;
        let descriptor = *rest.first()?;
        let single = descriptor & 0x20 != 0;
        let dictionary = [0, 1, 2, 4][usize::from(descriptor & 3)];
        let length = match (descriptor >> 6, single) {
            (0, true) => 1,
            (0, false) => return None,
            (flag, _) => 1 << flag,
        };
        let begin = 1 + usize::from(!single) + dictionary;
        let mut number = [0; 8];
        number[..length].copy_from_slice(rest.get(begin..begin + length)?);
        Some(Self {
            header: (MAGIC.len() + begin + length) as u64,
            // Two bytes begin where one byte ends.
            text: u64::from_le_bytes(number) + if length == 2 { 256 } else { 0 },
            has_checksum: descriptor & 4 != 0,
        })
    }

    /// Where the frame that begins at `start` ends.
    fn end(&self, file: &Random<'_>, start: u64, steps: &mut usize) -> Option<u64> {
        let mut at = start + self.header;
        for _ in 0..MOST_BLOCKS {
            let mut head = [0; 4];
            file.at(&mut head[..3], at).ok()?;
            let head = u32::from_le_bytes(head);
            let length = match (head >> 1) & 3 {
                0 | 2 => head >> 3,
                1 => 1,
                _ => return None,
            };
            at += 3 + u64::from(length);
            *steps += 1;
            if *steps > MOST_STEPS || file.is_stopping() {
                return None;
            }
            if head & 1 != 0 {
                return Some(at + if self.has_checksum { 4 } else { 0 });
            }
        }
        None
    }
}
