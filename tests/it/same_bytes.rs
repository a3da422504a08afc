//! I6: the output's bytes do not depend on threads, chunk sizes, partitions or the transport's
//! faults.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Parser;
use gristmill::args::{Cli, Command};
use gristmill::pipeline::{Pipeline, Settings};
use gristmill_common::progress::Progress;
use gristmill_common::shutdown::Shutdown;
use gristmill_input::Plan;
use gristmill_jobs::transport::{Faulty, Transport};
use gristmill_mapper::Prepared;
use gristmill_reducer::{Destination, OutputDir};

use crate::corpus;

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

fn run(words: &[&str], input: &Path, variant: Variant) -> Files {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out");
    let partitions = variant.partitions.to_string();
    let mut line: Vec<PathBuf> = ["gristmill", "run"]
        .iter()
        .chain(words)
        .map(PathBuf::from)
        .collect();
    line.extend(["--partitions", &partitions, "-o"].map(PathBuf::from));
    line.extend([out.clone(), input.to_owned()]);
    let Command::Run(typed) = Cli::try_parse_from(&line).expect("a command line").command else {
        panic!("a run");
    };
    let job = typed.into_job().expect("a job");
    let settings = Settings {
        threads: NonZeroUsize::new(variant.threads).expect("threads"),
        memory: variant.memory,
        chunk_size: variant.chunk_size,
        tmp: folder.path().to_owned(),
        max_expanded: None,
    };
    let plan = Plan::new(&job.inputs, &job.spec, variant.chunk_size).expect("a plan");
    let queues = settings.queues(&job.spec);
    let transport = match variant.faults {
        None => Transport::Embedded(queues),
        Some(seed) => Transport::Faulty(Faulty::new(queues, seed)),
    };
    let destination = Destination::Dir(OutputDir::open(&out, false).expect("an output folder"));
    let pipeline = Pipeline {
        spec: &job.spec,
        plan: &plan,
        prepared: Arc::new(Prepared::new(&job.spec).expect("options")),
        transport: &transport,
        settings: &settings,
        progress: &Arc::new(Progress::default()),
        shutdown: &Shutdown::new(),
    };
    let report = pipeline
        .run(destination)
        .unwrap_or_else(|error| panic!("{words:?} {variant:?}: {error}"));
    // Enough messages that a seed without any duplicate would be a broken transport.
    if let Some(seed) = variant.faults
        && report.totals.sources > 4
        && variant.chunk_size == 4 << 10
    {
        assert!(report.duplicates > 0, "seed {seed} made no duplicate");
    }
    std::fs::read_dir(&out)
        .expect("an output folder")
        .map(|entry| entry.expect("an entry").path())
        .map(|path| {
            let name = path
                .file_name()
                .expect("a name")
                .to_string_lossy()
                .into_owned();
            (name, std::fs::read(&path).expect("a file"))
        })
        .collect()
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
    let plain = run(words, input, PLAIN);
    assert!(plain.contains_key("manifest.json") && plain.contains_key("sources.jsonl"));
    let expected = one_part(&plain, false);
    assert!(!expected.is_empty(), "{words:?} gave nothing");
    let mut manifests = BTreeMap::new();
    let mut seed = 0;
    for threads in [1, 2, 7] {
        for chunk_size in [4 << 10, 64 << 10, 1 << 20] {
            for partitions in [1, 3] {
                for faulty in [false, true] {
                    seed += 1;
                    let faults = faulty.then_some(seed);
                    let variant = Variant {
                        threads,
                        chunk_size,
                        partitions,
                        faults,
                        memory: 512 << 20,
                    };
                    let files = run(words, input, variant);
                    let context = format!("{words:?} {variant:?}");
                    assert!(
                        one_part(&files, by_key && partitions > 1) == expected,
                        "{context}: parts differ"
                    );
                    for name in ["quarantine.jsonl", "sources.jsonl"] {
                        assert_eq!(files[name], plain[name], "{context}: {name}");
                    }
                    let manifest = manifests
                        .entry(partitions)
                        .or_insert_with(|| files["manifest.json"].clone());
                    assert!(
                        *manifest == files["manifest.json"],
                        "{context}: manifest.json differs"
                    );
                }
            }
        }
    }
    // Memory so small that everything spills.
    let small = Variant {
        threads: 2,
        chunk_size: 4 << 10,
        memory: 1 << 16,
        ..PLAIN
    };
    assert!(
        one_part(&run(words, input, small), false) == expected,
        "{words:?}: spilling changes the parts"
    );
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
