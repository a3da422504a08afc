//! Seek tables: where a compressed file can be decoded from, other than its beginning.
//!
//! BGZF (the SAM/BAM specification, 4.1), Zstandard of several frames that state their sizes (RFC
//! 8878; its seekable format too), and xz of several blocks. What a table says is not taken on
//! trust: a stretch that does not decode to the length that it states is damage.

mod bgzf;
#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) mod writers;
mod xz;
mod zstd_frames;

use std::io;
use std::ops::Range;

use gristmill_common::progress::Progress;

use crate::sniff::Format;
use crate::stream::{Codec, Coded, Damage, Gzip, Input, Pull, Random, Section, Xz, Zstd};

/// The most blocks or frames that are stepped over to find where they begin.
const MOST_STEPS: usize = 1 << 22;

/// A place where decoding can begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SeekPoint {
    /// Its offset in the file, in bytes.
    pub(crate) packed: u64,
    /// Its offset in the text that the file decodes to, in bytes.
    pub(crate) text: u64,
}

/// Seek points that are a certain length of text apart.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SeekTable {
    /// The first is the file's beginning.
    points: Vec<SeekPoint>,
    /// The lengths of the file and of the text.
    end: SeekPoint,
}

/// Collects the points of a file in their order, leaving out those that are too close.
struct Collector {
    least: SeekPoint,
    points: Vec<SeekPoint>,
}

impl Collector {
    fn new(least: SeekPoint) -> Self {
        Self {
            least,
            points: vec![SeekPoint { packed: 0, text: 0 }],
        }
    }

    /// Takes a point that is far enough behind the one before.
    fn add(&mut self, point: SeekPoint) {
        if self.is_far(point) {
            self.points.push(point);
        }
    }

    fn is_far(&self, point: SeekPoint) -> bool {
        let start = SeekPoint { packed: 0, text: 0 };
        let last = self.points.last().copied().unwrap_or(start);
        point.text.saturating_sub(last.text) >= self.least.text
            && point.packed.saturating_sub(last.packed) >= self.least.packed
    }

    /// The table of a file that ends at `end`. The last stretch is no shorter than the others.
    fn finish(mut self, end: SeekPoint) -> SeekTable {
        if self.points.len() > 1 && !self.is_far(end) {
            self.points.pop();
        }
        SeekTable {
            points: self.points,
            end,
        }
    }
}

impl SeekTable {
    /// The table of a file, its points at least as far apart as `least` is from the beginning;
    /// `None` if the file is in none of the formats, or does not say where its blocks begin.
    ///
    /// Of an object only what stands at its end is read.
    pub(crate) fn find(file: &Random<'_>, least: SeekPoint) -> Option<Self> {
        let mut head = [0; bgzf::HEADER];
        file.at(&mut head, 0).ok()?;
        match format_of(&head)? {
            Format::Gzip if file.is_far() => None,
            Format::Gzip => bgzf::table(file, least),
            Format::Zstd => zstd_frames::table(file, least),
            _ => xz::table(file, least),
        }
    }

    /// The length of the text, in bytes.
    pub(crate) fn text(&self) -> u64 {
        self.end.text
    }

    /// The stretches between the points.
    pub(crate) fn stretches(&self) -> impl Iterator<Item = (SeekPoint, SeekPoint)> {
        let ends = self.points.iter().skip(1).chain([&self.end]);
        self.points.iter().copied().zip(ends.copied())
    }
}

/// Which of the formats a file that begins so is in.
fn format_of(head: &[u8; bgzf::HEADER]) -> Option<Format> {
    match head {
        [0x1F, 0x8B, ..] => Some(Format::Gzip),
        _ if Zstd::begins(head) => Some(Format::Zstd),
        _ if Xz::begins(head) => Some(Format::Xz),
        _ => None,
    }
}

/// Decodes a file from a seek point to another one or to its end, given as offsets in the file;
/// `text` is the offset in the text where decoding begins. `progress` counts what is read.
///
/// # Errors
/// When the file is in none of the formats any more, or cannot be read.
pub(crate) fn decode<'r>(
    file: &'r Random<'r>,
    packed: Range<u64>,
    text: u64,
    progress: Option<&'r Progress>,
) -> Result<Input<'r>, Damage> {
    let cannot = |error: io::Error| match file.trouble() {
        Some(damage) => damage,
        None if file.is_stopping() => Damage::stopped(),
        None if error.kind() == io::ErrorKind::UnexpectedEof => {
            Damage::unusable("the file is shorter than when the job was planned")
        }
        None => Damage::unusable(format!("cannot be read: {error}")),
    };
    let mut head = [0; bgzf::HEADER];
    file.at(&mut head, 0).map_err(cannot)?;
    let format = format_of(&head)
        .ok_or_else(|| Damage::unusable("is no longer what it was when the job was planned"))?;
    let start = packed.start;
    if let Format::Xz = format {
        let stream = xz::stretch(file, packed, progress).map_err(cannot)?;
        let stream = stream.ok_or_else(|| Damage::corrupt("xz: no block where one must begin"))?;
        return xz::decoder(stream, start, text).map_err(Damage::unusable);
    }
    let stream = body(file, packed, progress).map_err(cannot)?;
    let input = Input::new(stream).from(start);
    Ok(match format {
        Format::Gzip => Input::new(Gzip::new(input).from(text)),
        _ => {
            let decoder = Zstd::new().map_err(Damage::unusable)?;
            Input::new(Coded::new(input, decoder).from(text))
        }
    })
}

/// A stretch of a file as it lies.
fn body<'r>(
    file: &'r Random<'r>,
    packed: Range<u64>,
    progress: Option<&'r Progress>,
) -> io::Result<Box<dyn Pull + 'r>> {
    match progress {
        Some(progress) => file.stream(packed, progress),
        None => Ok(Box::new(Section::unseen(file, packed.start, packed.end))),
    }
}

/// The table of all points of a file, for tests.
#[cfg(test)]
pub(crate) fn table(bytes: &[u8]) -> Option<SeekTable> {
    tests::table(bytes, 1)
}
