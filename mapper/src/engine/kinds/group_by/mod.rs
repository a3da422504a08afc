//! `group-by`: figures of structured records, by group.
//!
//! [`json`] and [`parse`] read records, [`field`] is what they find, [`tally`] is what is made of
//! it.

mod field;
mod json;
mod parse;
mod survey;
mod tally;
mod time;

pub use self::survey::{FieldSeen, Survey, survey};

use std::collections::BTreeMap;

use gristmill_common::condition;
use gristmill_common::counters::{Counter, MAX_COUNTERS};
use gristmill_common::spec::{GroupBy, PRESENT, Records};

use self::field::{Found, Names};
use self::json::Json;
use self::parse::{Maker, Parser, Reason, Unwrap};
use self::tally::{At, Number, Tally};
use crate::engine::batch::{Batch, Part};
use crate::engine::output::Output;
use crate::engine::prepared::{Factory, SpecError};
use crate::engine::processor::{ProcessError, Processor};

/// Reads the names of fields and the conditions.
pub(super) fn prepare(options: &GroupBy, records: &Records) -> Result<Factory, SpecError> {
    options.check().map_err(SpecError)?;
    options.check_records(records).map_err(SpecError)?;
    let mut names = Names::default();
    let tally = tally(options, &mut names)?;
    let maker = parse::maker(options, &names)?;
    let unwrap = options.unwrap.clone();
    if let Some(name) = &unwrap {
        Unwrap::new(name)?;
    }
    Ok(Box::new(move || {
        Box::new(Grouper {
            reader: Reader::new(maker.as_ref(), &names),
            // Checked above.
            unwrap: unwrap.as_ref().and_then(|name| Unwrap::new(name).ok()),
            found: Found::new(names.paths.len()),
            tally: tally.clone(),
            names: names.flat().map(|(_, name)| name).collect(),
        })
    }))
}

/// The format that most records of a text are in, as it is typed after `--parse`; `whole` says that
/// the text does not end inside a record.
///
/// # Errors
/// When it is in none, or the options are for another.
pub fn name_format(options: &GroupBy, text: &[u8], whole: bool) -> Result<&'static str, SpecError> {
    let unwrap = options.unwrap.as_deref();
    if let Some(name) = unwrap {
        Unwrap::new(name)?;
    }
    parse::detect(unwrap, text, whole).ok_or_else(|| {
        SpecError(format!(
            "it is in no format that is known by its lines; write --parse and one of {}",
            parse::KNOWN
        ))
    })
}

/// The fields that a job names.
///
/// # Errors
/// When one of them is no name.
pub fn field_names(options: &GroupBy) -> Result<Vec<String>, SpecError> {
    let mut names = Names::default();
    tally(options, &mut names)?;
    Ok(names.flat().map(|(_, name)| name).collect())
}

/// What takes records apart.
enum Reader {
    /// JSON lines, many at once.
    Json(Json),
    /// One record after the other.
    Other(Box<dyn Parser>),
}

impl Reader {
    fn new(maker: Option<&Maker>, names: &Names) -> Self {
        match maker {
            None => Reader::Json(Json::new(names)),
            Some(maker) => Reader::Other(maker()),
        }
    }

    fn record(&mut self, text: &[u8], found: &mut Found) -> Result<bool, Reason> {
        match self {
            Reader::Json(json) => json.record::<false>(text, found),
            Reader::Other(parser) => {
                found.clear();
                parser.record(text, found)
            }
        }
    }
}

/// What is to be counted, and the fields that it takes.
fn tally(options: &GroupBy, names: &mut Names) -> Result<Tally, SpecError> {
    let by = (options.by.iter())
        .map(|name| names.asked("--by", name))
        .collect::<Result<_, _>>()?;
    let quantiles = options.quantiles();
    let numbers = (options.columns().numbers.into_iter())
        .map(|(name, columns)| {
            let own = quantiles.iter().filter(|one| one.field == name);
            Ok(Number {
                buckets: own.map(|one| one.tag).collect(),
                field: names.field("--sum, --min, --max, --avg, --quantiles", &name)?,
                columns,
            })
        })
        .collect::<Result<_, _>>()?;
    let distinct = (options.distinct.iter().zip(1..))
        .map(|(name, tag)| Ok((names.asked("--distinct", name)?, tag)))
        .collect::<Result<_, _>>()?;
    let texts = (options.texts().into_iter())
        .map(|(_, edge, name, tag)| Ok((names.asked("--first, --last", name)?, edge, tag)))
        .collect::<Result<_, _>>()?;
    let mut asked = Vec::new();
    let mut field = |name: &str| {
        let one = names
            .asked("", name)
            .map_err(|error| error.0.trim_start().to_owned())?;
        asked.push(one);
        Ok(asked.len() - 1)
    };
    let conditions = (options.filters.iter())
        .map(|typed| condition::parse("--where", typed, &mut field).map_err(SpecError))
        .collect::<Result<_, _>>()?;
    Ok(Tally {
        by,
        conditions,
        asked,
        numbers,
        distinct,
        texts,
        held: BTreeMap::new(),
        key: Vec::new(),
        present: vec![0; names.paths.len()],
    })
}

/// Reads records and counts them.
struct Grouper {
    reader: Reader,
    unwrap: Option<Unwrap>,
    found: Found,
    tally: Tally,
    names: Vec<String>,
}

impl Processor for Grouper {
    fn process(&mut self, batch: &Batch<'_>, out: &mut Output) -> Result<(), ProcessError> {
        self.tally.present.fill(0);
        self.tally.held.clear();
        if self.tally.by.is_empty() {
            // The totals have a row even if no record counts.
            out.table.row(b"");
        }
        for part in batch.parts() {
            let records = match (&mut self.reader, &self.unwrap) {
                (Reader::Json(json), None) if batch.is_lines() => lines(
                    json,
                    &mut self.found,
                    &mut self.tally,
                    batch.split(),
                    part,
                    out,
                ),
                _ => self.records(batch, part, out),
            };
            out.counted(records);
        }
        self.tally.finish(&mut out.table);
        let counted = self.names.len() <= MAX_COUNTERS;
        for (name, count) in self.names.iter().zip(&mut self.tally.present) {
            let count = std::mem::take(count);
            // A name that is too long to count is not.
            if let Some(counter) = Counter::new(PRESENT.as_bytes(), name.as_bytes(), count)
                .filter(|_| counted && count > 0)
            {
                out.counters.add(counter);
            }
        }
        Ok(())
    }
}

impl Grouper {
    fn records(&mut self, batch: &Batch<'_>, part: &Part<'_>, out: &mut Output) -> u64 {
        let header = part.piece.header.as_ref();
        let names = match &mut self.reader {
            Reader::Json(_) => Ok(()),
            Reader::Other(parser) => parser.header(header.map(|header| &header.text[..])),
        };
        let mut records = 0;
        let mut at = At {
            split: batch.split(),
            ordinal: part.piece.ordinal,
            offset: 0,
        };
        for record in batch.records(part) {
            records += 1;
            at.offset = record.offset;
            if header.is_some_and(|header| header.offset == record.offset) {
                if let Err(reason) = names {
                    out.quarantine(part.piece, record.offset, reason, record.bytes);
                }
                continue;
            }
            let read = match &mut self.unwrap {
                Some(unwrap) => unwrap.line(record.text()),
                None => Ok(record.text()),
            };
            let read = read.and_then(|text| {
                if self.reader.record(text, &mut self.found)? {
                    self.tally.count(&self.found, text, at, &mut out.table);
                }
                Ok(())
            });
            if let Err(reason) = read {
                out.quarantine(part.piece, record.offset, reason, record.bytes);
            }
        }
        records
    }
}

/// Reads and counts the lines of a part, many at once; returns how many there are.
fn lines(
    json: &mut Json,
    found: &mut Found,
    tally: &mut Tally,
    split: u32,
    part: &Part<'_>,
    out: &mut Output,
) -> u64 {
    let (text, mark) = (part.text(), part.mark());
    let mut place = At {
        split,
        ordinal: part.piece.ordinal,
        offset: 0,
    };
    let lines = json.lines(text, found, |at, line, read| match read {
        Ok((found, text)) => {
            place.offset = part.offset + (at + mark) as u64;
            tally.count(found, text, place, &mut out.table);
        }
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
