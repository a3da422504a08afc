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

use std::borrow::Cow;
use std::collections::BTreeMap;

use gristmill_common::condition;
use gristmill_common::counters::{Counter, MAX_COUNTERS};
use gristmill_common::header::Header;
use gristmill_common::name::on_one_line;
use gristmill_common::record::Splitter;
use gristmill_common::spec::{GroupBy, PRESENT, Records};

use self::field::{Found, Names};
use self::json::Json;
use self::parse::{Maker, OTHER_HEADER, Parser, Reason, Unwrap};
use self::tally::{At, Number, Tally};
use crate::engine::batch::{Batch, Part};
use crate::engine::output::Output;
use crate::engine::prepared::{Factory, SpecError};
use crate::engine::processor::{ProcessError, Processor};

/// How much of a header is shown where it is another document's, in characters.
const SHOWN: usize = 100;

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
    if let Some(name) = parse::detect(unwrap, text, whole) {
        return Ok(name);
    }
    let wanted = field_names(options).unwrap_or_default();
    if let (None, true, Some(name)) = (unwrap, whole, parse::header_alone(text, &wanted)) {
        return Ok(name);
    }
    let known = format!(
        "it is in no format that is known by its lines; write --parse and one of {}",
        parse::KNOWN
    );
    Err(SpecError(match parse::hint(text) {
        Some(hint) => format!("{hint} ({known})"),
        None => known,
    }))
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

    /// The records that follow have this header.
    fn header(&mut self, text: Option<&[u8]>) -> Result<(), Reason> {
        match self {
            Reader::Json(_) => Ok(()),
            Reader::Other(parser) => parser.header(text),
        }
    }

    /// See [`Parser::records`].
    #[inline]
    fn records(
        &mut self,
        text: &[u8],
        splitter: &Splitter,
        found: &mut Found,
        mut each: impl FnMut(usize, &[u8], Result<(&Found, &[u8]), Reason>),
    ) -> Option<u64> {
        match (self, splitter) {
            (Reader::Json(json), Splitter::Lines) => Some(json.lines(text, found, each)),
            (Reader::Json(_), _) => None,
            (Reader::Other(parser), _) => parser.records(text, splitter, found, &mut each),
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
            let many = self.many(batch, part, out);
            let records = many.unwrap_or_else(|| self.records(batch, part, out));
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
    /// Reads and counts the records of a part many at once, if there is a way; returns how many
    /// there are.
    fn many(&mut self, batch: &Batch<'_>, part: &Part<'_>, out: &mut Output) -> Option<u64> {
        let known = matches!(batch.splitter(), Splitter::Lines | Splitter::Quoted(_));
        if !known || self.unwrap.is_some() {
            return None;
        }
        let header = part.piece.header.as_ref();
        let (text, mark) = (part.text(), part.mark());
        let mut at = At {
            split: batch.split(),
            ordinal: part.piece.ordinal,
            offset: 0,
        };
        let named = self.reader.header(header.map(|header| &header.text[..]));
        let tally = &mut self.tally;
        let each = |start: usize, bytes: &[u8], read: Result<(&Found, &[u8]), Reason>| {
            // The mark is part of the first record.
            let from = if start == 0 { 0 } else { start + mark };
            at.offset = part.offset + from as u64;
            let read = match header {
                Some(header) if header.offset == at.offset => named.map(|()| None),
                _ => read.map(Some),
            };
            match read {
                Ok(Some((found, text))) => tally.count(found, text, at, &mut out.table),
                Ok(None) => {}
                Err(reason) => {
                    let bytes = &part.bytes[from..start + mark + bytes.len()];
                    out.quarantine(part.piece, at.offset, said(reason, header), bytes);
                }
            }
        };
        let records = (self.reader).records(text, batch.splitter(), &mut self.found, each)?;
        // A mark without a line is a line.
        Some(records + u64::from(text.is_empty() && mark > 0))
    }

    fn records(&mut self, batch: &Batch<'_>, part: &Part<'_>, out: &mut Output) -> u64 {
        let header = part.piece.header.as_ref();
        let names = (self.reader).header(header.map(|header| &header.text[..]));
        let mut records = 0;
        let mut at = At {
            split: batch.split(),
            ordinal: part.piece.ordinal,
            offset: 0,
        };
        for record in batch.records(part) {
            records += 1;
            at.offset = record.offset;
            if let Some(header) = header.filter(|header| header.offset == record.offset) {
                if let Err(reason) = names {
                    let reason = said(reason, Some(header));
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
                let reason = said(reason, header);
                out.quarantine(part.piece, record.offset, reason, record.bytes);
            }
        }
        records
    }
}

/// A reason as it is told: with the header, where that is why.
fn said(reason: Reason, header: Option<&Header>) -> Cow<'static, str> {
    let Some(header) = header.filter(|_| reason == OTHER_HEADER) else {
        return reason.into();
    };
    let text = on_one_line(&header.text);
    let mut shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    format!(
        "{reason}; it is `{shown}` (--exclude leaves documents out, --fields names columns where no line does)"
    )
    .into()
}
