//! Columns between blanks, in quotes or brackets where they hold blanks: load balancers' and
//! proxies' logs.

use super::columns::Columns;
use super::layouts::Layout;
use super::{Parser, Reason};
use crate::engine::kinds::group_by::field::{Found, Names};
use crate::engine::prepared::SpecError;

const FEW: Reason = "fewer columns than the format has";
pub(super) const OPEN: Reason = "a quote or bracket that is not closed";
const AFTER: Reason = "text after a closing bracket";

/// Reads lines of one layout.
#[derive(Clone, Debug)]
pub(super) struct Spaced {
    columns: Columns,
    least: usize,
}

impl Spaced {
    pub(super) fn new(layout: &Layout, names: &Names) -> Result<Self, SpecError> {
        Ok(Self {
            columns: Columns::new(layout.name, layout.columns, layout.derived, names)?
                .with_dashes(),
            least: layout.least,
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
            self.columns.set(found, column, text, start, end);
            column += 1;
            at = next;
        }
        match column {
            0 => Ok(false),
            columns if columns < self.least => Err(FEW),
            _ => Ok(true),
        }
    }
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

/// The quote that closes what begins at `start`: it is before a blank or the end, and has no
/// backslash before it.
fn quote_end(text: &[u8], start: usize) -> Option<usize> {
    memchr::memchr_iter(b'"', &text[start..])
        .map(|at| start + at)
        .find(|&at| ends_at(text, at + 1) && (at == start || text[at - 1] != b'\\'))
}
