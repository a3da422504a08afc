//! CSV and TSV without a header line: one record a line, columns by their order.

use super::columns::Columns;
use super::{Parser, Reason};
use crate::engine::kinds::group_by::field::Found;

const OPEN: Reason = "a quote that is not closed";
const AFTER: Reason = "text after a closing quote";
const COUNT: Reason = "another number of columns than --fields names";

/// Reads records of values with a delimiter between them (RFC 4180).
#[derive(Clone, Debug)]
pub(super) struct Separated {
    delimiter: u8,
    columns: Columns,
}

impl Separated {
    pub(super) fn new(delimiter: u8, columns: Columns) -> Self {
        Self { delimiter, columns }
    }
}

impl Parser for Separated {
    fn record(&mut self, text: &[u8], found: &mut Found) -> Result<bool, Reason> {
        if text.is_empty() {
            return Ok(false);
        }
        let (mut at, mut column) = (0, 0);
        loop {
            at = match text.get(at) {
                Some(b'"') => {
                    let (end, doubled) = quote_end(text, at + 1)?;
                    if doubled {
                        let value = undoubled(&text[at + 1..end]);
                        for field in self.columns.whole(column) {
                            found.put(field, &value);
                        }
                    } else {
                        self.columns.set(found, column, text, at + 1, end);
                    }
                    end + 1
                }
                _ => {
                    let len = memchr::memchr(self.delimiter, &text[at..]);
                    let end = len.map_or(text.len(), |len| at + len);
                    self.columns.set(found, column, text, at, end);
                    end
                }
            };
            column += 1;
            match text.get(at) {
                None if column == self.columns.len() => return Ok(true),
                None => return Err(COUNT),
                Some(byte) if *byte == self.delimiter => at += 1,
                Some(_) => return Err(AFTER),
            }
        }
    }
}

/// The quote that closes what begins at `start`, and whether there are doubled ones before it.
fn quote_end(text: &[u8], start: usize) -> Result<(usize, bool), Reason> {
    let (mut at, mut doubled) = (start, false);
    loop {
        at += memchr::memchr(b'"', &text[at..]).ok_or(OPEN)?;
        if text.get(at + 1) != Some(&b'"') {
            return Ok((at, doubled));
        }
        doubled = true;
        at += 2;
    }
}

fn undoubled(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some(at) = memchr::memchr(b'"', rest) {
        out.extend_from_slice(&rest[..=at]);
        rest = rest.get(at + 2..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    out
}
