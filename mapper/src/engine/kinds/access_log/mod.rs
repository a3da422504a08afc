//! `access-log`: hits and bytes of web server logs, by group.

mod client;
mod entry;
mod filter;
mod format;
mod lines;
mod prefix;
mod reader;
mod servers;
mod swar;
mod time;

pub(super) use self::format::Tells;
pub(super) use self::prefix::Prefix;
pub(super) use self::reader::{LogField, LogReader};

use gristmill_common::key::push_field;
use gristmill_common::spec::{AccessLog, Field};

use self::entry::{Entry, Parts, Scratch};
use self::filter::Filter;
use self::format::LineFormat;
use self::lines::Lines;
use crate::engine::batch::{Batch, Part};
use crate::engine::output::Output;
use crate::engine::prepared::{Factory, SpecError};
use crate::engine::processor::{ProcessError, Processor};
use crate::engine::table::{RowId, Table};

/// Parses the filters, the prefix and the line format.
pub(super) fn prepare(options: &AccessLog) -> Result<Factory, SpecError> {
    let filters = options
        .filters
        .iter()
        .map(|text| Filter::parse(text))
        .collect::<Result<Vec<_>, _>>()?;
    let format = options
        .line_format
        .as_deref()
        .map(|text| {
            LineFormat::new(text).map_err(|why| {
                SpecError(format!(
                    "--line-format '{text}': {why}; write common, combined, vhost-combined or a \
                     LogFormat string such as '%h %l %u %t \"%r\" %>s %b'"
                ))
            })
        })
        .transpose()?;
    let prefix = options
        .skip_prefix
        .as_deref()
        .map(Prefix::new)
        .transpose()?;
    let (by, distinct) = (options.by.clone(), options.distinct);
    if let Some(format) = &format {
        let used = by.iter().map(|&field| ("--by", field));
        let used = used.chain(distinct.map(|field| ("--distinct", field)));
        let used = used.chain(
            filters
                .iter()
                .flat_map(|filter| filter.fields.iter().map(|&field| ("--where", field))),
        );
        for (option, field) in used {
            if !format.has(field) {
                return Err(SpecError(format!(
                    "{option} {}: the --line-format has no such field; name another field or add \
                     its directive",
                    field.name()
                )));
            }
        }
    }
    Ok(Box::new(move || {
        Box::new(Counter {
            format: format.clone(),
            prefix: prefix.clone(),
            lines: Lines::default(),
            path: filters.iter().find_map(Filter::path).map(<[u8]>::to_vec),
            tally: Tally {
                by: by.clone(),
                distinct,
                filters: filters.clone(),
                key: Vec::new(),
                scratch: Scratch::default(),
                statuses: [None; 1000],
            },
        })
    }))
}

/// Parses lines and counts them.
struct Counter {
    format: Option<LineFormat>,
    /// What is skipped at each line's beginning.
    prefix: Option<Prefix>,
    lines: Lines,
    /// The path that a line must have to count. Most have another, and need not be taken apart.
    path: Option<Vec<u8>>,
    tally: Tally,
}

/// Counts what was parsed.
struct Tally {
    by: Vec<Field>,
    distinct: Option<Field>,
    filters: Vec<Filter>,
    key: Vec<u8>,
    scratch: Scratch,
    /// The rows of this call's statuses, where those alone are the groups: there are few of them,
    /// and a place is found faster than a hash.
    statuses: [Option<RowId>; 1000],
}

impl Processor for Counter {
    fn process(&mut self, batch: &Batch<'_>, out: &mut Output) -> Result<(), ProcessError> {
        self.tally.statuses = [None; 1000];
        if self.tally.by.is_empty() {
            // The totals have a row even if no line counts.
            out.table.row(b"");
        }
        for part in batch.parts() {
            let plain = self.format.is_none() && self.prefix.is_none();
            let fast = plain && batch.is_lines() && part.mark() == 0;
            let records = if fast {
                self.count_lines(part, out)
            } else {
                self.count_records(batch, part, out)
            };
            out.counted(records);
        }
        Ok(())
    }
}

impl Counter {
    fn count_lines(&mut self, part: &Part<'_>, out: &mut Output) -> u64 {
        let (tally, path) = (&mut self.tally, self.path.as_deref());
        let wanted = |request: &[u8]| path.is_none_or(|path| Parts::may_have_path(request, path));
        self.lines
            .read(part.bytes, wanted, |at, line, found| match found {
                Ok(entry) => tally.count(entry, &mut out.table),
                Err(reason) => out.quarantine(part.piece, part.offset + at as u64, reason, line),
            })
    }

    fn count_records(&mut self, batch: &Batch<'_>, part: &Part<'_>, out: &mut Output) -> u64 {
        let mut records = 0;
        for record in batch.records(part) {
            records += 1;
            let text = record.text();
            let text = (self.prefix.as_ref()).map_or(text, |prefix| prefix.strip(text));
            let parsed = match &self.format {
                Some(format) => format.parse(text),
                None => servers::parse(text),
            };
            match parsed {
                Ok(entry) => self.tally.count(&entry, &mut out.table),
                Err(reason) => out.quarantine(part.piece, record.offset, reason, record.bytes),
            }
        }
        records
    }
}

impl Tally {
    fn count(&mut self, entry: &Entry<'_>, table: &mut Table) {
        let scratch = &mut self.scratch;
        if !self
            .filters
            .iter()
            .all(|filter| filter.holds(entry, scratch))
        {
            return;
        }
        let columns = [1, entry.bytes];
        if let ([field], None) = (&self.by[..], self.distinct) {
            if let (Field::Status, Some(number)) = (field, number_of(entry.status)) {
                let row = *self.statuses[number].get_or_insert_with(|| table.row(entry.status));
                table.add_to(row, &columns);
            } else {
                table.add(entry.value(*field, scratch), &columns);
            }
            return;
        }
        self.key.clear();
        for field in &self.by {
            push_field(&mut self.key, entry.value(*field, scratch));
        }
        table.add(&self.key, &columns);
        if let Some(field) = self.distinct {
            let group = self.key.len();
            push_field(&mut self.key, entry.value(field, scratch));
            table.member(&self.key, group);
        }
    }
}

/// The number that a status of three digits is.
#[inline]
fn number_of(status: &[u8]) -> Option<usize> {
    let digits: &[u8; 3] = status.try_into().ok()?;
    let digit = |at: usize| usize::from(digits[at].wrapping_sub(b'0'));
    let number = digit(0) * 100 + digit(1) * 10 + digit(2);
    digits.iter().all(u8::is_ascii_digit).then_some(number)
}
