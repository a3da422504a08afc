//! Ways to take a record apart, one file each, and their names.
//!
//! JSON lines are not here: they are read many at once ([`super::json`]).

mod catalog;
mod columns;
mod detect;
#[cfg(test)]
mod detect_tests;
#[cfg(test)]
mod headed_tests;
mod hint;
mod layouts;
mod logfmt;
mod ltsv;
mod many;
#[cfg(test)]
mod many_tests;
mod pattern;
mod separated;
mod server_log;
#[cfg(test)]
mod server_tests;
mod spaced;
#[cfg(test)]
mod tests;
mod unwrap;
mod w3c;

use gristmill_common::record::Splitter;
use gristmill_common::spec::{AUTO, GroupBy};

use self::columns::Columns;
use self::logfmt::Logfmt;
use self::ltsv::Ltsv;
use self::pattern::Pattern;
use self::separated::Separated;
use self::server_log::ServerLog;
use self::spaced::Spaced;
use self::w3c::W3c;
use super::field::{Found, Keys, Names};
use crate::engine::prepared::SpecError;

pub(super) use self::catalog::Catalog;
pub(super) use self::detect::detect;
pub(super) use self::hint::{header_alone, hint};
pub(super) use self::many::Each;
pub(super) use self::separated::OTHER_HEADER;
pub(super) use self::unwrap::Unwrap;

/// Why a record is not what it should be.
pub(super) type Reason = &'static str;

/// Takes records apart.
pub(super) trait Parser: Send {
    /// The records that follow have this header, or none that is known. The error is why it is
    /// none.
    fn header(&mut self, _text: Option<&[u8]>) -> Result<(), Reason> {
        Ok(())
    }

    /// Puts what a record says of the named fields into `found`, which is empty; false if it is
    /// blank.
    ///
    /// Values are places in `text`, or are copied.
    fn record(&mut self, text: &[u8], found: &mut Found) -> Result<bool, Reason>;

    /// As [`Parser::record`] with each record of a text, if there is a faster way; returns how many
    /// there are.
    fn records(
        &mut self,
        _text: &[u8],
        _splitter: &Splitter,
        _found: &mut Found,
        _each: &mut Each<'_>,
    ) -> Option<u64> {
        None
    }
}

/// Makes the parser of a job.
pub(super) type Maker = Box<dyn Fn() -> Box<dyn Parser> + Send + Sync>;

/// What `--parse` may be, for messages.
pub(super) const KNOWN: &str = "json, logfmt, ltsv, csv, tsv, 'csv:;' with another delimiter, 'regex:PATTERN' with \
                     named groups, access-log, common, combined, vhost-combined, 'apache:LOGFORMAT', w3c, alb, elb, s3, haproxy, squid, traefik, \
                     syslog";

/// The parser that `--parse` names; `None` is JSON.
pub(super) fn maker(options: &GroupBy, names: &Names) -> Result<Option<Maker>, SpecError> {
    let parse = &options.parse.0[..];
    let delimiter = options.parse.delimiter();
    if delimiter.is_none() && !options.fields.is_empty() {
        return Err(SpecError(format!(
            "--fields: {parse} has names of its own; leave it out, or use --parse csv or tsv"
        )));
    }
    if let Some(delimiter) = delimiter {
        return separated(options, delimiter, names).map(Some);
    }
    let maker: Maker = match parse {
        "json" | "caddy" => return Ok(None),
        AUTO => {
            return Err(SpecError(format!(
                "--parse {AUTO} is decided before a job begins; write one of {KNOWN}"
            )));
        }
        "logfmt" => {
            let logfmt = Logfmt(Keys::new(names));
            Box::new(move || Box::new(logfmt.clone()))
        }
        "ltsv" => {
            let ltsv = Ltsv(Keys::new(names));
            Box::new(move || Box::new(ltsv.clone()))
        }
        "w3c" => {
            let w3c = W3c::new(names);
            Box::new(move || Box::new(w3c.clone()))
        }
        _ => {
            if let Some(layout) = layouts::SPACED.iter().find(|layout| layout.name == parse) {
                let spaced = Spaced::new(layout, names)?;
                return Ok(Some(Box::new(move || Box::new(spaced.clone()))));
            }
            let pattern = match parse.strip_prefix("regex:") {
                Some(pattern) => Some(Pattern::new(pattern, names)?),
                None => Pattern::named(parse, names)?,
            };
            if let Some(pattern) = pattern {
                return Ok(Some(Box::new(move || Box::new(pattern.clone()))));
            }
            let Some(log) = ServerLog::named(parse, names)? else {
                return Err(SpecError(match parse.strip_prefix("csv:") {
                    Some(_) => format!(
                        "--parse '{parse}': a delimiter is one ASCII character, and no letter, digit, \
                         quote or line's end; write 'csv:;' for semicolons"
                    ),
                    None => format!("--parse {parse}: no such format; write one of {KNOWN}"),
                }));
            };
            Box::new(move || Box::new(log.fresh()))
        }
    };
    Ok(Some(maker))
}

/// The parser of records of values, by the names in `--fields` or in a header.
fn separated(options: &GroupBy, delimiter: u8, names: &Names) -> Result<Maker, SpecError> {
    let columns = &options.fields;
    let separated = if columns.is_empty() {
        Separated::with_header(delimiter, names)
    } else {
        let twice = (1..columns.len()).find(|&at| columns[..at].contains(&columns[at]));
        if let Some(at) = twice {
            return Err(SpecError(format!(
                "--fields names `{}` twice; give one of them another name",
                columns[at]
            )));
        }
        Separated::new(delimiter, Columns::new("--fields", columns, &[], names)?)
    };
    Ok(Box::new(move || Box::new(separated.clone())))
}
