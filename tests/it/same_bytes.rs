//! I6: the output's bytes do not depend on threads, chunk sizes, partitions or the transport's
//! faults.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Parser;
use gristmill::args::{Cli, Command};
use gristmill::commands::exec;
use gristmill::pipeline::{Pipeline, Settings};
use gristmill_common::progress::Progress;
use gristmill_common::shutdown::Shutdown;
use gristmill_input::Plan;
use gristmill_jobs::transport::{Faulty, Transport};
use gristmill_mapper::{Host, Prepared};
use gristmill_reducer::{Destination, OutputDir};

use crate::{columns, corpus};

/// How one run of the matrix differs from the others.
#[derive(Clone, Copy, Debug)]
struct Variant {
    threads: usize,
    chunk_size: usize,
    partitions: u32,
    faults: Option<u64>,
    memory: u64,
}

const PLAIN: Variant = Variant {
    threads: 1,
    chunk_size: 1 << 20,
    partitions: 1,
    faults: None,
    memory: 512 << 20,
};

/// The files of one run by name.
type Files = BTreeMap<String, Vec<u8>>;

/// Runs a job: its files, and how many messages came twice.
fn run(words: &[&str], input: &Path, variant: Variant) -> (Files, u64) {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out");
    let partitions = variant.partitions.to_string();
    // Behind the kind, because a command of `exec` ends with the inputs.
    let mut line = [
        "gristmill",
        "run",
        words[0],
        "--partitions",
        &partitions,
        "-o",
    ]
    .map(PathBuf::from)
    .to_vec();
    line.push(out.clone());
    line.extend(words[1..].iter().map(PathBuf::from));
    line.push(input.to_owned());
    let Command::Run(typed) = Cli::try_parse_from(&line).expect("a command line").command else {
        panic!("a run");
    };
    let job = typed.into_job().expect("a job");
    let settings = Settings {
        threads: NonZeroUsize::new(variant.threads).expect("threads"),
        memory: variant.memory,
        chunk_size: variant.chunk_size,
        tmp: folder.path().to_owned(),
        large: None,
        max_expanded: None,
    };
    let plan = Plan::new(&job.inputs, &job.spec, variant.chunk_size).expect("a plan");
    let queues = settings.queues(&job.spec);
    let transport = match variant.faults {
        None => Transport::Embedded(queues),
        Some(seed) => Transport::Faulty(Faulty::new(queues, seed)),
    };
    let destination = Destination::Dir(OutputDir::open(&out, false).expect("an output folder"));
    let host = Host {
        gristmill: env!("CARGO_BIN_EXE_gristmill").into(),
        tmp: folder.path().to_owned(),
        programs: variant.threads,
        ..Host::here()
    };
    let pipeline = Pipeline {
        spec: &job.spec,
        plan: &plan,
        prepared: Arc::new(Prepared::on(&job.spec, job.files, &host).expect("options")),
        reducer: exec::reducer(&job.spec, &host).expect("the reduce program"),
        transport: &transport,
        settings: &settings,
        progress: &Arc::new(Progress::default()),
        shutdown: &Shutdown::new(),
    };
    let report = pipeline
        .run(destination)
        .unwrap_or_else(|error| panic!("{words:?} {variant:?}: {error}"));
    let files = std::fs::read_dir(&out)
        .expect("an output folder")
        .map(|entry| entry.expect("an entry").path())
        .map(|path| {
            let name = path
                .file_name()
                .expect("a name")
                .to_string_lossy()
                .into_owned();
            (name, std::fs::read(&path).expect("a file"))
        });
    (files.collect(), report.duplicates)
}

/// The parts as the one-part output: concatenated, or merged by key.
fn one_part(files: &Files, by_key: bool) -> Vec<u8> {
    let parts = files
        .iter()
        .filter(|(name, _)| name.starts_with("part-"))
        .map(|(_, bytes)| &bytes[..]);
    let joined = parts.collect::<Vec<_>>().concat();
    if !by_key {
        return joined;
    }
    let mut lines: Vec<&[u8]> = joined.split_inclusive(|&byte| byte == b'\n').collect();
    lines.sort_by_key(|line| line.split(|&byte| byte == b'\t').next().map(<[u8]>::to_vec));
    lines.concat()
}

fn matrix(words: &[&str], input: &Path, by_key: bool) {
    let mut variants = Vec::new();
    for threads in [1, 2, 7] {
        for chunk_size in [4 << 10, 64 << 10, 1 << 20] {
            for partitions in [1, 3] {
                for faulty in [false, true] {
                    variants.push(Variant {
                        threads,
                        chunk_size,
                        partitions,
                        faults: faulty.then_some(variants.len() as u64 + 1),
                        memory: 512 << 20,
                    });
                }
            }
        }
    }
    // Memory so small that everything spills.
    variants.push(Variant {
        threads: 2,
        chunk_size: 4 << 10,
        memory: 1 << 16,
        ..PLAIN
    });
    // Several threads merge, with little memory each.
    variants.push(Variant {
        threads: 7,
        chunk_size: 4 << 10,
        memory: 4 << 20,
        ..PLAIN
    });
    all_same(words, input, by_key, &variants);
}

fn all_same(words: &[&str], input: &Path, by_key: bool, variants: &[Variant]) {
    let (plain, _) = run(words, input, PLAIN);
    assert!(plain.contains_key("manifest.json") && plain.contains_key("sources.jsonl"));
    let expected = one_part(&plain, false);
    assert!(!expected.is_empty(), "{words:?} gave nothing");
    let mut manifests = BTreeMap::new();
    let mut duplicates = 0;
    for &variant in variants {
        let (files, twice) = run(words, input, variant);
        duplicates += twice;
        let context = format!("{words:?} {variant:?}");
        assert!(
            one_part(&files, by_key && variant.partitions > 1) == expected,
            "{context}: parts differ"
        );
        for name in ["quarantine.jsonl", "sources.jsonl"] {
            assert_eq!(files[name], plain[name], "{context}: {name}");
        }
        let manifest = manifests
            .entry(variant.partitions)
            .or_insert_with(|| files["manifest.json"].clone());
        assert!(
            *manifest == files["manifest.json"],
            "{context}: manifest.json differs"
        );
    }
    // Threads decide which message gets which roll of the dice: a run with few chunks may have no
    // duplicate, all runs together may not.
    assert!(duplicates > 0, "{words:?}: the transport made no duplicate");
}

fn on_logs(words: &[&str], by_key: bool) {
    let folder = tempfile::tempdir().expect("a folder");
    corpus::logs(&folder.path().join("logs"));
    matrix(words, &folder.path().join("logs"), by_key);
}

fn on_texts(words: &[&str], by_key: bool) {
    let folder = tempfile::tempdir().expect("a folder");
    corpus::texts(&folder.path().join("texts"));
    matrix(words, &folder.path().join("texts"), by_key);
}

#[test]
fn i6_word_count() {
    on_texts(&["word-count"], true);
}

#[test]
fn i6_word_count_ascii_top() {
    on_texts(&["word-count", "--words", "ascii", "--top", "7"], false);
}

#[test]
fn i6_word_count_of_paragraphs_in_utf8_only() {
    on_texts(
        &[
            "word-count",
            "--records",
            "paragraphs",
            "--encoding-errors",
            "quarantine",
        ],
        true,
    );
}

#[test]
fn i6_grep() {
    on_logs(&["grep", "-n", "-H", "robots|50[0-9]"], false);
}

#[test]
fn i6_grep_count() {
    on_logs(&["grep", "-c", "-H", "GET"], false);
    on_logs(&["grep", "-c", "GET"], false);
}

#[test]
fn i6_access_log() {
    on_logs(
        &["access-log", "--by", "status", "--distinct", "host"],
        true,
    );
}

#[test]
fn i6_access_log_top() {
    on_logs(
        &[
            "access-log",
            "--by",
            "path,status",
            "--where",
            "method != POST",
            "--top",
            "5",
        ],
        false,
    );
}

fn on_json(words: &[&str], by_key: bool) {
    let folder = tempfile::tempdir().expect("a folder");
    corpus::json_logs(&folder.path().join("logs"));
    matrix(words, &folder.path().join("logs"), by_key);
}

#[test]
fn i6_group_by() {
    on_json(
        &[
            "group-by",
            "--parse",
            "json",
            "--by",
            "request.host",
            "--sum",
            "bytes,took",
            "--quantiles",
            "took:0.5,0.95",
        ],
        true,
    );
}

#[test]
fn i6_group_by_of_columns_that_a_header_names() {
    for (format, by, sum) in [
        ("csv", "country,name", "amount"),
        ("tsv", "name", "amount"),
        ("w3c", "cs-uri-stem,sc-status", "time-taken"),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        columns::folder(&folder.path().join("logs"), format);
        let words = [
            "group-by",
            "--parse",
            format,
            "--by",
            by,
            "--sum",
            sum,
            "--distinct",
            "day",
            "--encoding-errors",
            "quarantine",
            // One part file, in order, whatever the partitions.
            "--top",
            "100000",
        ];
        matrix(&words, &folder.path().join("logs"), false);
    }
}

#[test]
fn i6_group_by_of_server_logs() {
    on_logs(
        &[
            "group-by",
            "--parse",
            "access-log",
            "--by",
            "status",
            "--sum",
            "bytes",
            "--distinct",
            "time:hour",
        ],
        true,
    );
}

#[test]
fn i6_group_by_top() {
    on_json(
        &[
            "group-by",
            "--parse",
            "json",
            "--by",
            "level,request.host",
            "--min",
            "bytes",
            "--avg",
            "took",
            "--distinct",
            "user,ts:day",
            "--where",
            "status in (200, 404) and exists request.headers",
            "--top",
            "5",
            "--top-by",
            "distinct_user",
            "--first",
            "ts,request.host",
            "--last",
            "user,ts",
            "--having",
            "hits > 3",
            "--format",
            "csv",
            "--header",
        ],
        false,
    );
}

#[test]
fn i6_wc() {
    on_texts(&["wc"], false);
}

#[test]
fn i6_extract() {
    on_texts(&["extract"], false);
}

#[test]
fn i6_pos() {
    on_texts(&["pos"], false);
    on_texts(
        &[
            "pos",
            "--tokenized",
            "--format",
            "jsonl",
            "--tagset",
            "universal",
        ],
        false,
    );
}

#[test]
fn i6_pos_conllu() {
    on_texts(&["pos", "--records", "lines", "--format", "conllu"], false);
}

#[test]
fn i6_exec_of_a_filter() {
    let line = "NR == 1 { print \"piece\" } { print NR, $1 } /nonsense/ && NR % 7 == 3 { exit 5 }";
    on_logs(
        &[
            "exec", "--each", "chunk", "--piece", "16KiB", "--", "awk", line, ":::",
        ],
        false,
    );
}

#[test]
fn i6_exec_of_documents() {
    on_texts(
        &[
            "exec",
            "--each",
            "document",
            "--ok-exit",
            "0,1",
            "--",
            "grep",
            "-c",
            "mill",
            ":::",
        ],
        false,
    );
}

/// Each variant starts interpreters for its threads and for the record that kills them, so there
/// are few: every number of threads with small and large chunks, every other one over a faulty
/// transport.
#[test]
fn i6_exec_of_a_python_function() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("tag.py");
    let code = r"
import os

def tag(text):
    if 'garbage' in text: raise ValueError(text)
    if text == 'kill': os._exit(0)
    if 'bob' in text: return None
    return [text[:20].upper(), {'n': len(text)}]
";
    std::fs::write(&file, code).expect("a file");
    let logs = folder.path().join("logs");
    corpus::logs(&logs);
    let mut deadly = corpus::log(5, 300);
    deadly.push_str("kill\n");
    deadly.push_str(&corpus::log(6, 300));
    std::fs::write(logs.join("deadly.log"), deadly).expect("a file");
    let function = format!("{}:tag", file.display());
    let words = ["exec", "--python", &function];
    let (files, _) = run(&words, &logs, PLAIN);
    let set_aside = String::from_utf8_lossy(&files["quarantine.jsonl"]).into_owned();
    let killed = |line: &&str| line.contains("ended before it had answered, exit status 0");
    assert_eq!(set_aside.lines().filter(killed).count(), 1, "{set_aside}");
    let mut variants = Vec::new();
    for threads in [1, 2, 7] {
        for chunk_size in [4 << 10, 64 << 10] {
            let number = variants.len() as u64;
            variants.push(Variant {
                threads,
                chunk_size,
                partitions: if threads == 2 { 3 } else { 1 },
                faults: number.is_multiple_of(2).then_some(number),
                memory: 512 << 20,
            });
        }
    }
    // The small chunks of every number of threads come over a faulty transport; so do large ones.
    variants.push(Variant {
        threads: 2,
        chunk_size: 64 << 10,
        faults: Some(7),
        ..PLAIN
    });
    all_same(&words, &logs, false, &variants);
}

#[test]
fn i6_exec_of_a_mapper_with_a_table() {
    on_texts(
        &[
            "exec",
            "--map",
            "tr -s [:space:] \\n",
            "--reduce",
            "count",
            "--piece",
            "64KiB",
        ],
        true,
    );
}

/// The values are numbered within their piece, so that any other order would show; a combiner that
/// joins the first two of a key keeps that so.
#[test]
fn i6_exec_of_a_mapper_and_a_reducer() {
    let map = r#"while (<STDIN>) { $n++; my @w = split; for (splice @w, 0, 3) { print substr($_, 0, 40), "\t$n\n" } }"#;
    let join = r#"my $last; while (<STDIN>) { chomp; my ($key, $value) = split /\t/, $_, 2;
if (defined $last && $key eq $last) { print " $value" } else { print "\n" if defined $last; print "$key\t$value" }
$last = $key } print "\n" if defined $last;"#;
    let folder = tempfile::tempdir().expect("a folder");
    let script = |name: &str, body: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, format!("#!/usr/bin/perl\n{body}\n")).expect("a script");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).expect("a mode");
        path.display().to_string()
    };
    let (map, join) = (script("map.pl", map), script("join.pl", join));
    let words = [
        "exec",
        "--map",
        &map,
        "--reduce",
        &join,
        "--combine",
        &join,
        "--piece",
        "64KiB",
    ];
    let texts = folder.path().join("texts");
    corpus::texts(&texts);
    let mut variants = Vec::new();
    for threads in [1, 2, 7] {
        let number = threads as u64;
        variants.push(Variant {
            threads,
            chunk_size: if threads == 2 { 4 << 10 } else { 64 << 10 },
            partitions: if threads == 7 { 3 } else { 1 },
            faults: Some(number),
            memory: if threads == 1 { 16 << 20 } else { 512 << 20 },
        });
    }
    all_same(&words, &texts, true, &variants);
}

#[test]
fn i6_exec_of_files_in_a_tar() {
    let folder = tempfile::tempdir().expect("a folder");
    let texts = folder.path().join("texts");
    corpus::texts(&texts);
    let words = [
        "exec", "--each", "document", "--out", "file", "--", "tr", "a-z", "A-Z", ":::",
    ];
    let variant = Variant {
        threads: 7,
        chunk_size: 4 << 10,
        faults: Some(3),
        memory: 16 << 20,
        ..PLAIN
    };
    let another = Variant {
        chunk_size: 64 << 10,
        faults: Some(4),
        ..variant
    };
    all_same(&words, &texts, false, &[variant, another]);
}
