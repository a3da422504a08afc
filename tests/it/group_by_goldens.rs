//! `group-by` on a log of each format against what other readers make of it: DuckDB and Python.
//! `tests/it/goldens/make.py` makes logs and goldens.

use std::path::Path;

use serde_json::Value;

use crate::corpus;
use crate::gristmill::{read, run};

/// Formats, with the fields that their goldens are grouped by, and the one that is summed.
const GOLDENS: &[(&str, &str, &str)] = &[
    ("json", "request.host,msg", "duration"),
    ("csv", "country,note", "amount"),
    ("tsv", "country,note", "amount"),
    ("csv:;", "country,note", "amount"),
    ("logfmt", "level,msg", "ms"),
    ("ltsv", "host,req", "size"),
    ("w3c", "cs-method,cs-uri-stem", "sc-bytes"),
    ("alb", "target_status_code,user_agent", "sent_bytes"),
    ("elb", "elb,backend_status_code", "sent_bytes"),
    ("s3", "bucket,key", "bytes_sent"),
    ("haproxy", "backend,status", "bytes"),
    ("squid", "result,peer", "bytes"),
    ("combined", "method,status", "bytes"),
    ("traefik", "router,status", "bytes"),
    ("syslog", "host,app", "pid"),
];

#[test]
fn other_readers_read_the_same_out_of_every_format() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/goldens");
    let mut differ = Vec::new();
    for (format, by, sum) in GOLDENS {
        let name = match *format {
            "csv:;" => "semicolons",
            format => format,
        };
        let log = folder.join(format!("{name}.log"));
        let log = log.to_string_lossy();
        let golden = read(&folder, &format!("{name}.tsv"));
        assert!(golden.lines().count() >= 4, "{format}: {golden}");
        let words = ["run", "group-by", "--by", by, "--sum", sum, &log, "-o", "-"];
        let named = run([&words[..], &["--parse", format]].concat());
        // Told by the beginning of the log it is the same.
        let told = run(words);
        for ended in [named, told] {
            if (ended.code, &*ended.stdout) != (Some(0), &*golden) {
                differ.push(format!("{format}: {ended:#?}\nexpected {golden}"));
            }
        }
    }
    assert!(differ.is_empty(), "{}", differ.join("\n"));
}

#[test]
fn access_log_is_what_group_by_makes_of_the_same_lines() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("a.log");
    std::fs::write(&log, corpus::log(7, 5000)).expect("a file");
    let made = |name: &str, words: &[&str]| {
        let (input, out) = (log.to_string_lossy(), folder.path().join(name));
        let out = out.to_string_lossy().into_owned();
        let always = ["-q", "--allow-quarantine", "100%", &input, "-o", &out];
        run(["run"].iter().chain(words).chain(&always)).code(0);
        let out = Path::new(&out);
        // A blank line is damage to one and nothing to the other.
        let aside = read(out, "quarantine.jsonl");
        let aside = aside.lines().map(|line| {
            let entry: Value = serde_json::from_str(line).expect("JSON");
            (entry["offset"].clone(), entry["text"].clone())
        });
        let aside: Vec<_> = aside.filter(|(_, text)| text != "").collect();
        (read(out, "part-00000.tsv"), aside)
    };
    for (number, (by, rest)) in [
        ("status", &[][..]),
        ("path,method", &["--distinct", "host"][..]),
        (
            "host",
            &["--where", "status >= 400 and method = GET", "--top", "5"][..],
        ),
        ("time:hour,referer", &[][..]),
        ("agent", &["--where", "path ~ ^/a/"][..]),
    ]
    .into_iter()
    .enumerate()
    {
        let preset = [&["access-log", "--by", by][..], rest].concat();
        let written_out = ["group-by", "--by", by, "--sum", "bytes"];
        let written_out = [&written_out[..], rest].concat();
        let (rows, aside) = made(&format!("preset-{number}"), &preset);
        let (all, all_aside) = made(&format!("written-out-{number}"), &written_out);
        assert_eq!(aside, all_aside, "{by}");
        // Beside the preset's columns it tells how many sizes were no number, and that a group had
        // none at all.
        let cells = |row: &str| {
            let cells = row.split('\t').map(|cell| match cell {
                "\\N" => "0".to_owned(),
                cell => cell.replace("\\-", "-"),
            });
            cells.collect::<Vec<_>>()
        };
        let mut all: Vec<Vec<String>> = all.lines().map(cells).collect();
        all.iter_mut().for_each(|row| drop(row.pop()));
        let mut rows: Vec<Vec<String>> = rows.lines().map(cells).collect();
        assert!(rows.len() > 2, "{by}: {rows:?}");
        rows.sort();
        all.sort();
        assert_eq!(rows, all, "{by}");
    }
}
