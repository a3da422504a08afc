//! `group-by --parse auto`: one format for a job, told by its first text; and fields that are not
//! there.

use std::path::Path;
use std::process::Stdio;

use crate::corpus::gzip;
use crate::gristmill::{Ended, gristmill, read, run};

const CSV: &str = "level,took\ninfo,1\nwarn,\"2\n\"\n";

fn put(folder: &Path, name: &str, bytes: &[u8]) -> String {
    let path = folder.join(name);
    std::fs::write(&path, bytes).expect("a file");
    path.to_string_lossy().into_owned()
}

#[test]
fn the_first_text_decides_for_all_and_stands_in_the_manifest() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let files = [
        put(folder, "a.empty", b""),
        put(folder, "b.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"),
        put(folder, "c.csv.gz", &gzip(CSV.as_bytes())),
        put(folder, "d.log", b"{\"level\":\"info\"}\n"),
    ];
    let out = folder.join("out");
    let output = out.to_string_lossy().into_owned();
    let line = ["run", "group-by", "--by", "level", "-o", &output];
    let all: Vec<&str> = line
        .into_iter()
        .chain(files.iter().map(String::as_str))
        .collect();
    run(all).code(3).says("--parse csv, by the beginning of ");
    assert_eq!(read(&out, "part-00000.tsv"), "info\t1\nwarn\t1\n");
    let manifest = read(&out, "manifest.json");
    assert!(manifest.contains(r#""parse":"csv""#) || manifest.contains(r#""parse": "csv""#));
    // The picture, and the JSON line that is no header.
    assert_eq!(read(&out, "quarantine.jsonl").lines().count(), 2);
    let again = folder.join("again");
    let line = [
        "run", "group-by", "-q", "--by", "level", &files[3], &files[2],
    ];
    let ended = run(line.into_iter().chain(["-o", &again.to_string_lossy()])).code(3);
    assert_eq!(read(&again, "part-00000.tsv"), "info\t1\n");
    assert_eq!(ended.stderr, "");
    let quarantine = read(&again, "quarantine.jsonl");
    assert_eq!(quarantine.lines().count(), 4, "{quarantine}");
}

#[test]
fn what_is_in_no_known_format_is_a_usage_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let prose = put(
        folder.path(),
        "prose",
        b"It was a dark night,\nand so on.\n",
    );
    let ended = run(["run", "group-by", "--by", "a", &prose, "-o", "-"]).code(2);
    ended.says(
        "it is in no format that is known by its lines; write --parse and one of json, logfmt,",
    );
    let line = [
        "run", "group-by", "--fields", "a,b", "--by", "a", &prose, "-o", "-",
    ];
    run(line)
        .code(2)
        .says("write --parse csv or --parse tsv with it");
    let line = "time:2025-03-03T10:00:00Z\thost:1.2.3.4\tx-host:b\tstatus:200\n".repeat(3);
    let ltsv = put(folder.path(), "ltsv", line.as_bytes());
    let words = ["run", "group-by", "--by", "host,status", &ltsv, "-o", "-"];
    let ended = run(words).code(0).says("--parse ltsv");
    assert_eq!(ended.stdout, "1.2.3.4\t200\t3\n");
    let empty = put(folder.path(), "empty", b"");
    let ended = run(["run", "group-by", &empty, "-o", "-"]).code(0);
    assert_eq!(ended.stdout, "0\n");
}

#[test]
fn streams_are_read_whole_after_they_were_looked_into() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut text = String::from("n,square\n");
    for number in 0..30_000 {
        text += &format!("{number},\"{}\"\n", number * number);
    }
    for (name, bytes) in [
        ("plain", text.clone().into_bytes()),
        ("gz", gzip(text.as_bytes())),
    ] {
        let file = put(folder.path(), name, &bytes);
        let words = [
            "run", "group-by", "-q", "--sum", "n,square", "--max", "n", "-o", "-",
        ];
        let expected = "30000\t449985000\t8999550005000\t29999\t0\t0\n";
        let stdin = std::fs::File::open(&file).expect("a file");
        let mut cat = std::process::Command::new("cat")
            .stdin(stdin)
            .stdout(Stdio::piped())
            .spawn()
            .expect("cat starts");
        let piped = cat.stdout.take().expect("a pipe");
        let output = gristmill()
            .args(words)
            .arg("-")
            .stdin(piped)
            .output()
            .expect("it starts");
        assert_eq!(Ended::of(output).code(0).stdout, expected, "{name}");
        assert!(cat.wait().expect("cat ends").success());
        // And one that has a name.
        let fifo = folder.path().join(format!("{name}.fifo"));
        let made = std::process::Command::new("mkfifo").arg(&fifo).status();
        assert!(made.expect("mkfifo starts").success());
        let mut cat = std::process::Command::new("sh")
            .args(["-c", "cat \"$0\" > \"$1\"", &file])
            .arg(&fifo)
            .spawn()
            .expect("sh starts");
        let output = gristmill()
            .args(words)
            .arg(&fifo)
            .output()
            .expect("it starts");
        assert_eq!(Ended::of(output).code(0).stdout, expected, "{name}");
        assert!(cat.wait().expect("cat ends").success());
    }
}

#[test]
fn a_field_that_no_record_has_ends_with_the_nearest_that_exists() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let json = put(
        folder,
        "app.jsonl",
        b"{\"level\":\"info\",\"request\":{\"host\":\"a\"}}\n{\"level\":null,\"took\":1}\n{\n",
    );
    let csv = put(folder, "a.csv", CSV.as_bytes());
    let allow = ["--allow-quarantine", "1"];
    for (words, warned) in [
        (
            &["--by", "levl", "--sum", "took", &json][..],
            &["`levl`; the nearest is `level`"][..],
        ),
        (
            &["--where", "exists Took or host = a or user.id = 1", &json],
            &[
                "`Took`; the nearest is `took`",
                "`host`; the nearest is `request.host`",
                "`user.id`; the first document has level, request.host, took",
            ],
        ),
        (
            &["--parse", "csv", "--by", "levle,took", &csv],
            &["`levle`; the nearest is `level`"],
        ),
        (
            &["--by", "level,request.host", "--where", "took > 5", &json],
            &[],
        ),
    ] {
        let line = [&["run", "group-by", "-o", "-"], &allow[..], words].concat();
        let said = run(line).code(0).stderr;
        let warnings: Vec<&str> = said
            .lines()
            .filter(|line| line.starts_with("warning"))
            .collect();
        assert_eq!(warnings.len(), warned.len(), "{words:?}: {said}");
        for (warning, end) in warnings.iter().zip(warned) {
            let expected = format!("warning: no record has the field {end}");
            assert_eq!(*warning, expected, "{words:?}");
        }
    }
    // A stream cannot be looked into again, unless it was at the beginning.
    for (parse, warned) in [
        (
            "auto",
            "no record has the field `levl`; the nearest is `level`\n",
        ),
        ("json", "no record has the field `levl`\n"),
    ] {
        let output = gristmill()
            .args([
                "run", "group-by", "--by", "levl", "--parse", parse, "-", "-o", "-",
            ])
            .args(allow)
            .stdin(std::fs::File::open(&json).expect("a file"))
            .output()
            .expect("it starts");
        Ended::of(output).code(0).says(warned);
    }
    let empty = put(folder, "empty", b"");
    let said = run(["run", "group-by", "--by", "x", &empty, "-o", "-"])
        .code(0)
        .stderr;
    assert!(!said.contains("warning"), "{said}");
}

#[test]
fn fields_tells_what_a_log_holds() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = format!(
        "{}{{\n",
        "{\"a\":{\"b\":1},\"c\":\"x\"}\n{\"a\":{\"b\":\"2\"}}\n".repeat(2)
    );
    let json = put(folder.path(), "app.jsonl.gz", &gzip(text.as_bytes()));
    let told = run(["fields", &json]).code(0);
    assert_eq!(
        told.stdout,
        "FIELD\tRECORDS\tSHARE\tTYPES\tEXAMPLES\n\
         a.b\t4\t100.0%\tnumber\t1 | 2\n\
         c\t2\t50.0%\ttext\tx\n"
    );
    let said = format!(
        "4 records of {json} (--parse json); 1 could not be read: not JSON: it ends where a key should \
         begin\n"
    );
    assert!(
        told.stderr.starts_with(&said[..said.len() - 30]),
        "{}",
        told.stderr
    );
    let csv = put(folder.path(), "a.csv", CSV.as_bytes());
    let told = run(["fields", "-q", &csv]).code(0);
    assert!(
        told.stdout.ends_with(
            "level\t2\t100.0%\ttext\tinfo | warn\ntook\t2\t100.0%\tnumber, text\t1 | 2\\x0A\n"
        ),
        "{}",
        told.stdout
    );
    assert_eq!(told.stderr, "");
    let prose = put(
        folder.path(),
        "prose",
        b"It was a dark night,\nand so on.\n",
    );
    run(["fields", &prose])
        .code(2)
        .says("write --parse and one of");
    let told = run(["fields", "--parse", "regex:^(?P<word>[a-zA-Z]+)", &prose]).code(0);
    assert!(
        told.stdout.ends_with("word\t2\t100.0%\ttext\tIt | and\n"),
        "{}",
        told.stdout
    );
    let empty = put(folder.path(), "empty", b"");
    run(["fields", &empty])
        .code(1)
        .says("there is no text in what was named");
}

#[test]
fn json_of_several_lines_has_a_way_out_and_a_header_alone_is_a_day_without_rows() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let pretty = put(folder, "p.json", b"[\n  {\n    \"k\": 1\n  }\n]\n");
    run(["run", "group-by", "--by", "k", &pretty])
        .code(2)
        .says("jq -c '.[]'");
    let list = put(folder, "l.json", b"[{\"k\":1},{\"k\":2}]");
    run(["fields", &list]).code(2).says("jq -c '.[]'");
    let semicolons = put(folder, "s.csv", b"k;n\n1;2,5\n3;4\n");
    let ended = run(["run", "group-by", "--by", "n", &semicolons, "-o", "-"]).code(0);
    assert_eq!(ended.stdout, "2,5\t1\n4\t1\n");
    let header = put(folder, "h.csv", b"k,n\n");
    let ended = run(["run", "group-by", "--by", "k", &header]).code(0);
    assert_eq!(ended.stdout, "");
    // A header is a record of its document.
    ended.says("1 record from 1 source");
    // It may be anything.
    run(["run", "group-by", "--by", "x", &header]).code(2);
}
