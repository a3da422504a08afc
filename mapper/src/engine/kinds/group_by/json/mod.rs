//! JSON records: objects, or arrays, one a record. Only the named fields are taken out of them.
//!
//! Why not a crate: sonic-rs 0.5.10 skips values by recursion, so a record of 100,000 brackets ends
//! the process, and it read Caddy's lines more slowly; simd-json, which was not measured, wants
//! bytes that it may change and builds a list of everything.

mod scan;
mod shape;
mod strings;
#[cfg(test)]
mod tests;
mod tree;

use self::scan::{Scanner, skip};
use self::shape::Shapes;
pub(super) use self::strings::unescape;
use self::strings::{Marked, Unmarked};
use self::tree::Tree;
use super::field::{Found, Names};
use super::parse::Reason;
use crate::engine::lines::{BLOCK, block_of};
use crate::engine::simd::Marks;

const NO_OBJECT: Reason = "no JSON object";
const TRAILING: Reason = "not JSON: something follows the value";

/// Reads records of JSON.
#[derive(Debug)]
pub(super) struct Json {
    scanner: Scanner,
    shapes: Shapes,
    marks: Marks,
}

impl Json {
    pub(super) fn new(names: &Names) -> Self {
        Self {
            scanner: Scanner::new(Tree::new(&names.paths)),
            shapes: Shapes::default(),
            marks: Marks::default(),
        }
    }

    /// Calls `each` with every line of `text` that is not blank: its offset and bytes, and the text
    /// that `found` is of, or why it is not JSON. Returns the number of lines.
    #[inline]
    pub(super) fn lines(
        &mut self,
        text: &[u8],
        found: &mut Found,
        mut each: impl FnMut(usize, &[u8], Result<(&Found, &[u8]), Reason>),
    ) -> u64 {
        let (mut at, mut lines) = (0, 0);
        while at < text.len() {
            let block = block_of(&text[at..]);
            if block.len() > BLOCK {
                // One long line: room for its marks would be room that is never given back.
                lines += 1;
                match self.record::<true>(block, found) {
                    Ok(true) => each(at, block, Ok((found, block))),
                    Ok(false) => {}
                    Err(reason) => each(at, block, Err(reason)),
                }
            } else {
                lines += self.block(block, found, |start, line, read| {
                    each(at + start, line, read);
                });
            }
            at += block.len();
        }
        lines
    }

    #[inline]
    fn block(
        &mut self,
        block: &[u8],
        found: &mut Found,
        mut each: impl FnMut(usize, &[u8], Result<(&Found, &[u8]), Reason>),
    ) -> u64 {
        let mut strings = Marked {
            marks: self.marks.find(block),
            controls: has_controls(block),
        };
        let (mut start, mut lines) = (0, 0);
        while start < block.len() {
            lines += 1;
            if !strings.controls
                && let Some(newline) = self.shapes.follow(block, start, &mut strings, found)
            {
                each(start, &block[start..=newline], Ok((found, block)));
                strings.pass(newline + 1);
                start = newline + 1;
                continue;
            }
            let before = strings.marks;
            let read = match skip::<true>(block, start) {
                at if matches!(block.get(at), None | Some(b'\n')) => Ok(None),
                at => {
                    found.clear();
                    read::<true>(&mut self.scanner, block, at, &mut strings, found).map(Some)
                }
            };
            let newline = memchr::memchr(b'\n', &block[start..]);
            let next = newline.map_or(block.len(), |newline| start + newline + 1);
            strings.pass(next - 1);
            match read {
                Ok(None) => {}
                Ok(Some(_)) => {
                    if !strings.controls && block[next - 1] == b'\n' {
                        let own = &before[..before.len() - strings.marks.len()];
                        let keys = self.scanner.keys();
                        self.shapes
                            .learn(block, (start, next - 1), own, keys, found);
                    }
                    each(start, &block[start..next], Ok((found, block)));
                }
                Err(reason) => each(start, &block[start..next], Err(reason)),
            }
            strings.pass(next);
            start = next;
        }
        lines
    }

    /// Reads one record; false if it is blank.
    pub(super) fn record<const LINES: bool>(
        &mut self,
        text: &[u8],
        found: &mut Found,
    ) -> Result<bool, Reason> {
        found.clear();
        let at = skip::<LINES>(text, 0);
        if matches!(text.get(at), None | Some(b'\n')) {
            return Ok(false);
        }
        read::<LINES>(&mut self.scanner, text, at, &mut Unmarked, found).map(|_| true)
    }
}

/// Reads the record that begins at `at`; returns where it ends.
#[inline(always)]
fn read<const LINES: bool>(
    scanner: &mut Scanner,
    text: &[u8],
    at: usize,
    strings: &mut impl strings::Strings,
    found: &mut Found,
) -> Result<usize, Reason> {
    if !matches!(text[at], b'{' | b'[') {
        return Err(NO_OBJECT);
    }
    let end = scanner.scan::<LINES>(text, at, strings, found)?;
    let end = skip::<LINES>(text, end);
    if !matches!((text.get(end), LINES), (None, _) | (Some(b'\n'), true)) {
        return Err(TRAILING);
    }
    found.unescape(text, unescape)?;
    Ok(end)
}

/// Whether there are control characters other than newlines.
fn has_controls(text: &[u8]) -> bool {
    // No way out before the end: so it is done for many bytes at once.
    text.iter()
        .fold(false, |has, &byte| has | (byte < b' ' && byte != b'\n'))
}
