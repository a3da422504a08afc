//! Server logs for other kinds: the named fields of a line.

use gristmill_common::spec::Field;

use super::entry::{Entry, Scratch};
use super::format::{LineFormat, Tells};
use super::lines::Lines;
use super::servers;
use super::time::When;
use crate::engine::calendar::minute_text;
use crate::engine::prepared::SpecError;

/// A field of a server's log line, for a kind that reads times itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine::kinds) enum LogField {
    /// The time: as a server wrote it, or its day or minute in UTC.
    Time,
    /// Any other.
    Other(Field),
}

impl LogField {
    /// The field of this name.
    pub(in crate::engine::kinds) fn from_name(name: &str) -> Option<Self> {
        match name {
            "time" => Some(LogField::Time),
            "time:hour" | "time:day" => None,
            name => Field::from_name(name).map(LogField::Other),
        }
    }
}

/// Reads fields of lines.
#[derive(Debug)]
pub(in crate::engine::kinds) struct LogReader {
    format: Option<LineFormat>,
    lines: Lines,
    scratch: Scratch,
}

impl LogReader {
    /// For lines of a format; without one, servers' own formats are told apart line by line.
    pub(in crate::engine::kinds) fn new(format: Option<&str>) -> Result<Self, SpecError> {
        Ok(Self {
            format: format
                .map(|text| {
                    LineFormat::new(text).map_err(|why| {
                        SpecError(format!(
                            "--parse 'apache:{text}': {why}; write a LogFormat string such as \
                             'apache:%h %l %u %t \"%r\" %>s %b'"
                        ))
                    })
                })
                .transpose()?,
            lines: Lines::default(),
            scratch: Scratch::default(),
        })
    }

    /// Another one for the same lines, for another thread.
    pub(in crate::engine::kinds) fn fresh(&self) -> Self {
        Self {
            format: self.format.clone(),
            lines: Lines::default(),
            scratch: Scratch::default(),
        }
    }

    /// Whether lines may have a field.
    pub(in crate::engine::kinds) fn has(&self, field: LogField) -> bool {
        let field = match field {
            LogField::Time => Field::TimeDay,
            LogField::Other(field) => field,
        };
        self.format.as_ref().is_none_or(|format| format.has(field))
    }

    /// How much lines say of their time.
    pub(in crate::engine::kinds) fn tells(&self) -> Tells {
        (self.format.as_ref()).map_or(Tells::Minute, LineFormat::tells)
    }

    /// Gives the values of fields to `give`, each with its number among them.
    pub(in crate::engine::kinds) fn read(
        &mut self,
        line: &[u8],
        fields: &[LogField],
        give: impl FnMut(usize, &[u8]),
    ) -> Result<(), &'static str> {
        let entry = match &self.format {
            Some(format) => format.parse(line),
            None => servers::parse(line),
        };
        let day = self.tells() == Tells::Day;
        values(
            &entry.map_err(shortened)?,
            fields,
            day,
            &mut self.scratch,
            give,
        );
        Ok(())
    }

    /// Calls `each` with every line of a text, if there is a way to read many at once: its offset,
    /// its bytes with terminator, and its fields. Returns how many there are.
    #[inline]
    pub(in crate::engine::kinds) fn read_lines(
        &mut self,
        text: &[u8],
        mut each: impl FnMut(usize, &[u8], Result<Fields<'_, '_>, &'static str>),
    ) -> Option<u64> {
        if self.format.is_some() {
            return None;
        }
        let scratch = &mut self.scratch;
        let read = |at: usize, line: &[u8], read: Result<&Entry<'_>, &'static str>| {
            let fields = read.map(|entry| Fields { entry, scratch });
            each(at, line, fields.map_err(shortened));
        };
        Some(self.lines.read(text, |_| true, read))
    }
}

/// The fields of a line that was read.
pub(in crate::engine::kinds) struct Fields<'l, 'e> {
    entry: &'l Entry<'e>,
    scratch: &'l mut Scratch,
}

impl Fields<'_, '_> {
    /// As [`LogReader::read`].
    #[inline]
    pub(in crate::engine::kinds) fn values(
        self,
        fields: &[LogField],
        give: impl FnMut(usize, &[u8]),
    ) {
        values(self.entry, fields, false, self.scratch, give);
    }
}

/// A reason without the ways out, which are options of `access-log`.
fn shortened(why: &'static str) -> &'static str {
    why.split_once("; --").map_or(why, |(why, _)| why)
}

#[inline]
fn values(
    entry: &Entry<'_>,
    fields: &[LogField],
    day: bool,
    scratch: &mut Scratch,
    mut give: impl FnMut(usize, &[u8]),
) {
    for (number, field) in fields.iter().enumerate() {
        match field {
            // Sums of `access-log` take it for 0.
            LogField::Other(Field::Bytes) => give(number, entry.size),
            LogField::Other(field) => give(number, entry.value(*field, scratch)),
            LogField::Time => match entry.time {
                When::Written(time) => give(number, time.text()),
                When::Minute(minute) => {
                    let text = minute_text(minute);
                    give(number, if day { &text[..10] } else { &text });
                }
            },
        }
    }
}
