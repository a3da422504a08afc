//! Which format a text is in, told by its lines.

use gristmill_common::condition::Value;
use gristmill_common::decimal::Decimal;
use gristmill_common::header::{HeaderRule, Headers};
use gristmill_common::record::{BOM, Splitter, content};
use gristmill_common::spec::GroupBy;

use super::separated::names_of;
use super::{Unwrap, maker};
use crate::engine::kinds::group_by::field::{FieldId, Found, Names};
use crate::engine::kinds::group_by::json::Json;
use crate::engine::kinds::group_by::time::{self, Room, Unit};

/// How many records are looked at.
const MOST: usize = 1000;

/// What a field of a format must be.
#[derive(Clone, Copy)]
enum Is {
    Time,
    Number,
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
            ("time", Is::Time),
            ("elb_status_code", Is::Number),
            ("request_creation_time", Is::Time),
        ],
    ),
    (
        "elb",
        &[
            ("time", Is::Time),
            ("elb_status_code", Is::Number),
            ("backend_processing_time", Is::Number),
        ],
    ),
    (
        "s3",
        &[
            ("time", Is::Time),
            ("http_status", Is::Number),
            ("request_id", Is::Anything),
        ],
    ),
    ("haproxy", &[("time", Is::Anything)]),
    (
        "traefik",
        &[
            ("time", Is::Time),
            ("status", Is::Number),
            ("duration", Is::Ends(b"ms")),
        ],
    ),
    ("access-log", &[("time", Is::Time)]),
    (
        "squid",
        &[
            ("time", Is::Time),
            ("elapsed", Is::Number),
            ("status", Is::Number),
        ],
    ),
    ("syslog", &[("time", Is::Time)]),
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
        for (name, delimiter) in [("tsv", b'\t'), ("csv", b',')] {
            // Counted in records, which may be several lines.
            if is_separated(text, whole, name, delimiter) {
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
    let fits = |line: &&Vec<u8>| json.record::<false>(line, &mut found).is_ok();
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
            && wanted
                .iter()
                .all(|&(field, is)| is.of(found.value(field, line)))
    };
    lines.iter().filter(fits).count()
}

impl Is {
    fn of(self, value: Value<'_>) -> bool {
        let Value::Text(text) = value else {
            return matches!(self, Is::Anything);
        };
        match self {
            Is::Time => time::cut(text, Unit::Minute, &mut Room::default()).is_some(),
            Is::Number => Decimal::parse(text).is_some(),
            Is::Ends(end) => text.ends_with(end),
            Is::Anything => true,
        }
    }
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
fn is_separated(text: &[u8], whole: bool, name: &str, delimiter: u8) -> bool {
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
    let options = GroupBy {
        parse: name.into(),
        ..GroupBy::default()
    };
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

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Option<&'static str> {
        detect(None, text.as_bytes(), true)
    }

    #[test]
    fn formats_are_told_by_their_lines() {
        let alb = r#"https 2018-07-02T22:23:00.186641Z app/my-lb/50dc6c495c0c9188 192.168.131.39:2817 10.0.0.1:80 0.086 0.048 0.037 200 201 0 57 "GET https://www.example.com:443/a b HTTP/1.1" "curl/7.46.0" ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2 arn:aws:tg "Root=1-58337281" "www.example.com" "arn:aws:cert" 1 2018-07-02T22:22:48.364000Z "authenticate,forward" "-" "-" "10.0.0.1:80" "200" "-" "-""#;
        let elb = r#"2015-05-13T23:39:43.945958Z my-lb 192.168.131.39:2817 10.0.0.1:80 0.000073 0.001048 0.000057 200 200 0 29 "GET http://www.example.com:80/ HTTP/1.1" "curl/7.38.0" - -"#;
        let s3 = r#"79a59df900b949e5 amzn-s3-demo [06/Feb/2019:00:00:38 +0000] 192.0.2.3 79a59df900b949e5 3E57427F3EXAMPLE REST.GET.VERSIONING - "GET /amzn-s3-demo?versioning HTTP/1.1" 200 - 113 - 7 - "-" "S3Console/0.4" - s9lzHYrFp76ZVxRcpX9= SigV4 ECDHE AuthHeader host TLSV1.2 - -"#;
        let haproxy = r#"Feb  6 12:14:14 localhost haproxy[14389]: 10.0.1.2:33317 [06/Feb/2009:12:14:14.655] http-in static/srv1 10/0/30/69/109 200 2750 - - ---- 1/1/1/1/0 0/0 {1wt.eu} {} "GET /index.html HTTP/1.1""#;
        let traefik = r#"192.0.2.1 - bob [10/Oct/2024:13:55:36 +0000] "GET /x HTTP/1.1" 200 12 "-" "curl" 7 "web@docker" "http://10.0.0.2:80" 3ms"#;
        let combined =
            r#"192.0.2.1 - - [17/May/2015:10:05:03 +0000] "GET /a?b=c HTTP/1.1" 404 - "-" "x""#;
        let squid = "1066037222.011   126389 10.0.0.5 TCP_MISS/404 1200 GET http://a.example/ - DIRECT/192.0.2.1 text/html";
        let syslog = "Oct 11 22:14:15 mymachine su[12]: 'su root' failed: a=1, b=2";
        for (text, expected) in [
            ("{\"a\":1}\n[1,2]\n", Some("json")),
            ("{\"a\":1}\n{\"a\":1}\nat Foo.bar(Foo.java)\n", Some("json")),
            (alb, Some("alb")),
            (elb, Some("elb")),
            (s3, Some("s3")),
            (haproxy, Some("haproxy")),
            (traefik, Some("traefik")),
            (combined, Some("access-log")),
            (squid, Some("squid")),
            (syslog, Some("syslog")),
            (
                "<165>1 2003-10-11T22:14:15.003Z host app - ID47 - hello\n",
                Some("syslog"),
            ),
            ("ts=1 level=info msg=\"a b c d\" debug\n", Some("logfmt")),
            (
                "#Software: x\r\n#Fields: date time\r\n2025-03-03 10:00:01\r\n",
                Some("w3c"),
            ),
            ("\u{FEFF}day,name\n2025,\"a\nb,\"\n2026,c\n", Some("csv")),
            (",day\n0,1\n1,2\n", Some("csv")),
            ("\"Amount, 2024\",name\n1,x\n2,y\n", Some("csv")),
            ("a\tb,c\n1\t2\n", Some("tsv")),
            ("größe,b\n1,2\n", Some("csv")),
            // No header, no rows, no second column, or no such thing.
            ("2025-03-03,1\n2025-03-04,2\n", None),
            ("a,b\n", None),
            ("a\n1\n", None),
            ("a,a\n1,2\n", None),
            (
                "Hello, world\nthis is prose\nwith = signs, and commas\n",
                None,
            ),
            ("10:00:01,123 INFO a\n10:00:01,124 INFO b\n", None),
            ("<html>\n<a b=c>\n</html>\n", None),
            (
                "one two three four five six seven eight nine ten\n\
                 a b c d e f g h i j k l m n o p q r s t u v w x y z a b c d\n",
                None,
            ),
            ("", None),
        ] {
            assert_eq!(of(text), expected, "{text}");
        }
        // The rest of a record that is cut off does not count.
        assert_eq!(detect(None, b"a,b\n1,2\n3", false), Some("csv"));
        assert_eq!(detect(None, b"{\"a\":1}\n{\"a", false), Some("json"));
        let docker = br#"{"log":"level=info took=1\n","stream":"stdout"}"#;
        assert_eq!(detect(Some("docker"), docker, true), Some("logfmt"));
    }
}
