//! `group-by` over documents whose headers name their columns, against Python's reading of them.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::columns;
use crate::gristmill::{read, run};

/// Prints the groups of some documents as JSON lines, and to stderr how many records no group has.
const REFERENCE: &str = r#"
import csv, json, sys
from collections import defaultdict
from decimal import Decimal
form, by, number, *files = sys.argv[1:]
by = by.split(',')
groups, bad = defaultdict(lambda: [0, None, 0]), 0

def count(header, row):
    global bad
    if len(row) != len(header): bad += 1; return
    record = {name: value for name, value in zip(header, row) if form != 'w3c' or value != '-'}
    group = groups[tuple((name, record[name]) for name in by if name in record)]
    group[0] += 1
    try: group[1] = (group[1] or 0) + Decimal(record[number])
    except (KeyError, ArithmeticError): group[2] += number in record

for file in files:
    header = None
    if form == 'w3c':
        for line in open(file, encoding='utf-8-sig', newline='\n'):
            words = line.split()
            if line.startswith('#Fields:'): header = words[1:]
            elif not line.startswith('#') and words: count(header, words)
        continue
    text = open(file, encoding='utf-8-sig', newline='')
    for row in csv.reader(text, delimiter='\t' if form == 'tsv' else (form + ':,')[4]):
        if not row: continue
        if header is None: header = row
        else: count(header, row)
for key, (hits, total, none) in groups.items():
    total = None if total is None else float(total)
    print(json.dumps({**dict(key), 'hits': hits, 'sum_' + number: total, 'no_number_' + number: none}))
print(bad, file=sys.stderr)
"#;

/// Rows as they can be compared: in one order, with numbers as one type.
fn rows(text: &str) -> Vec<String> {
    let one = |line: &str| {
        let mut row: Value = serde_json::from_str(line).expect("JSON");
        for value in row.as_object_mut().expect("an object").values_mut() {
            if let Some(number) = value.as_f64() {
                *value = Value::from((number * 100.0).round() as i64);
            }
        }
        row.to_string()
    };
    let mut rows: Vec<String> = text.lines().map(one).collect();
    rows.sort();
    rows
}

fn compare(format: &str, by: &str, number: &str, folder: &Path) {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.sort();
    let output = Command::new("python3")
        .args(["-c", REFERENCE, format, by, number])
        .args(&files)
        .env("PYTHONIOENCODING", "utf-8")
        .output()
        .expect("python3 starts");
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
    let (expected, bad) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{bad}");
    let input = folder.to_string_lossy();
    let words = ["run", "group-by", "--parse", format, "--by", by];
    let more = ["--sum", number, "--format", "jsonl", &input, "-o", "-"];
    for chunk in ["4KiB", "1MiB"] {
        let cut = ["--chunk-size", chunk, "--allow-quarantine", "100%"];
        let ended = run([&words[..], &more, &cut].concat()).code(0);
        assert_eq!(rows(&ended.stdout), rows(&expected), "{format} {chunk}");
        let set_aside = format!("{} records", bad.trim());
        assert!(ended.stderr.contains(&set_aside), "{bad}: {}", ended.stderr);
    }
}

#[test]
fn python_reads_the_same_out_of_csv() {
    let formats = [("csv", ','), ("tsv", '\t'), ("csv:;", ';'), ("csv::", ':')];
    for (format, delimiter) in formats {
        let folder = tempfile::tempdir().expect("a folder");
        for seed in 0..6 {
            let text = columns::csv(seed, 400, delimiter, false);
            let mark = if seed % 2 == 0 { "\u{FEFF}" } else { "" };
            let name = format!("{seed}.csv");
            std::fs::write(folder.path().join(name), format!("{mark}{text}")).expect("a file");
        }
        compare(format, "country,name", "amount", folder.path());
        compare(format, "note", "day", folder.path());
    }
}

#[test]
fn python_reads_the_same_out_of_w3c_logs() {
    let folder = tempfile::tempdir().expect("a folder");
    for seed in 0..4 {
        let name = format!("{seed}.log");
        std::fs::write(folder.path().join(name), columns::w3c(seed, 700)).expect("a file");
    }
    compare("w3c", "cs-uri-stem,sc-status", "time-taken", folder.path());
    compare("w3c", "cs(User-Agent)", "sc-status", folder.path());
}

/// Runs a job on one document: what it prints, and the reasons in its quarantine.
fn one(text: &[u8], words: &[&str]) -> (String, Vec<(u64, String)>) {
    let folder = tempfile::tempdir().expect("a folder");
    let (file, out) = (folder.path().join("a.csv"), folder.path().join("out"));
    std::fs::write(&file, text).expect("a file");
    let (input, output) = (file.to_string_lossy(), out.to_string_lossy());
    let line = ["run", "group-by", "-q", &input, "-o", &output];
    run([&line[..], words, &["--allow-quarantine", "100%"]].concat()).code(0);
    let quarantine = read(&out, "quarantine.jsonl");
    let reason = |line: &str| {
        let entry: Value = serde_json::from_str(line).expect("JSON");
        let reason = entry["reason"].as_str().expect("a reason").to_owned();
        (entry["offset"].as_u64().expect("an offset"), reason)
    };
    let part = read(&out, "part-00000.tsv");
    (part, quarantine.lines().map(reason).collect())
}

#[test]
fn a_header_that_is_not_there_is_no_guess() {
    let no_header = "its document has no header: the first record was set aside or is too long";
    let long = format!("{},b\n1,2\n3,4\n", "a".repeat(3000));
    let by = ["--parse", "csv", "--by", "b"];
    let limited = [&by[..], &["--max-record", "2000"]].concat();
    let (part, reasons) = one(long.as_bytes(), &limited);
    assert_eq!(part, "");
    let found: Vec<&str> = reasons.iter().map(|(_, reason)| &reason[..]).collect();
    assert_eq!(found[1..], [no_header; 2]);
    assert!(found[0].contains("longer than the"), "{found:?}");
    let huge = format!("{},b\n1,2\n", "a".repeat(300 << 10));
    let (part, reasons) = one(huge.as_bytes(), &by);
    // The header itself is one of them.
    let expected = [0, (300 << 10) + 3].map(|at| (at, no_header.to_owned()));
    assert_eq!((&part[..], &reasons[..]), ("", &expected[..]));
    let (part, reasons) = one(b"\n\na,b\n1,2\n", &by);
    assert_eq!((&part[..], reasons), ("2\t1\n", vec![]));
    let (part, reasons) = one(b"a,b\n1,\"2\n3,4\n", &by);
    assert_eq!(
        (&part[..], reasons),
        ("", vec![(4, "a quote that is not closed".to_owned())])
    );
    let w3c = ["--parse", "w3c", "--by", "a", "--max-record", "20"];
    let text = b"#Fields: a\nx\n#Fields: a b c d e f g h\ny\n#Fields: b a\n1 z\n";
    let (part, reasons) = one(text, &w3c);
    assert_eq!(part, "x\t1\nz\t1\n");
    assert_eq!(
        reasons[1],
        (
            38,
            "no line #Fields: before it that names the columns".into()
        )
    );
    assert_eq!(reasons.len(), 2);
}

#[test]
fn records_of_their_own_go_with_no_others() {
    for (words, why) in [
        (
            &["--parse", "csv", "--records", "paragraphs"][..],
            "has records of its own",
        ),
        (
            &["--parse", "w3c", "--record-start", "^x"],
            "has records of its own",
        ),
        (&["--parse", "csv", "--unwrap", "cri"], "--fields a,b,c"),
        (
            &["--parse", "csv:;;"],
            "'csv:;;': a delimiter is one ASCII character",
        ),
        (&["--parse", "csv:a"], "no letter"),
        (
            &["--parse", "w3c", "--unwrap", "docker"],
            "take --parse w3c without it",
        ),
        (
            &["--parse", "csv", "--fields", "a,b,a"],
            "--fields names `a` twice",
        ),
    ] {
        let line = ["run", "group-by", "--by", "a", "/dev/null", "-o", "-"];
        run([&line[..], words].concat()).code(2).says(why);
    }
}
