//! `group-by` on a log of each format against what other readers make of it: DuckDB and Python.
//! `tests/it/goldens/make.py` makes logs and goldens.

use std::path::Path;

use crate::gristmill::{read, run};

/// Formats, with the fields that their goldens are grouped by, and the one that is summed.
const GOLDENS: &[(&str, &str, &str)] = &[
    ("json", "request.host,msg", "duration"),
    ("csv", "country,note", "amount"),
    ("tsv", "country,note", "amount"),
    ("logfmt", "level,msg", "ms"),
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
        let log = folder.join(format!("{format}.log"));
        let log = log.to_string_lossy();
        let golden = read(&folder, &format!("{format}.tsv"));
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
