//! What the records of a text hold: fields, how many records have each, and what it is there.

use gristmill_common::condition::Value;
use gristmill_common::decimal::is_written_as_number;
use gristmill_common::header::Headers;
use gristmill_common::record::{BOM, Splitter, content};
use gristmill_common::spec::GroupBy;

use super::Reader;
use super::field::{FieldId, Found, Names};
use super::parse::{self, Catalog, Unwrap};
use super::time::{self, Scratch, Unit};
use crate::engine::prepared::SpecError;

/// How many examples of a field are kept.
const EXAMPLES: usize = 3;
/// The longest of them, in characters.
const EXAMPLE: usize = 40;

/// What the records of a text hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// Records that could be read.
    pub records: u64,
    /// Records that could not, and why the first could not.
    pub unread: u64,
    /// See [`Survey::unread`].
    pub reason: Option<&'static str>,
    /// The fields, in order of their first record.
    pub fields: Vec<FieldSeen>,
    /// Some are left out: past the first thousand, and past the first ten places of a list.
    pub cut: bool,
}

/// A field, as it is in some records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSeen {
    /// Its name, as it is typed.
    pub name: String,
    /// How many records have it.
    pub records: u64,
    /// What its values are, the most frequent first.
    pub types: Vec<(&'static str, u64)>,
    /// Some of its values.
    pub examples: Vec<String>,
}

/// A record's text, and the header in force.
type Headed<'t> = (&'t [u8], Option<Vec<u8>>);

/// Looks at the records of a text, which `options` say how to read; `whole` says that it does not
/// end inside a record.
///
/// # Errors
/// When the options are none.
pub fn survey(options: &GroupBy, text: &[u8], whole: bool) -> Result<Survey, SpecError> {
    let wrong = |why: String| SpecError(why);
    let records = options.default_records();
    options.check_records(&records).map_err(wrong)?;
    let splitter = Splitter::new(&records).map_err(|error| wrong(error.to_string()))?;
    let mut unwrap = options.unwrap.as_deref().map(Unwrap::new).transpose()?;
    let parse = &options.parse.0[..];
    let mut catalog = Catalog::of_format(options);
    let all = records_of(options, &splitter, text, whole);
    for (record, header) in &all {
        if let Some(header) = header {
            catalog.add_header(&options.parse, header);
        }
        if let Ok(text) = unwrapped(&mut unwrap, record) {
            catalog.add_record(parse, text);
        }
    }
    let mut names = Names::default();
    let mut fields: Vec<(FieldId, FieldSeen)> = Vec::new();
    let cut = catalog.is_cut();
    for name in catalog.into_names() {
        let seen = FieldSeen {
            name: name.clone(),
            ..FieldSeen::default()
        };
        // One without a name, such as `{"":1}`, cannot be asked for.
        if let Ok(id) = names.field("", &name) {
            fields.push((id, seen));
        }
    }
    let mut reader = Reader::new(parse::maker(options, &names)?.as_ref(), &names);
    let mut found = Found::new(names.paths.len());
    let mut survey = Survey {
        cut,
        ..Survey::default()
    };
    for (record, header) in &all {
        if let Reader::Other(parser) = &mut reader {
            // Why it is none, its records say.
            let _ = parser.header(header.as_deref());
        }
        let read = unwrapped(&mut unwrap, record)
            .and_then(|text| Ok((reader.record(text, &mut found)?, text)));
        match read {
            Ok((true, text)) => {
                survey.records += 1;
                for (id, field) in &mut fields {
                    field.add(found.value(*id, text));
                }
            }
            Ok((false, _)) => {}
            Err(reason) => {
                survey.unread += 1;
                survey.reason = survey.reason.or(Some(reason));
            }
        }
    }
    for (_, field) in &mut fields {
        field
            .types
            .sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    }
    survey.fields = fields.into_iter().map(|(_, field)| field).collect();
    survey.fields.retain(|field| field.records > 0);
    Ok(survey)
}

/// The records of a text but for headers, which are told beside them.
fn records_of<'t>(
    options: &GroupBy,
    splitter: &'t Splitter,
    text: &'t [u8],
    whole: bool,
) -> Vec<Headed<'t>> {
    let end = splitter.last_end(text, whole).unwrap_or(text.len());
    let mut headers = Headers::new(options.header_rule());
    let (mut all, mut at) = (Vec::new(), 0);
    while at < end {
        let len = headers.stretch(splitter, &text[at..end], at as u64);
        let current = headers.current().cloned();
        let mut offset = at as u64;
        for record in splitter.split(&text[at..at + len]) {
            let is_header = current.as_ref().is_some_and(|one| one.offset == offset);
            offset += record.len() as u64;
            if !is_header {
                let record = content(record);
                let record = record.strip_prefix(BOM).unwrap_or(record);
                all.push((record, current.as_ref().map(|one| one.text.clone())));
            }
        }
        at += len;
    }
    all
}

fn unwrapped<'a>(
    unwrap: &'a mut Option<Unwrap>,
    record: &'a [u8],
) -> Result<&'a [u8], &'static str> {
    match unwrap {
        Some(unwrap) => unwrap.line(record),
        None => Ok(record),
    }
}

impl FieldSeen {
    fn add(&mut self, value: Value<'_>) {
        let (kind, example) = match value {
            Value::Absent => return,
            Value::Null => ("null", None),
            Value::Number(_) => ("number", None),
            Value::Text(b"") => ("empty", None),
            Value::Text(text) => (kind_of(text), Some(text)),
        };
        self.records += 1;
        match self.types.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, count)) => *count += 1,
            None => self.types.push((kind, 1)),
        }
        if let Some(text) = example.filter(|_| self.examples.len() < EXAMPLES) {
            let text = String::from_utf8_lossy(text);
            let mut clipped: String = text.chars().take(EXAMPLE).collect();
            if clipped.len() < text.len() {
                clipped.push('…');
            }
            if !self.examples.contains(&clipped) {
                self.examples.push(clipped);
            }
        }
    }
}

fn kind_of(text: &[u8]) -> &'static str {
    match text {
        b"true" | b"false" => "boolean",
        [b'{', .., b'}'] => "object",
        [b'[', .., b']'] if text.len() == 2 => "list",
        _ if is_written_as_number(text) => "number",
        _ if time::cut(text, Unit::Minute, &mut Scratch::default()).is_some() => "time",
        _ => "text",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(parse: &str, unwrap: Option<&str>, text: &str) -> (u64, u64, Vec<String>) {
        let options = GroupBy {
            parse: parse.into(),
            unwrap: unwrap.map(str::to_owned),
            ..GroupBy::default()
        };
        let survey = survey(&options, text.as_bytes(), true).unwrap();
        let fields = survey.fields.iter().map(|field| {
            let types: Vec<String> = (field.types.iter())
                .map(|(kind, count)| format!("{kind} {count}"))
                .collect();
            let examples = field.examples.join(" ");
            format!("{}: {}: {examples}", field.name, types.join(", "))
        });
        (survey.records, survey.unread, fields.collect())
    }

    #[test]
    fn a_long_list_hides_no_other_field() {
        let list: Vec<String> = (0..1500).map(|number| number.to_string()).collect();
        let text = format!("{{\"a\":[{}],\"z\":1}}\n{{\"q\":5}}\n", list.join(","));
        let options = GroupBy {
            parse: "json".into(),
            ..GroupBy::default()
        };
        let found = survey(&options, text.as_bytes(), true).unwrap();
        let names: Vec<&str> = found.fields.iter().map(|field| &field.name[..]).collect();
        assert_eq!(names[..2], ["a.0", "a.1"]);
        assert_eq!(names[10..], ["z", "q"]);
        assert!(found.cut);
        assert!(!survey(&options, b"{\"a\":[1]}\n", true).unwrap().cut);
    }

    #[test]
    fn fields_of_named_values_and_of_columns_are_found() {
        let json = r#"{"a":{"b.c":1,"d":[{"e":"x"},null],"f":[],"g":{}},"t":"2025-03-03T10:00:00Z"}
{"a":{"b.c":"2"},"t":true}
{"a":
"#;
        let (records, unread, fields) = seen("json", None, json);
        assert_eq!((records, unread), (2, 1));
        assert_eq!(
            fields,
            [
                r"a.b\.c: number 2: 1 2",
                "a.d.0.e: text 1: x",
                "a.d.1: null 1: ",
                "a.f: list 1: []",
                "a.g: object 1: {}",
                "t: time 1, boolean 1: 2025-03-03T10:00:00Z true",
            ]
        );
        let csv = "\u{FEFF}day,\"a \"\"b\"\"\",c.\n2025-03-03,1,\"x\ny\"\n2025-03-04,,z\n1,2\n";
        let (records, unread, fields) = seen("csv", None, csv);
        assert_eq!((records, unread), (2, 1));
        assert_eq!(
            fields,
            [
                "day: time 2: 2025-03-03 2025-03-04",
                "a \"b\": number 1, empty 1: 1",
                "c\\.: text 2: x\ny z",
            ]
        );
        let w3c = "#Fields: date time a\n2025-03-03 10:00:00 -\n#Fields: a b\nx y\n";
        let (records, _, fields) = seen("w3c", None, w3c);
        assert_eq!(records, 2);
        assert_eq!(
            fields,
            [
                "date: time 1: 2025-03-03",
                "time: text 1: 10:00:00",
                "a: text 1: x",
                "datetime: time 1: 2025-03-03 10:00:00",
                "b: text 1: y",
            ]
        );
        let (_, _, fields) = seen("logfmt", Some("cri"), "a=1 b c=\"x y\"\n\nb=2\n");
        assert_eq!(
            fields,
            ["a: number 1: 1", "b: null 1, number 1: 2", "c: text 1: x y"]
        );
    }

    #[test]
    fn fields_of_servers_lines_are_found() {
        let syslog = "Oct 11 22:14:15 h su[12]: 'su root' failed\n";
        let (_, _, fields) = seen("syslog", None, syslog);
        assert_eq!(
            fields,
            [
                "time: time 1: Oct 11 22:14:15",
                "host: text 1: h",
                "app: text 1: su",
                "pid: number 1: 12",
                "message: text 1: 'su root' failed",
            ]
        );
        let common = r#"192.0.2.1 - - [17/May/2015:10:05:03 +0000] "GET /a?b=c HTTP/1.1" 404 17"#;
        let (_, _, fields) = seen("access-log", None, common);
        let names: Vec<&str> = fields
            .iter()
            .map(|field| field.split(':').next().unwrap())
            .collect();
        assert_eq!(
            names,
            [
                "host", "time", "method", "path", "query", "protocol", "status", "bytes"
            ]
        );
        let (_, _, fields) = seen("regex:^(?P<x>.)(?P<y>.)?", None, "a\nb1\n");
        assert_eq!(fields, ["x: text 2: a b", "y: number 1: 1"]);
        let squid = "1066037222.011   126389 10.0.0.5 TCP_MISS/404 1200 GET http://a.example/ - DIRECT/- text/html\n";
        let (_, _, fields) = seen("squid", None, squid);
        assert!(
            fields.contains(&"result: text 1: TCP_MISS".to_owned()),
            "{fields:?}"
        );
        assert!(!fields.iter().any(|field| field.starts_with("peer")));
    }

    #[test]
    fn a_field_without_a_name_is_not_told() {
        for (parse, text) in [
            ("json", "{\"\":1,\"a\":{\"\":2,\"b\":3}}\n"),
            ("logfmt", "=1 a.b=3\n"),
            ("csv", ",a.b\n1,3\n"),
        ] {
            let (records, _, fields) = seen(parse, None, text);
            assert_eq!(
                (records, fields),
                (1, vec!["a.b: number 1: 3".to_owned()]),
                "{parse}"
            );
        }
    }

    #[test]
    fn a_record_that_is_cut_off_is_left_out() {
        let options = GroupBy::default();
        let found = survey(&options, b"{\"a\":1}\n{\"a\":", false).unwrap();
        assert_eq!((found.records, found.unread), (1, 0));
        let deep = "[".repeat(100_000);
        let found = survey(&options, deep.as_bytes(), true).unwrap();
        assert_eq!((found.records, found.unread), (0, 1));
    }
}
