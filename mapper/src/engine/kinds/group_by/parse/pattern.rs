//! Records by a regular expression whose named groups are the fields: the user's own, and those of
//! some well-known logs.

use regex::bytes::{CaptureLocations, Regex};

use super::columns::{Columns, Derived};
use super::layouts::REQUEST;
use super::{Parser, Reason};
use crate::engine::kinds::group_by::field::{Found, Names};
use crate::engine::prepared::SpecError;

const NO_MATCH: Reason = "it does not match the pattern of --parse";

/// RFC 5424 with structured data, then RFC 3164 as syslogd and rsyslog write it, with or without
/// PRI, with or without a host, which does not end with a colon. A tag's colon stands behind its
/// pid, or before a blank or the end.
const SYSLOG: [&str; 2] = [
    r#"^<(?P<pri>\d{1,3})>(?P<version>\d{1,2}) (?P<time>[^ ]+) (?P<host>[^ ]+) (?P<app>[^ ]+) (?P<pid>[^ ]+) (?P<msgid>[^ ]+) (?P<data>-|(?:\[(?:[^\]"\\]|\\.|"(?:[^"\\]|\\.)*")*\])+)(?: (?:\xEF\xBB\xBF)?(?P<message>(?s:.*)))?$"#,
    r"^(?:<(?P<pri>\d{1,3})>)?(?P<time>[A-Z][a-z]{2} [ \d]?\d \d\d:\d\d:\d\d(?:\.\d+)?|\d{4}-\d\d-\d\dT[^ ]+) (?:(?P<host>[^ ]*[^ :]) )?(?P<app>[^ :\[]+)(?:\[(?P<pid>[^\]]*)\]: ?|:(?: |$))(?P<message>(?s:.*))$",
];

/// HAProxy's HTTP log, with or without what syslog puts before it and what a format of HAProxy's or
/// the user's has behind the request (`option httpslog`). HAProxy writes a quote in a request as
/// `#22`, and one that is cut off has no closing quote.
const HAPROXY: [&str; 1] = [
    r#"^(?:.*: )?(?P<client>[^ ]+):(?P<client_port>\d+) \[(?P<time>[^\]]+)\] (?P<frontend>[^ ]+) (?P<backend>[^ /]+)/(?P<server>[^ ]+) (?P<tq>[-+]?\d+)/(?P<tw>[-+]?\d+)/(?P<tc>[-+]?\d+)/(?P<tr>[-+]?\d+)/(?P<tt>[-+]?\d+) (?P<status>-?\d+) (?P<bytes>\+?\d+) (?P<request_cookie>[^ ]+) (?P<response_cookie>[^ ]+) (?P<termination>[^ ]+) (?P<actconn>\d+)/(?P<feconn>\d+)/(?P<beconn>\d+)/(?P<srvconn>\d+)/(?P<retries>\+?\d+) (?P<srv_queue>\d+)/(?P<backend_queue>\d+)(?: \{(?P<request_headers>[^}]*)\})?(?: \{(?P<response_headers>[^}]*)\})? "(?P<request>[^"]*)(?:"(?: .*)?)?$"#,
];

/// Reads records that match one of several patterns.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    ways: Vec<Way>,
}

#[derive(Clone, Debug)]
struct Way {
    regex: Regex,
    groups: CaptureLocations,
    columns: Columns,
}

impl Pattern {
    /// The user's own.
    pub(super) fn new(pattern: &str, names: &Names) -> Result<Self, SpecError> {
        let way = Way::new("the pattern", pattern, &[], names, None)?;
        Ok(Self { ways: vec![way] })
    }

    /// One with a name, if there is one of that name.
    pub(super) fn named(name: &str, names: &Names) -> Result<Option<Self>, SpecError> {
        let Some((patterns, derived)) = known(name) else {
            return Ok(None);
        };
        let all = group_names(patterns);
        let ways = (patterns.iter())
            .map(|pattern| Way::new(name, &format!("(?-u){pattern}"), derived, names, Some(&all)))
            .collect::<Result<_, _>>()?;
        Ok(Some(Self { ways }))
    }
}

/// The fields of a pattern with a name, or of the user's own.
pub(super) fn field_names(parse: &str) -> Option<Vec<String>> {
    let names = match (known(parse), parse.strip_prefix("regex:")) {
        (Some((patterns, derived)), _) => {
            let mut names = group_names(patterns);
            names.extend(derived.iter().map(|(name, ..)| (*name).to_owned()));
            names
        }
        (None, Some(pattern)) => {
            let regex = Regex::new(pattern).ok()?;
            regex.capture_names().flatten().map(str::to_owned).collect()
        }
        (None, None) => return None,
    };
    Some(names)
}

/// The patterns of a name, and the fields that are parts of theirs.
fn known(name: &str) -> Option<(&'static [&'static str], &'static [Derived])> {
    match name {
        "syslog" => Some((&SYSLOG, &[])),
        "haproxy" => Some((&HAPROXY, &REQUEST)),
        _ => None,
    }
}

impl Way {
    /// `all` are the fields of all ways together: one that this way does not have is absent.
    fn new(
        what: &str,
        pattern: &str,
        derived: &[Derived],
        names: &Names,
        all: Option<&[String]>,
    ) -> Result<Self, SpecError> {
        let regex = Regex::new(pattern)
            .map_err(|error| SpecError(format!("--parse: not a regular expression: {error}")))?;
        let mut columns: Vec<String> = (regex.capture_names())
            .map(|name| name.unwrap_or_default().to_owned())
            .collect();
        let own = columns.clone();
        let extra = all
            .unwrap_or_default()
            .iter()
            .filter(|name| !own.contains(name));
        columns.extend(extra.cloned());
        Ok(Self {
            groups: regex.capture_locations(),
            columns: match all {
                // A server's log.
                Some(_) => Columns::new(what, &columns, derived, names)?.with_dashes(),
                None => Columns::new(what, &columns, derived, names)?,
            },
            regex,
        })
    }
}

impl Parser for Pattern {
    fn record(&mut self, text: &[u8], found: &mut Found) -> Result<bool, Reason> {
        if text.is_empty() {
            return Ok(false);
        }
        for way in &mut self.ways {
            if way.regex.captures_read(&mut way.groups, text).is_none() {
                continue;
            }
            for group in 1..way.groups.len() {
                if let Some((start, end)) = way.groups.get(group) {
                    way.columns.set(found, group, text, start, end);
                }
            }
            return Ok(true);
        }
        Err(NO_MATCH)
    }
}

/// The names of the groups of all patterns.
fn group_names(patterns: &[&str]) -> Vec<String> {
    let regexes = patterns
        .iter()
        .filter_map(|pattern| Regex::new(&format!("(?-u){pattern}")).ok());
    let names = regexes.flat_map(|regex| {
        let names = regex.capture_names().flatten().map(str::to_owned);
        names.collect::<Vec<_>>()
    });
    names.collect()
}
