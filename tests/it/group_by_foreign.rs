//! `group-by` over folders whose documents are not all of the job's format, and values as they are.

use std::path::Path;

use serde_json::Value;

use crate::gristmill::{read, run};

/// Runs a job over documents: what it prints, and each name with its reason.
fn grouped(
    documents: &[(&str, &[u8])],
    words: &[&str],
    code: i32,
) -> (String, Vec<(String, String)>) {
    let folder = tempfile::tempdir().expect("a folder");
    let (input, out) = (folder.path().join("in"), folder.path().join("out"));
    std::fs::create_dir(&input).expect("a folder");
    for (name, text) in documents {
        std::fs::write(input.join(name), text).expect("a file");
    }
    let (from, to) = (input.to_string_lossy(), out.to_string_lossy());
    let line = ["run", "group-by", "-q", &*from, "-o", &*to];
    run([&line[..], words].concat()).code(code);
    let entry = |line: &str| {
        let entry: Value = serde_json::from_str(line).expect("JSON");
        let text = |name: &str| entry[name].as_str().expect("a text").to_owned();
        let document = text("document");
        let name = Path::new(&document).file_name().expect("a name");
        (name.to_string_lossy().into_owned(), text("reason"))
    };
    let aside = read(&out, "quarantine.jsonl").lines().map(entry).collect();
    (read(&out, "part-00000.tsv"), aside)
}

#[test]
fn documents_whose_headers_name_no_asked_field_are_set_aside() {
    let long = "1;2\n".repeat(3000);
    let other = format!("name;amt\n{long}");
    let documents: [(&str, &[u8]); 5] = [
        ("a.csv", b"name,amt\nx,1\ny,2\n"),
        ("b.csv", other.as_bytes()),
        ("c.tsv", b"name\tamt\nz\t3\n"),
        ("d.csv", b"amt,country\n4,DE\n"),
        ("readme.txt", b"Read me.\n"),
    ];
    let words = ["--parse", "csv", "--by", "name", "--sum", "amt"];
    for cut in ["4KiB", "1MiB"] {
        let words = [&words[..], &["--chunk-size", cut]].concat();
        let (rows, aside) = grouped(&documents, &words, 3);
        // One that lacks some of the fields is of the format.
        assert_eq!(rows, "-\t1\t4\t0\nx\t1\t1\t0\ny\t1\t2\t0\n");
        let of = |name: &str| aside.iter().filter(|entry| entry.0 == name).count();
        let counts = ["a.csv", "b.csv", "c.tsv", "d.csv", "readme.txt"].map(of);
        assert_eq!(counts, [0, 3001, 2, 0, 1], "{cut}");
        let why =
            "its document's header has none of the fields that the job names; it is `name;amt` (";
        let mut of_b = aside.iter().filter(|entry| entry.0 == "b.csv");
        assert!(of_b.all(|(_, reason)| reason.starts_with(why)), "{aside:?}");
    }
    // Where no field is asked for, any header will do; so with names for the columns.
    let few = [documents[0], documents[3]];
    let (rows, _) = grouped(&few, &["--parse", "csv"], 0);
    assert_eq!(rows, "3\n");
    let named = ["--parse", "csv", "--fields", "q,r", "--by", "q"];
    let (rows, _) = grouped(&few[1..], &named, 0);
    assert_eq!(rows, "4\t1\namt\t1\n");
    let condition = ["--parse", "csv", "--where", "country = DE"];
    let (rows, aside) = grouped(&few, &condition, 3);
    assert_eq!((&rows[..], aside.len()), ("1\n", 3));
}

#[test]
fn objects_among_logfmt_are_set_aside() {
    let documents: [(&str, &[u8]); 2] = [
        ("a.log", b"level=info\n"),
        (
            "b.jsonl",
            b"{\"level\":\"info\",\"url\":\"/?a=b\"}\r\nhello\n",
        ),
    ];
    let (rows, aside) = grouped(&documents, &["--parse", "logfmt", "--by", "level"], 3);
    assert_eq!(rows, "info\t1\n");
    let reasons: Vec<&str> = aside.iter().map(|(_, reason)| &reason[..]).collect();
    let expected = ["not logfmt: a JSON object", "not logfmt: no key=value"];
    assert_eq!(reasons, expected);
}

#[test]
fn lines_that_end_with_cr_alone_are_set_aside() {
    for words in [&[][..], &["--by", "name"]] {
        let words = [&["--parse", "csv"], words].concat();
        for text in ["name,b\rx,1\ry,2\r", "\"name\",\"b\"\r\"x\",\"1\""] {
            let (_, aside) = grouped(&[("m.csv", text.as_bytes())], &words, 3);
            assert_eq!(aside.len(), 1, "{words:?}");
            assert!(aside[0].1.contains("convert it with tr"), "{aside:?}");
        }
    }
    // In quotes it is part of a name, and before a line feed part of the end.
    let text = b"name,\"b\rc\"\r\nx,1\r\n";
    let (rows, aside) = grouped(&[("m.csv", text)], &["--parse", "csv", "--by", "name"], 0);
    assert_eq!((&rows[..], aside.len()), ("x\t1\n", 0));
}

/// The values of a field in JSON lines.
fn values(parse: &str, by: &str, text: &[u8]) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("input");
    std::fs::write(&file, text).expect("a file");
    let name = file.to_string_lossy();
    let words = [
        "run",
        "group-by",
        "-q",
        "--parse",
        parse,
        "--by",
        by,
        "--last",
        by,
        "--format",
        "jsonl",
        "--allow-quarantine",
        "100%",
        &*name,
        "-o",
        "-",
    ];
    let rows = run(words).code(0).stdout;
    let value = |line: &str| {
        let row: Value = serde_json::from_str(line).expect("JSON");
        assert_eq!(row[by], row[format!("last_{by}")], "{line}");
        row[by].as_str().expect("a text").to_owned()
    };
    rows.lines().map(value).collect()
}

#[test]
fn values_come_out_of_json_lines_as_they_are() {
    let kept = [r"C:\x64\bin", r"\x5C", r"\xe9t\xe9", r"say \x22hi\x22"];
    let lines = kept.map(|value| format!("{}\n", serde_json::json!({ "a": value })));
    let mut expected = kept.map(str::to_owned).to_vec();
    expected.sort();
    let mut found = values("json", "a", lines.concat().as_bytes());
    found.sort();
    assert_eq!(found, expected);
    // But for those that read as a byte that is not UTF-8: two values are never one.
    let found = values("json", "a", b"{\"a\":\"\xE9\"}\n{\"a\":\"\\\\xE9\"}\n");
    assert_eq!(found, [r"\x5CxE9", r"\xE9"]);
    let found = values("tsv", "a", b"a\n\xE9\n\\xE9\n\\x5CxE9\n\\x64\n");
    assert_eq!(found, [r"\x5Cx5CxE9", r"\x64", r"\x5CxE9", r"\xE9"]);
}
