//! A range of a plain text: the records that begin in it.
//!
//! Whether a record begins at a line is told by that line and the one before it, so ranges that
//! meet agree on where they do.

use std::io;
use std::ops::Range;

use gristmill_common::record::{self, Splitter};

use super::walker::Walker;
use crate::cut::Stretch;
use crate::error::Halt;
use crate::sniff::is_plain;
use crate::stream::{Damage, Random};

/// How much is read at once where a line's end is looked for.
const BLOCK: usize = 64 << 10;
/// The longest line that counts as blank, its end included, in bytes.
const MOST_BLANK: usize = 4 << 10;

/// Cuts the records of a text that begin in `range`. One that begins before it is another range's,
/// and one that ends behind it is this one's, to its end.
pub(super) fn walk(
    walker: &mut Walker<'_, '_>,
    name: &[u8],
    file: &Random<'_>,
    range: Range<u64>,
) -> Result<(), Halt> {
    let size = file.size();
    let plain = is_plain(file);
    if file.is_stopping() {
        return Err(Halt::Stopped);
    }
    if !plain {
        let damage = file.trouble().unwrap_or_else(|| {
            Damage::unusable("is no longer the plain text that it was when the job was planned")
        });
        return walker.fault(name, range.start, damage);
    }
    let progress = walker.reading.progress;
    let finder = Finder {
        file,
        splitter: &walker.reading.rules.splitter,
        most: walker.reading.rules.max_record,
    };
    let records = finder
        .records_in(&range)
        .and_then(|(start, end)| Ok((start, end, file.stream(start..end, progress)?)));
    let (start, end, mut input) = match records {
        Ok(records) => records,
        Err(_) if file.is_stopping() => return Err(Halt::Stopped),
        Err(error) => {
            let damage = (file.trouble())
                .unwrap_or_else(|| Damage::unusable(format!("cannot be read: {error}")));
            return walker.fault(name, range.start, damage);
        }
    };
    if start >= end {
        // One record, which another range has, fills it.
        return Ok(());
    }
    let stretch = Stretch {
        offset: start,
        begins: start == 0,
        ends: end >= size,
    };
    walker.document_from(name, stretch, &mut *input)
}

/// Finds where records begin.
struct Finder<'f, 'a> {
    file: &'f Random<'a>,
    splitter: &'f Splitter,
    /// How much of a line is looked at, in bytes; a longer one begins no record.
    most: usize,
}

impl Finder<'_, '_> {
    /// Where the first record begins that begins in a range, and where the last of them ends; an
    /// empty range if none begins there. Only then is more read than the range: a record of many
    /// ranges is read once by the range that it begins in, and not by the others.
    fn records_in(&self, range: &Range<u64>) -> io::Result<(u64, u64)> {
        let start = self.first(range.start, range.end)?;
        if start >= range.end {
            return Ok((start, start));
        }
        Ok((start, self.first(range.end, self.file.size())?))
    }

    /// The offset at or after `at` where a record begins; `end` if there is none before.
    fn first(&self, at: u64, end: u64) -> io::Result<u64> {
        if at == 0 || at >= end {
            return Ok(at.min(end));
        }
        // The byte before tells whether a line begins right there.
        let mut lines = Lines {
            file: self.file,
            at: at - 1,
            block: vec![0; BLOCK],
            got: 0,
            given: 0,
        };
        lines.next(0)?;
        let mut blank = matches!(self.splitter, Splitter::Paragraphs)
            && lines.at() < end
            && self.is_behind_blank(lines.at())?;
        while lines.at() < end {
            let start = lines.at();
            let begins = match self.splitter {
                Splitter::Start(pattern) => {
                    let line = lines.next(self.most)?;
                    line.is_some_and(|line| pattern.is_match(record::content(&line)))
                }
                Splitter::Paragraphs => {
                    let line = lines.next(MOST_BLANK)?;
                    let before = blank;
                    blank = line.as_deref().is_some_and(record::is_blank);
                    before && !blank
                }
                // A line is a record.
                _ => true,
            };
            if begins {
                return Ok(start);
            }
        }
        Ok(end)
    }

    /// Whether the line before the one that begins at `start` is blank.
    fn is_behind_blank(&self, start: u64) -> io::Result<bool> {
        let from = start.saturating_sub(MOST_BLANK as u64 + 1);
        let mut before = vec![0; (start - from) as usize];
        self.file.at(&mut before, from)?;
        let text = before.strip_suffix(b"\n").unwrap_or(&before);
        Ok(match memchr::memrchr(b'\n', text) {
            Some(newline) => record::is_blank(&text[newline + 1..]),
            None => from == 0 && record::is_blank(text),
        })
    }
}

/// The lines of a file from a place on.
struct Lines<'f, 'a> {
    file: &'f Random<'a>,
    /// Where the block begins.
    at: u64,
    block: Vec<u8>,
    /// How much of the block was read, and how much of that was given.
    got: usize,
    given: usize,
}

impl Lines<'_, '_> {
    /// Where the next line begins.
    fn at(&self) -> u64 {
        self.at + self.given as u64
    }

    /// Steps over the next line and returns it with its end, if it has no more than `most` bytes.
    fn next(&mut self, most: usize) -> io::Result<Option<Vec<u8>>> {
        let mut line = Some(Vec::new());
        loop {
            if self.given == self.got && !self.fill()? {
                return Ok(line);
            }
            let rest = &self.block[self.given..self.got];
            let newline = memchr::memchr(b'\n', rest);
            let piece = &rest[..newline.map_or(rest.len(), |newline| newline + 1)];
            line = line.filter(|line| line.len() + piece.len() <= most);
            if let Some(line) = &mut line {
                line.extend_from_slice(piece);
            }
            self.given += piece.len();
            if newline.is_some() {
                return Ok(line);
            }
        }
    }

    /// Reads the next block; false at the end of the file.
    fn fill(&mut self) -> io::Result<bool> {
        self.at = self.at();
        (self.got, self.given) = (0, 0);
        let planned = self.file.size();
        if self.at >= planned {
            return Ok(false);
        }
        if self.file.is_stopping() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        self.got = self.file.read(&mut self.block, self.at)?;
        match self.got {
            0 => Err(io::Error::other(format!(
                "the file ends at byte {}, when the job was planned it had {planned}",
                self.at
            ))),
            _ => Ok(true),
        }
    }
}
