//! W3C's extended log format, as IIS and CloudFront write it: the line `#Fields:` before a record
//! names its columns.

use super::columns::{Columns, is_dash};
use super::spaced::{OPEN, word};
use super::{Parser, Reason};
use crate::engine::kinds::group_by::field::{FieldId, Found, Names};

const NO_HEADER: Reason = "no line #Fields: before it that names the columns";
const COUNT: Reason = "another number of columns than the line #Fields: before it names";

/// Reads lines whose columns another line names.
#[derive(Clone, Debug)]
pub(super) struct W3c {
    names: Names,
    /// The field that is the date and the time together.
    datetime: Option<FieldId>,
    known: Option<Known>,
}

/// The columns in force.
#[derive(Clone, Debug)]
struct Known {
    header: Vec<u8>,
    columns: Columns,
    /// Where the date and the time are, if they are to be put together.
    moment: Option<(usize, usize)>,
}

impl W3c {
    pub(super) fn new(names: &Names) -> Self {
        let datetime = names.flat().find(|(_, name)| name == "datetime");
        Self {
            names: names.clone(),
            datetime: datetime.map(|(field, _)| field),
            known: None,
        }
    }
}

impl Parser for W3c {
    fn header(&mut self, header: Option<&[u8]>) -> Result<(), Reason> {
        let same = self.known.as_ref().map(|known| &known.header[..]) == header;
        if same {
            return Ok(());
        }
        self.known = header.map(|header| {
            let names = names_of(header);
            let place = |wanted: &str| names.iter().rposition(|name| name == wanted);
            let own = place("datetime").is_some();
            let moment = (self.datetime.filter(|_| !own))
                .and_then(|_| Some((place("date")?, place("time")?)));
            Known {
                columns: Columns::by_header(&names, &self.names).with_dashes(),
                header: header.to_vec(),
                moment,
            }
        });
        Ok(())
    }

    fn record(&mut self, text: &[u8], found: &mut Found) -> Result<bool, Reason> {
        if text.is_empty() || text.starts_with(b"#") {
            return Ok(false);
        }
        let known = self.known.as_ref().ok_or(NO_HEADER)?;
        // CloudFront has tabs between values, IIS blanks.
        let tabs = memchr::memchr(b'\t', text).is_some();
        let (mut at, mut column) = (0, 0);
        let (mut date, mut time) = (None, None);
        loop {
            let (start, end, next) = if tabs {
                let len = memchr::memchr(b'\t', &text[at..]);
                let end = len.map_or(text.len(), |len| at + len);
                (at, end, end + 1)
            } else {
                match word(text, at) {
                    Some(word) => word.ok_or(OPEN)?,
                    None => break,
                }
            };
            known.columns.set(found, column, text, start, end);
            if let Some((day, clock)) = known.moment {
                date = if column == day {
                    Some((start, end))
                } else {
                    date
                };
                time = if column == clock {
                    Some((start, end))
                } else {
                    time
                };
            }
            column += 1;
            at = next;
            if tabs && at > text.len() {
                break;
            }
        }
        match column {
            0 => return Ok(false),
            count if count != known.columns.len() => return Err(COUNT),
            _ => {}
        }
        if let (Some(field), Some(date), Some(time)) = (self.datetime, date, time) {
            let (date, time) = (&text[date.0..date.1], &text[time.0..time.1]);
            // A lone dash is a value that is not there.
            if !is_dash(date) && !is_dash(time) {
                found.put(field, &[date, b" ", time].concat());
            }
        }
        Ok(true)
    }
}

/// The names of columns in a line `#Fields:`.
pub(super) fn names_of(header: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(header);
    let names = text.split_ascii_whitespace().skip(1);
    names.map(str::to_owned).collect()
}
