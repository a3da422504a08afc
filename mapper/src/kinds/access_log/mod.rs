//! `access-log`: hits and bytes of web server logs, by group.

mod entry;
mod filter;
mod format;
mod servers;
mod time;

use gristmill_common::key::push_field;
use gristmill_common::spec::{AccessLog, Field};

use self::entry::Entry;
use self::filter::Filter;
use self::format::LineFormat;
use crate::prepared::Factory;
use crate::{Batch, Output, ProcessError, Processor, SpecError};

/// Parses the filters and the line format.
pub(super) fn prepare(options: &AccessLog) -> Result<Factory, SpecError> {
    let filters = options
        .filters
        .iter()
        .map(|text| Filter::parse(text))
        .collect::<Result<Vec<_>, _>>()?;
    let format = options
        .line_format
        .as_deref()
        .map(LineFormat::new)
        .transpose()?;
    let (by, distinct) = (options.by.clone(), options.distinct);
    if let Some(format) = &format {
        let used = by.iter().map(|&field| ("--by", field));
        let used = used.chain(distinct.map(|field| ("--distinct", field)));
        let used = used.chain(filters.iter().map(|filter| ("--where", filter.field)));
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
            by: by.clone(),
            distinct,
            filters: filters.clone(),
            format: format.clone(),
            key: Vec::new(),
            value: Vec::new(),
        })
    }))
}

struct Counter {
    by: Vec<Field>,
    distinct: Option<Field>,
    filters: Vec<Filter>,
    format: Option<LineFormat>,
    key: Vec<u8>,
    value: Vec<u8>,
}

impl Processor for Counter {
    fn process(&mut self, batch: &Batch<'_>, out: &mut Output) -> Result<(), ProcessError> {
        if self.by.is_empty() {
            // The totals have a row even if no line counts.
            out.table.row(b"");
        }
        for part in batch.parts() {
            for record in batch.records(part) {
                let parsed = match &self.format {
                    Some(format) => format.parse(record.text()),
                    None => servers::parse(record.text()),
                };
                match parsed {
                    Ok(entry) => self.count(&entry, out),
                    Err(reason) => {
                        out.quarantine(part.piece, record.offset, reason, record.bytes);
                    }
                }
            }
        }
        Ok(())
    }
}

impl Counter {
    fn count(&mut self, entry: &Entry<'_>, out: &mut Output) {
        let value = &mut self.value;
        if !self.filters.iter().all(|filter| filter.holds(entry, value)) {
            return;
        }
        let columns = [1, entry.bytes];
        if let ([field], None) = (&self.by[..], self.distinct) {
            out.table.add(entry.value(*field, value), &columns);
            return;
        }
        self.key.clear();
        for field in &self.by {
            push_field(&mut self.key, entry.value(*field, value));
        }
        out.table.add(&self.key, &columns);
        if let Some(field) = self.distinct {
            let group = self.key.len();
            push_field(&mut self.key, entry.value(field, value));
            out.table.member(&self.key, group);
        }
    }
}
