//! `group-by`: figures of structured records, by group.
//!
//! [`json`] and its like read records, [`field`] is what they find, [`condition`] and [`tally`] are what
//! is made of it.

mod condition;
mod field;
mod grammar;
mod json;
mod tally;

use gristmill_common::spec::{GroupBy, Parse};

use self::field::{Found, Names};
use self::json::Json;
use self::tally::Tally;
use crate::engine::batch::{Batch, Part};
use crate::engine::output::Output;
use crate::engine::prepared::{Factory, SpecError};
use crate::engine::processor::{ProcessError, Processor};

/// Reads the names of fields and the conditions.
pub(super) fn prepare(options: &GroupBy) -> Result<Factory, SpecError> {
    if let Some(why) = options.too_many() {
        return Err(SpecError(why));
    }
    let mut names = Names::default();
    let by = (options.by.iter())
        .map(|name| names.field("--by", name))
        .collect::<Result<_, _>>()?;
    let numbers = (options.columns().numbers.into_iter())
        .map(|(name, numbers)| Ok((names.field("--sum", &name)?, numbers)))
        .collect::<Result<_, _>>()?;
    let conditions = (options.filters.iter())
        .map(|typed| grammar::parse(typed, &mut names))
        .collect::<Result<_, _>>()?;
    let tally = Tally {
        by,
        conditions,
        numbers,
        key: Vec::new(),
        value: Vec::new(),
    };
    let parse = options.parse;
    Ok(Box::new(move || {
        let reader = match parse {
            Parse::Json => Json::new(&names),
        };
        Box::new(Grouper {
            reader,
            found: Found::new(names.paths.len()),
            tally: tally.clone(),
        })
    }))
}

/// Reads records and counts them.
struct Grouper {
    reader: Json,
    found: Found,
    tally: Tally,
}

impl Processor for Grouper {
    fn process(&mut self, batch: &Batch<'_>, out: &mut Output) -> Result<(), ProcessError> {
        if self.tally.by.is_empty() {
            // The totals have a row even if no record counts.
            out.table.row(b"");
        }
        for part in batch.parts() {
            let records = if batch.is_lines() {
                self.lines(part, out)
            } else {
                self.records(batch, part, out)
            };
            out.counted(records);
        }
        Ok(())
    }
}

impl Grouper {
    fn lines(&mut self, part: &Part<'_>, out: &mut Output) -> u64 {
        let Self {
            reader,
            found,
            tally,
        } = self;
        let (text, mark) = (part.text(), part.mark());
        let lines = reader.lines(text, found, |at, line, read| match read {
            Ok((found, text)) => tally.count(found, text, &mut out.table),
            Err(reason) => {
                // The mark is part of the first record.
                let from = if at == 0 { 0 } else { at + mark };
                let bytes = &part.bytes[from..at + mark + line.len()];
                out.quarantine(part.piece, part.offset + from as u64, reason, bytes);
            }
        });
        // A mark without a line is a line.
        lines + u64::from(text.is_empty() && mark > 0)
    }

    fn records(&mut self, batch: &Batch<'_>, part: &Part<'_>, out: &mut Output) -> u64 {
        let mut records = 0;
        for record in batch.records(part) {
            records += 1;
            let text = record.text();
            match self.reader.record::<false>(text, &mut self.found) {
                Ok(true) => self.tally.count(&self.found, text, &mut out.table),
                Ok(false) => {}
                Err(reason) => out.quarantine(part.piece, record.offset, reason, record.bytes),
            }
        }
        records
    }
}
