//! Records whose columns a header names: CSV, TSV and W3C's logs.

use gristmill_common::condition::Value;
use gristmill_common::spec::GroupBy;

use super::super::field::{Found, Names};
use super::maker;

/// The values of fields in lines, each with the header in force, or their reasons.
fn read(parse: &str, fields: &str, lines: &[(Option<&str>, &str)]) -> Vec<String> {
    let mut names = Names::default();
    let ids: Vec<_> = (fields.split(','))
        .map(|name| names.field("", name).unwrap())
        .collect();
    let options = GroupBy {
        parse: parse.into(),
        ..GroupBy::default()
    };
    let mut parser = maker(&options, &names).unwrap().unwrap()();
    let mut found = Found::new(names.paths.len());
    let one = |(header, line): &(Option<&str>, &str)| {
        let named = parser.header(header.map(str::as_bytes));
        found.clear();
        match parser.record(line.as_bytes(), &mut found) {
            Err(reason) => {
                assert!(named.is_ok() || named == Err(reason));
                return reason.to_owned();
            }
            Ok(false) => return "blank".to_owned(),
            Ok(true) => {}
        }
        let values = ids
            .iter()
            .map(|&id| match found.value(id, line.as_bytes()) {
                Value::Absent => "absent".to_owned(),
                Value::Null => "null".to_owned(),
                Value::Text(text) => String::from_utf8_lossy(text).into_owned(),
                Value::Number(number) => number.to_string(),
            });
        values.collect::<Vec<_>>().join("|")
    };
    lines.iter().map(one).collect()
}

const CR: &str = r"its document's lines end with CR alone; convert it with tr '\r' '\n'";

#[test]
fn columns_of_csv_are_found_by_their_names() {
    let (first, other) = (Some(r#"name,"a ""b""",a.b"#), Some("a.b,name"));
    for (line, expected) in [
        ((first, "Ann,1,2"), "Ann|1|2"),
        (
            (first, "\"Doe, \"\"A\"\"\n\",\"1\",\"\""),
            "Doe, \"A\"\n|1|",
        ),
        ((other, "2,Bob"), "Bob|absent|2"),
        (
            (first, "Ann,1"),
            "another number of columns than the document's header has",
        ),
        ((first, ""), "blank"),
        ((first, "a,\"b\"c,"), "text after a closing quote"),
        ((first, "a,\"b"), "a quote that is not closed"),
        (
            (None, "1,2"),
            "its document has no header: the first record was set aside or is too long",
        ),
        ((Some("\"a"), "1"), "its document's header is no CSV"),
        (
            (Some(r#"{"name":1,"b":2}"#), "{,"),
            "its document's header is no CSV",
        ),
        ((Some("name,name"), "1,2"), "2|absent|absent"),
        (
            (Some("name;amt"), "Ann;1"),
            "its document's header has none of the fields that the job names",
        ),
        ((Some("x,name\rAnn,1\rBob,2\r"), "1,2"), CR),
        ((Some("\"x\",\"name\"\r\"1\",\"2\""), "1,2"), CR),
        ((Some("\"x\ry\",a.b,q\r"), "1,2,3"), "absent|absent|2"),
        ((Some("\"x\ry\",name"), "1,2"), "2|absent|absent"),
        ((Some("\u{FEFF}name"), "\u{FEFF}\"x\""), "x|absent|absent"),
    ] {
        assert_eq!(
            read("csv", r#"name,a "b",a\.b"#, &[line]),
            [expected],
            "{line:?}"
        );
    }
    // One reader for all of a job's documents.
    let lines = [
        (first, "1,2,3"),
        (other, "4,5"),
        (None, "6,7"),
        (first, "8,9,0"),
        (first, "1,2,3"),
    ];
    assert_eq!(
        read("csv", "name", &lines),
        [
            "1",
            "5",
            "its document has no header: the first record was set aside or is too long",
            "8",
            "1"
        ]
    );
    assert_eq!(read("tsv", "b", &[(Some("a\tb"), "x,y\t z")]), [" z"]);
}

#[test]
fn columns_of_w3c_logs_are_found_by_their_names() {
    let iis = Some("#Fields: date time cs-uri-stem cs(User-Agent) sc-status");
    let cloudfront = Some("#Fields: date time cs-uri-stem sc-status cs(User-Agent)");
    let fields = "cs-uri-stem,sc-status,datetime,cs(User-Agent)";
    for (line, expected) in [
        (
            (iis, "2025-03-03 10:00:01 /a Mozilla/5.0+(X11) 200"),
            "/a|200|2025-03-03 10:00:01|Mozilla/5.0+(X11)",
        ),
        (
            (iis, "2025-03-03 10:00:01 - \"a \"\"b\" 404"),
            "absent|404|2025-03-03 10:00:01|a \"\"b",
        ),
        (
            (cloudfront, "2025-03-03\t10:00:01\t/a b\t200\t"),
            "/a b|200|2025-03-03 10:00:01|",
        ),
        ((iis, "- 10:00:01 /a x 200"), "/a|200|absent|x"),
        (
            (Some("#Fields: sc-status"), "200"),
            "absent|200|absent|absent",
        ),
        ((iis, "#Software: x"), "blank"),
        ((iis, ""), "blank"),
        ((iis, "  "), "blank"),
        (
            (iis, "2025-03-03 10:00:01"),
            "another number of columns than the line #Fields: before it names",
        ),
        (
            (iis, "2025-03-03 10:00:01 /a \"x"),
            "a quote or bracket that is not closed",
        ),
        (
            (None, "2025-03-03"),
            "no line #Fields: before it that names the columns",
        ),
        (
            (Some("#Fields: datetime time date"), "a b c"),
            "absent|absent|a|absent",
        ),
    ] {
        assert_eq!(read("w3c", fields, &[line]), [expected], "{line:?}");
    }
}
