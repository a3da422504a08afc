//! Jobs over object storage: the real binary, and an S3 server in this process.

use std::fs;
use std::path::Path;
use std::process::Command;

use gristmill_teststore::{Fault, KEY, Proxy, SECRET, Server};

use crate::gristmill::{Ended, gristmill};

const BUCKET: &str = "data";

/// A command line of a user of this server, and of nothing else that this machine has.
fn user(endpoint: &str) -> Command {
    let mut command = gristmill();
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("AWS_") {
            command.env_remove(name);
        }
    }
    command
        .env("HOME", "/nonexistent")
        .env("AWS_ACCESS_KEY_ID", KEY)
        .env("AWS_SECRET_ACCESS_KEY", SECRET)
        .env("AWS_ENDPOINT_URL", endpoint);
    command
}

fn run(endpoint: &str, words: &[&str]) -> Ended {
    Ended::of(
        user(endpoint)
            .args(words)
            .output()
            .expect("the binary starts"),
    )
}

/// The samples' logs as objects.
fn server() -> Server {
    let server = Server::start(BUCKET);
    let logs = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/logs");
    for entry in fs::read_dir(logs).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        server.put(BUCKET, &format!("logs/{name}"), fs::read(&path).unwrap());
    }
    server
}

#[test]
fn a_job_over_a_bucket_is_the_job_over_the_files() {
    let server = server();
    let at = server.endpoint();
    let samples = concat!(env!("CARGO_MANIFEST_DIR"), "/samples/logs");
    for words in [
        &["run", "access-log", "--by", "status"][..],
        &["run", "grep", "-c", "POST"],
        &["run", "word-count", "--top", "20"],
    ] {
        let all = |input: &'static str| [words, &[input]].concat();
        let there = run(&at, &all("s3://data/logs"));
        let here = run(&at, &all(samples));
        assert_eq!(
            (there.code, &there.stdout),
            (here.code, &here.stdout),
            "{there:?}"
        );
        assert!(!there.stdout.is_empty());
    }
    let fields = run(
        &at,
        &[
            "fields",
            "--parse",
            "combined",
            "s3://data/logs/*-01.log.gz",
        ],
    );
    let fields = fields
        .code(0)
        .says("s3://data/logs/access-2025-03-01.log.gz");
    assert!(fields.stdout.contains("status"), "{fields:?}");
    let dry = run(&at, &["run", "wc", "--dry-run", "s3://data/logs/"]).code(0);
    assert!(
        dry.stdout.contains("gzip\t") && dry.stdout.contains("6 sources"),
        "{dry:?}"
    );
}

#[test]
fn an_output_goes_to_a_bucket_and_holds() {
    let server = server();
    let at = server.endpoint();
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let words = |output| {
        let job = [
            "run",
            "access-log",
            "--by",
            "path",
            "--partitions",
            "3",
            "s3://data/logs",
        ];
        [&job[..], &["-o", output]].concat()
    };
    run(&at, &words(out.to_str().unwrap())).code(3);
    run(&at, &words("s3://data/results/today/"))
        .code(3)
        .says("s3://data/results/today/part-00002");
    let keys = server.keys(BUCKET);
    let written: Vec<&String> = keys
        .iter()
        .filter(|key| key.starts_with("results/"))
        .collect();
    assert_eq!(written.len(), 6, "{written:?}");
    for key in written {
        let name = key.rsplit('/').next().unwrap();
        assert_eq!(
            server.get(BUCKET, key).unwrap(),
            fs::read(out.join(name)).unwrap(),
            "{key}"
        );
    }
    assert_eq!(server.open_uploads(), 0);
    let verify = &["verify", "s3://data/results/today", "s3://data/logs"][..];
    run(&at, verify).code(0).says("recounted from the inputs");
    // What is there stays, unless it is an output and may be replaced.
    run(&at, &words("s3://data/results/today"))
        .code(2)
        .says("is not empty");
    run(
        &at,
        &[&words("s3://data/results/today")[..], &["--force"]].concat(),
    )
    .code(3);
    run(&at, verify).code(0);
    run(&at, &[&words("s3://data/logs")[..], &["--force"]].concat())
        .code(2)
        .says("which no manifest of an earlier output lists");
    // Below the inputs it is no input of the next run.
    let below = [&words("s3://data/logs/out")[..], &["--force"]].concat();
    for _ in 0..2 {
        run(&at, &below).code(3);
        for key in server.keys(BUCKET) {
            if let Some(name) = key.strip_prefix("logs/out/part-") {
                let same = fs::read(out.join(format!("part-{name}"))).unwrap();
                assert_eq!(server.get(BUCKET, &key).unwrap(), same, "{key}");
            }
        }
        run(&at, &["verify", "s3://data/logs/out", "s3://data/logs"]).code(0);
    }
    server.put(BUCKET, "results/today/part-00001.tsv", "other");
    run(&at, verify).code(1).says("part-00001.tsv: 5 bytes");
    server.remove(BUCKET, "results/today/manifest.json");
    run(&at, verify).code(1).says("there is no manifest.json");
}

#[test]
fn an_output_in_a_bucket_has_a_page() {
    let server = server();
    let at = server.endpoint();
    let folder = tempfile::tempdir().unwrap();
    let here = |words: &[&str]| {
        let mut command = user(&at);
        command.args(words).current_dir(folder.path());
        Ended::of(command.output().expect("the binary starts"))
    };
    let job = [
        "run",
        "access-log",
        "--by",
        "path",
        "--compress",
        "zst",
        "--partitions",
        "2",
    ];
    here(
        &[
            &job[..],
            &["s3://data/logs", "-o", "s3://data/results/today"],
        ]
        .concat(),
    )
    .code(3);
    here(&[&job[..], &["s3://data/logs", "-o", "out"]].concat()).code(3);
    let there = here(&["report", "s3://data/results/today/"]).code(0);
    there.says("today.report.html");
    let page = fs::read(folder.path().join("today.report.html")).unwrap();
    here(&["report", "out"]).code(0);
    assert!(page == fs::read(folder.path().join("out.report.html")).unwrap());
    // What is there stays.
    here(&["report", "s3://data/results/today"])
        .code(2)
        .says("--force");
    let printed = here(&["report", "s3://data/results/today", "-o", "-"]).code(0);
    assert_eq!(printed.stdout.as_bytes(), page);
    here(&["report", "s3://data/nothing"])
        .code(1)
        .says("there is no manifest.json");
    server.put(BUCKET, "results/today/part-00001.tsv.zst", "other");
    let forged = here(&["report", "s3://data/results/today", "-o", "-"]).code(1);
    assert!(forged.stdout.contains("part-00001.tsv.zst: 5 bytes"));
    assert!(!folder.path().join("nothing.report.html").exists());
}

#[test]
fn a_large_part_goes_up_in_parts_and_what_breaks_is_sent_again() {
    let server = Server::start(BUCKET);
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("text");
    let line = |n: u64| format!("{:x} line\n", n.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    fs::write(&text, (0..900_000).map(line).collect::<String>()).unwrap();
    let proxy = Proxy::start(server.address(), |number, line| match number % 5 {
        // An upload that arrived, though nobody heard of it.
        1 if line.starts_with("PUT") || line.starts_with("POST") => Fault::Cut(0),
        3 => Fault::Status(503),
        _ => Fault::None,
    });
    let words = [
        "run",
        "grep",
        "line",
        text.to_str().unwrap(),
        "-o",
        "s3://data/out",
    ];
    run(&proxy.endpoint(), &words).code(0);
    assert!(server.get(BUCKET, "out/part-00000.txt").unwrap() == fs::read(&text).unwrap());
    assert_eq!(server.open_uploads(), 0);
    run(&server.endpoint(), &["verify", "s3://data/out"]).code(0);
    assert!(
        proxy
            .requests()
            .iter()
            .any(|line| line.contains("partNumber=2"))
    );
}

#[test]
fn an_interrupted_upload_leaves_no_output() {
    let server = server();
    // The second file is never taken.
    let proxy = Proxy::start(server.address(), |_, line| {
        match line.contains("sources.jsonl") && line.starts_with("PUT") {
            true => Fault::Status(400),
            false => Fault::None,
        }
    });
    let words = [
        "run",
        "grep",
        "-c",
        "GET",
        "s3://data/logs",
        "-o",
        "s3://data/out",
    ];
    run(&proxy.endpoint(), &words)
        .code(1)
        .says("s3://data/out: sources.jsonl: the server answers 400");
    let left: Vec<String> = (server.keys(BUCKET).into_iter())
        .filter(|key| key.starts_with("out"))
        .collect();
    assert_eq!(left, [""; 0]);
    // One that was killed left its claim, which another run names and takes over when it may.
    server.put(BUCKET, "out/part-00000.txt", "half");
    server.put(
        BUCKET,
        "out/.gristmill-claim.json",
        r#"{"files": ["part-00000.txt"]}"#,
    );
    run(&server.endpoint(), &words)
        .code(2)
        .says("is claimed by another run");
    run(&server.endpoint(), &[&words[..], &["--force"]].concat()).code(0);
    run(&server.endpoint(), &["verify", "s3://data/out"]).code(0);
}

#[test]
fn a_store_that_ignores_conditions_is_refused_by_name() {
    let server = server();
    server.ignore_conditions();
    let words = [
        "run",
        "grep",
        "-c",
        "GET",
        "s3://data/logs",
        "-o",
        "s3://data/out",
    ];
    run(&server.endpoint(), &words)
        .code(1)
        .says("s3://data/out: it replaces")
        .says("If-None-Match");
    assert!(
        server
            .keys(BUCKET)
            .iter()
            .all(|key| key.starts_with("logs/"))
    );
}

#[test]
fn nothing_secret_is_said() {
    let server = server();
    let at = server.endpoint();
    let missing = run(&at, &["run", "wc", "--verbose", "s3://nowhere/logs"]);
    let missing = missing
        .code(1)
        .says("s3://nowhere/logs: there is no such bucket");
    assert!(
        !missing.stderr.contains(SECRET) && !missing.stderr.contains(KEY),
        "{missing:?}"
    );
    let none = user(&at)
        .env_remove("AWS_ACCESS_KEY_ID")
        .env_remove("AWS_SECRET_ACCESS_KEY")
        .env("AWS_METADATA_ENDPOINT", "http://127.0.0.1:9")
        .args(["run", "wc", "s3://data/logs"])
        .output();
    let begun = std::time::Instant::now();
    Ended::of(none.unwrap())
        .code(1)
        .says("no credentials: set AWS_ACCESS_KEY_ID");
    assert!(begun.elapsed().as_secs() < 15);
    let url = format!(
        "{}/data/logs?X-Amz-Signature=hushhush",
        at.replace("http://", "http://me:word@")
    );
    let refused = run(&at, &["run", "wc", &url]).code(1);
    assert!(
        !refused.stderr.contains("hush") && !refused.stderr.contains("word@"),
        "{refused:?}"
    );
}
