//! Records that are read many at once are those that are read one by one.

use gristmill_common::condition::Value;
use gristmill_common::record::{Splitter, content};
use gristmill_common::spec::GroupBy;
use proptest::prelude::*;

use super::super::field::{FieldId, Found, Names};
use super::{Parser, maker};

/// Where a record is, and its fields or why it is none.
type Seen = (usize, Vec<u8>, Result<Vec<String>, &'static str>);

const HEADER: &str = "a,b,c";

fn parser(parse: &str, fields: &[&str]) -> (Box<dyn Parser>, Vec<FieldId>, Found) {
    let mut names = Names::default();
    let ids: Vec<_> = (fields.iter())
        .map(|name| names.field("", name).unwrap())
        .collect();
    let options = GroupBy {
        parse: parse.into(),
        ..GroupBy::default()
    };
    let mut parser = maker(&options, &names).unwrap().unwrap()();
    let _ = parser.header(Some(HEADER.replace(',', separator(parse)).as_bytes()));
    (parser, ids, Found::new(fields.len()))
}

fn separator(parse: &str) -> &str {
    match parse {
        "tsv" => "\t",
        parse => parse.strip_prefix("csv:").unwrap_or(","),
    }
}

fn values(ids: &[FieldId], found: &Found, text: &[u8]) -> Vec<String> {
    let shown = |id: &FieldId| match found.value(*id, text) {
        Value::Text(text) => format!("={}", String::from_utf8_lossy(text)),
        other => format!("{other:?}"),
    };
    ids.iter().map(shown).collect()
}

fn check(parse: &str, fields: &[&str], splitter: &Splitter, text: &[u8]) {
    let (mut reader, ids, mut found) = parser(parse, fields);
    let mut one_by_one: Vec<Seen> = Vec::new();
    let (mut at, mut count) = (0, 0);
    for record in splitter.split(text) {
        count += 1;
        let inner = content(record);
        found.clear();
        match reader.record(inner, &mut found) {
            Ok(true) => {
                let read = values(&ids, &found, inner);
                one_by_one.push((at, record.to_vec(), Ok(read)));
            }
            Ok(false) => {}
            Err(reason) => one_by_one.push((at, record.to_vec(), Err(reason))),
        }
        at += record.len();
    }
    let mut many: Vec<Seen> = Vec::new();
    let read = reader.records(text, splitter, &mut found, &mut |at, record, read| {
        let read = read.map(|(found, text)| values(&ids, found, text));
        many.push((at, record.to_vec(), read));
    });
    let shown = String::from_utf8_lossy(text);
    assert_eq!(read, Some(count), "{parse}: {shown:?}");
    assert_eq!(many, one_by_one, "{parse}: {shown:?}");
}

fn check_all(text: &[u8]) {
    check("csv", &["a", "c"], &Splitter::Quoted(b','), text);
    check("csv", &["b", "none"], &Splitter::Lines, text);
    check("tsv", &["b", "c"], &Splitter::Quoted(b'\t'), text);
    check("csv:;", &["b", "c"], &Splitter::Quoted(b';'), text);
    let squid = ["time", "result", "status", "client", "type"];
    check("squid", &squid, &Splitter::Lines, text);
    let traefik = ["time", "user", "method", "url", "duration"];
    check("traefik", &traefik, &Splitter::Lines, text);
    let servers = ["host", "user", "time", "path", "status", "bytes", "agent"];
    check("access-log", &servers, &Splitter::Lines, text);
}

proptest! {
    #[test]
    fn any_text_is_read_so(
        words in prop::collection::vec(prop::sample::select(&[
            "a", "bc", ",", ",", "\t", " ", " ", " ", "\"", "\"", "\\", "[", "]", "\n", "\n", "\r\n", "-",
            "\"x y\" ", "[t +0] ", "1,2,3\n", "1;2;3\n", ";", "\"1\",2,\"3\"\r\n", "1\t2\t3\n", "\u{FEFF}", "/", ":", "\r",
            "1 2 3 T/200 5 GET /x - H/p text\n", "h - - [t +0] \"GET /a b HTTP/1\" 200 5 \"-\" \"-\" 1 \"r\" \"u\" 9ms\n",
            "h - - [03/Mar/2025:10:00:01 +0000] \"GET /a?b HTTP/1.1\" 200 5\n",
            "h - ann [03/Mar/2025:10:00:01 +0000] \"GET /a\\\"b HTTP/1.1\" 200 - \"-\" \"x \\x41\"\n",
        ][..]), 0..60),
    ) {
        check_all(words.concat().as_bytes());
    }
}

#[test]
fn long_texts_and_records_that_cross_blocks_are_read_so() {
    let csv = "1,2,3\n".repeat(2000) + &format!("\"{}\",2,3\n", "x\n".repeat(9000));
    check_all((csv.clone() + &csv + "1,2").as_bytes());
    let line =
        r#"h - - [03/Mar/2025:10:00:01 +0000] "GET /a\" b HTTP/1.1" 200 5 "-" "a b" 1 "r" "u" 9ms"#;
    let long = format!("{line}{}", " x".repeat(9000));
    check_all(
        format!("{line}\n{line}\r\n{long}\n{line} \n")
            .repeat(50)
            .as_bytes(),
    );
    for odd in [
        line.replace("] ", "]"),
        line.replace(" - -", "  - -"),
        line.replace(" 1 ", "\t1 "),
        line.replace("a b\"", "a b\\\\\""),
        line.replace("a b\"", "a b\\\""),
        line.replace("a b", "a \"b\" c"),
        format!("{line} 1"),
        line.replace(r#" 1 "r" "u" 9ms"#, ""),
        line.replace(r#" "-" "a b" 1 "r" "u" 9ms"#, ""),
    ] {
        check_all(format!("{line}\n{odd}\n{line}\n").as_bytes());
    }
}
