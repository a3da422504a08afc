//! CSV, TSV and their like: columns by their order, or by the names in the document's header.

use gristmill_common::record::{BOM, Splitter};

use super::columns::Columns;
use super::many::{self, Each, Placed};
use super::{Parser, Reason};
use crate::engine::kinds::group_by::field::{Found, Names};
use crate::engine::simd::Marks;

const OPEN: Reason = "a quote that is not closed";
const AFTER: Reason = "text after a closing quote";
const COUNT: Reason = "another number of columns than --fields names";
const COUNT_OF_HEADER: Reason = "another number of columns than the document's header has";
const NO_HEADER: Reason =
    "its document has no header: the first record was set aside or is too long";
const BAD_HEADER: Reason = "its document's header is no CSV";
const CR_ALONE: Reason = "its document's lines end with CR alone; convert it with tr '\\r' '\\n'";
/// As another format's, or another table's: its records would all count as those without fields.
pub(in super::super) const OTHER_HEADER: Reason =
    "its document's header has none of the fields that the job names";

/// Reads records of values with a delimiter between them (RFC 4180).
#[derive(Clone, Debug)]
pub(super) struct Separated {
    delimiter: u8,
    columns: Columns,
    header: Option<Headed>,
    /// None where records are read one by one.
    marks: Option<Marks>,
}

/// The header in force.
#[derive(Clone, Debug)]
struct Headed {
    names: Names,
    text: Option<Vec<u8>>,
    /// Why no record can be read.
    wrong: Option<Reason>,
}

impl Separated {
    /// With columns in a known order.
    pub(super) fn new(delimiter: u8, columns: Columns) -> Self {
        Self {
            delimiter,
            columns,
            header: None,
            marks: marks_of(delimiter),
        }
    }

    /// With columns as each document's header names them.
    pub(super) fn with_header(delimiter: u8, names: &Names) -> Self {
        Self {
            delimiter,
            columns: Columns::default(),
            header: Some(Headed {
                names: names.clone(),
                text: None,
                wrong: Some(NO_HEADER),
            }),
            marks: marks_of(delimiter),
        }
    }
}

/// What stands between values and records, if it can be found at once.
fn marks_of(delimiter: u8) -> Option<Marks> {
    Marks::of(&[delimiter, b'"', b'\n'])
}

/// Gives each value of a record: the number of its column, where it is, and whether it has doubled
/// quotes. Returns how many there are.
fn values(
    text: &[u8],
    delimiter: u8,
    mut give: impl FnMut(usize, usize, usize, bool),
) -> Result<usize, Reason> {
    let mut at = if text.starts_with(BOM) { BOM.len() } else { 0 };
    let mut column = 0;
    loop {
        at = match text.get(at) {
            Some(b'"') => {
                let (end, doubled) = quote_end(text, at + 1)?;
                give(column, at + 1, end, doubled);
                end + 1
            }
            _ => {
                let len = memchr::memchr(delimiter, &text[at..]);
                let end = len.map_or(text.len(), |len| at + len);
                give(column, at, end, false);
                end
            }
        };
        column += 1;
        match text.get(at) {
            None => return Ok(column),
            Some(byte) if *byte == delimiter => at += 1,
            Some(_) => return Err(AFTER),
        }
    }
}

impl Parser for Separated {
    fn header(&mut self, text: Option<&[u8]>) -> Result<(), Reason> {
        let Some(header) = &mut self.header else {
            return Ok(());
        };
        if text.is_some() && header.text.as_deref() == text {
            return header.wrong.map_or(Ok(()), Err);
        }
        header.text = text.map(<[u8]>::to_vec);
        header.wrong = Some(NO_HEADER);
        let Some(text) = text else {
            return Err(NO_HEADER);
        };
        let names = names_of(text, self.delimiter);
        header.wrong = names.as_ref().err().copied();
        self.columns = Columns::by_header(&names.unwrap_or_default(), &header.names);
        if self.columns.is_unwanted() && !header.names.paths.is_empty() {
            header.wrong = header.wrong.or(Some(OTHER_HEADER));
        }
        header.wrong.map_or(Ok(()), Err)
    }

    fn record(&mut self, text: &[u8], found: &mut Found) -> Result<bool, Reason> {
        if text.is_empty() {
            return Ok(false);
        }
        if let Some(wrong) = self.header.as_ref().and_then(|header| header.wrong) {
            return Err(wrong);
        }
        let columns = &self.columns;
        let count = values(text, self.delimiter, |column, start, end, doubled| {
            if doubled {
                let value = undoubled(&text[start..end]);
                for field in columns.whole(column) {
                    found.put(field, &value);
                }
            } else {
                columns.set(found, column, text, start, end);
            }
        })?;
        match (count == columns.len(), &self.header) {
            (true, _) => Ok(true),
            (false, None) => Err(COUNT),
            (false, Some(_)) => Err(COUNT_OF_HEADER),
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

impl Placed for Separated {
    fn marks(&mut self) -> &mut Option<Marks> {
        &mut self.marks
    }

    /// One without quotes.
    #[inline]
    fn placed(
        &self,
        block: &[u8],
        start: usize,
        marks: &[u32],
        found: &mut Found,
    ) -> Option<usize> {
        let columns = self.columns.len();
        let own = marks.get(..columns)?;
        let (&newline, between) = own.split_last()?;
        let newline = newline as usize;
        // Where the last mark is in the block, so are those before it.
        let is_plain = block.get(newline) == Some(&b'\n')
            && (between.iter()).all(|&mark| block[mark as usize] == self.delimiter);
        let wrong = (self.header.as_ref()).is_some_and(|header| header.wrong.is_some());
        if !is_plain || wrong || block[start] == BOM[0] {
            return None;
        }
        let end = newline - usize::from(newline > start && block[newline - 1] == b'\r');
        if start == end {
            return None;
        }
        self.columns.set_all(found, block, |column| {
            let from = column
                .checked_sub(1)
                .map_or(start, |before| between[before] as usize + 1);
            (from, between.get(column).map_or(end, |&mark| mark as usize))
        });
        Some(columns)
    }
}

/// The names of columns in a header.
pub(super) fn names_of(header: &[u8], delimiter: u8) -> Result<Vec<String>, Reason> {
    if has_lines_of_cr(header) {
        return Err(CR_ALONE);
    }
    let mut names = Vec::new();
    values(header, delimiter, |_, start, end, doubled| {
        let name = match doubled {
            true => undoubled(&header[start..end]),
            false => header[start..end].to_vec(),
        };
        names.push(String::from_utf8_lossy(&name).into_owned());
    })
    .map_err(|_| BAD_HEADER)?;
    match header {
        // The first of JSON lines, which may have as many commas as the others.
        [b'{', ..] => Err(BAD_HEADER),
        _ => Ok(names),
    }
}

/// Whether a line ends with a CR and another follows: outside quotes, where both may stand.
fn has_lines_of_cr(header: &[u8]) -> bool {
    let mut quoted = false;
    let mut ended = false;
    header.iter().any(|byte| {
        quoted ^= *byte == b'"';
        let follows = ended && *byte != b'\r';
        ended |= !quoted && *byte == b'\r';
        follows
    })
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
