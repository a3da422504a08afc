//! Which format a text is in, told by its lines.

use std::net::IpAddr;

use gristmill_common::condition::Value;
use gristmill_common::decimal::Decimal;
use gristmill_common::header::{HeaderRule, Headers};
use gristmill_common::record::{BOM, Splitter, content};
use gristmill_common::spec::GroupBy;

use super::ltsv::labelled;
use super::separated::names_of;
use super::{Unwrap, maker};
use crate::engine::kinds::group_by::field::{FieldId, Found, Names};
use crate::engine::kinds::group_by::json::Json;
use crate::engine::kinds::group_by::time::{self, Scratch, Unit};

/// How many records are looked at.
const MOST: usize = 1000;

/// What a field of a format must be.
#[derive(Clone, Copy)]
enum Is {
    /// A time with its day, as ISO 8601 writes it.
    IsoTime,
    /// `06/Feb/2019:00:00:38 +0000`.
    LogTime,
    /// Seconds since 1970, of 1973 or later.
    Epoch,
    /// As any log writes it.
    Time,
    Number,
    /// One, or not there.
    NumberOrNone,
    /// In quotes.
    Quoted,
    /// A host's name or address, or not there.
    Host,
    /// A program's name.
    App,
    /// One of these.
    One(&'static [&'static [u8]]),
    /// Ends so.
    Ends(&'static [u8]),
    Anything,
}

/// Formats without a header, and fields that tell them from other lines that look alike. Of formats
/// that fit alike the first is meant.
const PLAIN: [(&str, &[(&str, Is)]); 8] = [
    (
        "alb",
        &[
            (
                "type",
                Is::One(&[b"http", b"https", b"h2", b"grpcs", b"ws", b"wss"]),
            ),
            ("time", Is::IsoTime),
            ("elb_status_code", Is::NumberOrNone),
            ("request", Is::Quoted),
            ("request_creation_time", Is::IsoTime),
        ],
    ),
    (
        "elb",
        &[
            ("time", Is::IsoTime),
            ("client_port", Is::Number),
            // A listener of TCP has no status.
            ("elb_status_code", Is::NumberOrNone),
            ("backend_processing_time", Is::Number),
            ("request", Is::Quoted),
        ],
    ),
    (
        "s3",
        &[
            ("time", Is::LogTime),
            ("http_status", Is::NumberOrNone),
            ("request_id", Is::Anything),
        ],
    ),
    ("haproxy", &[("time", Is::LogTime)]),
    (
        "traefik",
        &[
            ("time", Is::LogTime),
            ("request", Is::Quoted),
            ("status", Is::NumberOrNone),
            ("duration", Is::Ends(b"ms")),
        ],
    ),
    ("access-log", &[("time", Is::LogTime)]),
    (
        "squid",
        &[
            ("time", Is::Epoch),
            ("elapsed", Is::Number),
            ("status", Is::Number),
        ],
    ),
    (
        "syslog",
        &[("time", Is::Time), ("host", Is::Host), ("app", Is::App)],
    ),
];

/// Formats of records with a header, and what stands between their values.
pub(super) const SEPARATED: [&str; 4] = ["tsv", "csv", "csv:;", "csv:|"];

/// What other logs have where syslog has names.
const LEVELS: [&str; 12] = [
    "trace", "debug", "info", "notice", "warn", "warning", "error", "err", "crit", "critical",
    "fatal", "panic",
];

/// The format that most records of a text are in, as it is typed after `--parse`; `whole` says that
/// the text does not end inside a record. `None` if there is none.
pub(in crate::engine::kinds::group_by) fn detect(
    unwrap: Option<&str>,
    text: &[u8],
    whole: bool,
) -> Option<&'static str> {
    let text = text.strip_prefix(BOM).unwrap_or(text);
    let lines = lines_of(unwrap, text, whole);
    if unwrap.is_none() && lines.iter().any(|line| line.starts_with(b"#Fields:")) {
        return Some("w3c");
    }
    if are_ltsv(&lines) {
        return Some("ltsv");
    }
    let mut best: Option<(usize, &'static str)> = None;
    let mut offer = |fitting: usize, name: &'static str| {
        let enough = fitting * 2 >= lines.len() && fitting > 0;
        if enough && best.is_none_or(|(most, _)| fitting > most) {
            best = Some((fitting, name));
        }
    };
    offer(json(&lines), "json");
    for (name, fields) in PLAIN {
        offer(fitting(name, fields, &lines), name);
    }
    offer(
        lines.iter().filter(|line| is_logfmt(line)).count(),
        "logfmt",
    );
    if unwrap.is_none() {
        for name in SEPARATED {
            // Counted in records, which may be several lines.
            if is_separated(text, whole, name) {
                offer(lines.len(), name);
            }
        }
    }
    best.map(|(_, name)| name)
}

/// The lines that are not blank, without what is around them.
fn lines_of(unwrap: Option<&str>, text: &[u8], whole: bool) -> Vec<Vec<u8>> {
    let mut unwrap = unwrap.and_then(|name| Unwrap::new(name).ok());
    let mut lines = Vec::new();
    for line in text.split_inclusive(|byte| *byte == b'\n').take(MOST) {
        if !whole && !line.ends_with(b"\n") && !lines.is_empty() {
            break;
        }
        let line = content(line);
        let line = match &mut unwrap {
            Some(unwrap) => unwrap.line(line).unwrap_or_default(),
            None => line,
        };
        if !line.trim_ascii().is_empty() {
            lines.push(line.to_vec());
        }
    }
    lines
}

fn json(lines: &[Vec<u8>]) -> usize {
    let mut json = Json::new(&Names::default());
    let mut found = Found::new(0);
    // A line that is a list has records inside it.
    let is_list = |line: &[u8]| line.trim_ascii_start().starts_with(b"[");
    let fits = |line: &&Vec<u8>| !is_list(line) && json.record::<false>(line, &mut found).is_ok();
    lines.iter().filter(fits).count()
}

/// How many lines are in a format, with such fields.
fn fitting(name: &str, fields: &[(&str, Is)], lines: &[Vec<u8>]) -> usize {
    let mut names = Names::default();
    let wanted: Vec<(FieldId, Is)> = (fields.iter())
        .filter_map(|(field, is)| Some((names.field("", field).ok()?, *is)))
        .collect();
    let options = GroupBy {
        parse: name.into(),
        ..GroupBy::default()
    };
    let Ok(Some(maker)) = maker(&options, &names) else {
        return 0;
    };
    let (mut parser, mut found) = (maker(), Found::new(names.paths.len()));
    let fits = |line: &&Vec<u8>| {
        found.clear();
        matches!(parser.record(line, &mut found), Ok(true))
            && wanted.iter().all(|&(field, is)| match is {
                Is::Quoted => (found.place(field))
                    .is_some_and(|(start, _)| start > 0 && line[start - 1] == b'"'),
                _ => is.of(found.value(field, line)),
            })
    };
    lines.iter().filter(fits).count()
}

impl Is {
    fn of(self, value: Value<'_>) -> bool {
        let Value::Text(text) = value else {
            return matches!(self, Is::Anything | Is::NumberOrNone | Is::Host);
        };
        let is_time = || time::cut(text, Unit::Minute, &mut Scratch::default()).is_some();
        match self {
            Is::IsoTime => text.get(4) == Some(&b'-') && text.len() > 10 && is_time(),
            Is::LogTime => text.get(2) == Some(&b'/') && is_time(),
            Is::Epoch => {
                let seconds = text.iter().take_while(|byte| byte.is_ascii_digit());
                seconds.count() >= 9 && is_time()
            }
            Is::Time => is_time(),
            Is::Number | Is::NumberOrNone => Decimal::parse(text).is_some(),
            // Seen where it stands.
            Is::Quoted => false,
            Is::Host => {
                let begins = |byte: &u8| byte.is_ascii_alphanumeric() || b":_".contains(byte);
                text.first().is_some_and(begins) && is_name(text)
            }
            Is::App => {
                let text = String::from_utf8_lossy(text);
                is_name(text.as_bytes()) && text.parse::<IpAddr>().is_err()
            }
            Is::One(all) => all.contains(&text),
            Is::Ends(end) => text.ends_with(end),
            Is::Anything => true,
        }
    }
}

/// Whether a word may be a name in a syslog line: no `key=value`, and no level.
fn is_name(word: &[u8]) -> bool {
    let is_level = |level: &&str| word.eq_ignore_ascii_case(level.as_bytes());
    !word.contains(&b'=') && !LEVELS.iter().any(is_level)
}

/// Whether most lines are LTSV: `label:value` with tabs between, which looks like TSV.
fn are_ltsv(lines: &[Vec<u8>]) -> bool {
    let fits = |line: &&Vec<u8>| line.contains(&b'\t') && labelled(line, |_, _| {}).is_ok();
    let fitting = lines.iter().filter(fits).count();
    // A header may look so.
    fitting * 2 > lines.len()
}

/// Whether most words of a line are `key=value`.
fn is_logfmt(line: &[u8]) -> bool {
    let (mut pairs, mut words, mut inside) = (0, 0, false);
    for word in line
        .split(|byte| *byte == b' ')
        .filter(|word| !word.is_empty())
    {
        // Blanks in quotes.
        let quotes = word.iter().filter(|byte| **byte == b'"').count();
        if !inside {
            words += 1;
            let key = memchr::memchr(b'=', word).map_or(&b""[..], |at| &word[..at]);
            let named = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.-".contains(byte);
            pairs += usize::from(!key.is_empty() && key.iter().all(named));
        }
        inside ^= quotes % 2 == 1;
    }
    pairs > 0 && pairs * 2 >= words
}

/// Whether the first record names columns that nearly all others have.
fn is_separated(text: &[u8], whole: bool, parse: &str) -> bool {
    let options = GroupBy {
        parse: parse.into(),
        ..GroupBy::default()
    };
    let Some(delimiter) = options.parse.delimiter() else {
        return false;
    };
    let splitter = Splitter::Quoted(delimiter);
    let mut headers = Headers::new(Some(HeaderRule::FirstRecord));
    headers.stretch(&splitter, text, 0);
    let Some(header) = headers.current() else {
        return false;
    };
    let Ok(names) = names_of(&header.text, delimiter) else {
        return false;
    };
    let is_name = |name: &String| {
        let first = name.trim_ascii_start().as_bytes().first();
        first.is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_' || *byte >= 0x80)
    };
    // What wrote the rows' numbers gave that column no name.
    let named = names.iter().skip(usize::from(names[0].is_empty()));
    let twice = (1..names.len()).any(|at| names[..at].contains(&names[at]));
    if names.len() < 2 || twice || !{ named }.all(is_name) {
        return false;
    }
    // In prose, and in tables drawn with bars, blanks stand beside these.
    let blanks = |name: &String| name.trim().len() < name.len();
    if matches!(delimiter, b';' | b'|') && names.iter().any(blanks) {
        return false;
    }
    let Ok(Some(maker)) = maker(&options, &Names::default()) else {
        return false;
    };
    let (mut parser, mut found) = (maker(), Found::new(0));
    if parser.header(Some(&header.text)).is_err() {
        return false;
    }
    let end = match whole {
        true => text.len(),
        false => splitter.last_end(text, false).unwrap_or(0),
    };
    let (mut fitting, mut all) = (0, 0);
    let after = header.offset as usize;
    let records = text.get(after..end).unwrap_or_default();
    for record in splitter.split(records).skip(1).take(MOST) {
        match parser.record(content(record), &mut found) {
            Ok(false) => {}
            Ok(true) => (fitting, all) = (fitting + 1, all + 1),
            Err(_) => all += 1,
        }
    }
    fitting > 0 && fitting * 10 >= all * 9
}
