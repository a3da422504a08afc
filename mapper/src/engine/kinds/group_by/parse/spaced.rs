//! Columns between blanks, in quotes or brackets where they hold blanks: load balancers' and
//! proxies' logs.

use gristmill_common::quotes::is_escaped;
use gristmill_common::record::Splitter;

use super::columns::Columns;
use super::layouts::Layout;
use super::many::{self, Each, Placed};
use super::{Parser, Reason};
use crate::engine::kinds::group_by::field::{Found, Names};
use crate::engine::prepared::SpecError;
use crate::engine::simd::Marks;

const FEW: Reason = "fewer columns than the format has";
pub(super) const OPEN: Reason = "a quote or bracket that is not closed";
const AFTER: Reason = "text after a closing bracket";
const MANY: Reason = "more columns than the format has";
const INNER: Reason =
    "a quote before a blank inside a quoted column: where the column ends is not certain";

/// Reads lines of one layout.
#[derive(Clone, Debug)]
pub(super) struct Spaced {
    columns: Columns,
    least: usize,
    most: usize,
    marks: Option<Marks>,
}

impl Spaced {
    pub(super) fn new(layout: &Layout, names: &Names) -> Result<Self, SpecError> {
        Ok(Self {
            columns: Columns::new(layout.name, layout.columns, layout.derived, names)?
                .with_dashes(),
            least: layout.least,
            most: layout.most,
            marks: Marks::of(b" \t\"\n"),
        })
    }
}

impl Parser for Spaced {
    fn record(&mut self, text: &[u8], found: &mut Found) -> Result<bool, Reason> {
        let (mut at, mut column) = (0, 0);
        loop {
            let (start, end, next) = match text.get(blanks_end(text, at)) {
                Some(b'[') => {
                    let at = blanks_end(text, at);
                    let end = at + memchr::memchr(b']', &text[at..]).ok_or(OPEN)?;
                    let word = word_end(text, at);
                    match word {
                        // `[::1]:80` is one word.
                        _ if word > end + 1 => (at, word, word),
                        _ if ends_at(text, end + 1) => (at + 1, end, end + 1),
                        _ => return Err(AFTER),
                    }
                }
                _ => match word(text, at) {
                    Some(word) => word.ok_or(OPEN)?,
                    None => break,
                },
            };
            if is_rest_of_quoted(text, end, next) {
                return Err(INNER);
            }
            self.columns.set(found, column, text, start, end);
            column += 1;
            at = next;
        }
        match column {
            0 => Ok(false),
            columns if columns < self.least => Err(FEW),
            columns if columns > self.most => Err(MANY),
            _ => Ok(true),
        }
    }

    fn records(
        &mut self,
        text: &[u8],
        splitter: &Splitter,
        found: &mut Found,
        each: &mut Each<'_>,
    ) -> Option<u64> {
        many::read(self, (text, splitter), found, each)
    }
}

impl Placed for Spaced {
    fn marks(&mut self) -> &mut Option<Marks> {
        &mut self.marks
    }

    /// One with a single blank between columns.
    #[inline]
    fn placed(
        &self,
        block: &[u8],
        start: usize,
        marks: &[u32],
        found: &mut Found,
    ) -> Option<usize> {
        let (mut at, mut column, mut rest) = (start, 0, marks);
        let mut wanted = self.columns.wanted();
        loop {
            let place = match block.get(at)? {
                b'"' => quoted(block, &mut rest)?,
                b'[' => bracketed(block, at, &mut rest)?,
                _ => bare(block, at, &mut rest)?,
            };
            let columns = &self.columns;
            columns.set_next(&mut wanted, found, column, block, place);
            column += 1;
            let [mark, tail @ ..] = rest else {
                return None;
            };
            (at, rest) = (*mark as usize + 1, tail);
            if block[at - 1] == b'\n' {
                break;
            }
        }
        let fits = (self.least..=self.most).contains(&column);
        fits.then_some(marks.len() - rest.len())
    }
}

/// The column that begins at `at`, up to the next mark, which is a blank or the newline.
#[inline(always)]
fn bare(block: &[u8], at: usize, rest: &mut &[u32]) -> Option<(usize, usize)> {
    loop {
        let end = *rest.first()? as usize;
        let end = match block.get(end)? {
            b' ' => end,
            // Inside a column a quote is text.
            b'"' => {
                *rest = &rest[1..];
                continue;
            }
            b'\n' => before_newline(block, end),
            _ => return None,
        };
        let whole = end > at && !is_rest_of_quoted(block, end, end);
        return whole.then_some((at, end));
    }
}

/// The column in the quotes that the next mark opens. What is after it is the next mark.
#[inline(always)]
fn quoted(block: &[u8], rest: &mut &[u32]) -> Option<(usize, usize)> {
    let open = *rest.first()? as usize;
    let mut escaped = false;
    loop {
        *rest = &rest[1..];
        let [mark, tail @ ..] = *rest else {
            return None;
        };
        let mark = *mark as usize;
        match block.get(mark)? {
            b'\n' => return None,
            b'"' if !is_escaped(&block[open + 1..], mark - open - 1) => {}
            mark => {
                escaped |= *mark == b'"';
                continue;
            }
        }
        let next = *tail.first()? as usize;
        let ends = match block.get(next)? {
            b' ' => next == mark + 1,
            b'\n' => before_newline(block, next) == mark + 1,
            _ => false,
        };
        if ends {
            *rest = tail;
            return Some((open + 1, mark));
        }
        // Perhaps a tab is after it, or another column begins here.
        if escaped || block.get(mark + 1) == Some(&b'\t') {
            return None;
        }
    }
}

/// The column in the brackets that open at `at`.
#[inline]
fn bracketed(block: &[u8], at: usize, rest: &mut &[u32]) -> Option<(usize, usize)> {
    let end = at + memchr::memchr(b']', &block[at..])?;
    loop {
        let mark = *rest.first()? as usize;
        if mark > end {
            return match block.get(mark)? {
                b' ' if mark == end + 1 => Some((at + 1, end)),
                _ => None,
            };
        }
        match block[mark] {
            b'\n' => return None,
            // A word that ends inside the brackets, or a bracket inside a word.
            _ => *rest = &rest[1..],
        }
    }
}

/// Where a line's text ends that has a newline here.
#[inline]
fn before_newline(block: &[u8], newline: usize) -> usize {
    newline - usize::from(newline > 0 && block[newline - 1] == b'\r')
}

/// The first column at or after `at`, which may be in quotes: where it begins and ends, and where
/// to go on. `None` if there is none; in it, `None` if its quote is not closed.
pub(super) fn word(text: &[u8], at: usize) -> Option<Option<(usize, usize, usize)>> {
    let at = blanks_end(text, at);
    match text.get(at)? {
        b'"' => Some(quote_end(text, at + 1).map(|end| (at + 1, end, end + 1))),
        _ => {
            let end = word_end(text, at);
            Some(Some((at, end, end)))
        }
    }
}

/// The first byte from `start` on that is no blank.
fn blanks_end(text: &[u8], start: usize) -> usize {
    let blank = |byte: &&u8| matches!(byte, b' ' | b'\t');
    start + text[start..].iter().take_while(blank).count()
}

/// Whether a column ends here.
fn ends_at(text: &[u8], at: usize) -> bool {
    matches!(text.get(at), None | Some(b' ' | b'\t'))
}

/// The first blank from `start` on, or the end.
fn word_end(text: &[u8], start: usize) -> usize {
    let len = memchr::memchr2(b' ', b'\t', &text[start..]);
    len.map_or(text.len(), |len| start + len)
}

/// Whether a column that ends at `end`, where the next one is looked for from `next` on, is no
/// whole one: a bare word that ends with a quote is what a quote inside a quoted column, before a
/// blank, left of it.
fn is_rest_of_quoted(text: &[u8], end: usize, next: usize) -> bool {
    end == next && text[end - 1] == b'"'
}

/// The quote that closes what begins at `start`: it is before a blank or the end, and is not
/// escaped. `None` too if an escaped one is before a blank and the next column seems to begin
/// behind it: then a value ends with a backslash that its writer did not escape.
fn quote_end(text: &[u8], start: usize) -> Option<usize> {
    let mut passed = false;
    for at in memchr::memchr_iter(b'"', &text[start..]).map(|at| start + at) {
        match (
            is_escaped(&text[start..], at - start),
            ends_at(text, at + 1),
        ) {
            (false, true) => return Some(at),
            (true, ends) => passed |= ends,
            (false, false) if passed && matches!(text[at - 1], b' ' | b'\t') => return None,
            (false, false) => {}
        }
    }
    None
}
