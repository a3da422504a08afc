//! Jobs whose compressed files travel as they are (`--send files`): the bytes are those of
//! `gristmill run`, whoever dies at whatever place, and mappers open no file.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use flate2::Compression;
use flate2::write::GzEncoder;
use gristmill_common::crash;

use crate::cluster::{Cluster, assert_same, expected, text, until};
use crate::corpus;

/// A job's words after its kind.
const FILES: &[&str] = &["--send", "files", "--chunk-size", "16KiB"];
/// The words of a mapper with one thread, which may read no folder.
const MAPPER: &[&str] = &["map", "--threads", "1"];

/// Compressed texts and archives that fit a message, plain texts, damage, and what is no text.
fn inputs(cluster: &Cluster) -> PathBuf {
    let folder = cluster.folder.path().join("inputs");
    corpus::logs(&folder.join("logs"));
    corpus::texts(&folder.join("texts"));
    let texts = folder.join("texts");
    for seed in 0..4 {
        let packed = corpus::gzip(corpus::prose(seed, 150_000).as_bytes());
        std::fs::write(texts.join(format!("packed-{seed}.gz")), packed).expect("a file");
    }
    std::fs::write(texts.join("plain.txt"), corpus::prose(5, 200_000)).expect("a file");
    let whole = std::fs::read(texts.join("packed-0.gz")).expect("a file");
    std::fs::write(texts.join("torn.gz"), &whole[..whole.len() / 2]).expect("a file");
    std::fs::write(texts.join("picture.png"), b"\x89PNG\r\n\x1a\n\0\0\0\0").expect("a file");
    std::fs::write(texts.join("empty"), b"").expect("a file");
    let mut tar = Command::new("tar");
    tar.args(["-cf", "some.tar", "packed-1.gz", "plain.txt"]);
    let made = tar.current_dir(&texts).status().expect("tar");
    assert!(made.success());
    folder
}

fn produce<'a>(words: &[&'a str], input: &'a Path, job: &'a str) -> Vec<&'a str> {
    let mut line = vec!["produce"];
    line.extend(words);
    line.extend(FILES);
    line.extend(["--allow-quarantine", "100%"]);
    line.extend([text(input), "--job", job, "--wait"]);
    line
}

#[test]
fn i6_files_give_the_bytes_of_run() {
    let cluster = Cluster::new();
    let folder = inputs(&cluster);
    let _mappers = [cluster.spawn(MAPPER), cluster.spawn(MAPPER)];
    let _reducers = [cluster.reducer(), cluster.reducer()];
    // It fits no message.
    let large = corpus::prose(9, 2_500_000);
    assert!(large.len() > 13 << 20);
    let path = folder.join("large/large.gz");
    std::fs::create_dir(folder.join("large")).expect("a folder");
    let file = File::create(&path).expect("a file");
    let mut stored = GzEncoder::new(file, Compression::none());
    stored.write_all(large.as_bytes()).expect("a text");
    stored.finish().expect("a gzip");
    let kinds: &[(&[&str], &str)] = &[
        (&["word-count"], "large"),
        (&["word-count"], "texts"),
        (&["wc"], "texts"),
        (&["extract"], "texts"),
        (&["grep", "-n", "-H", "robots|50[0-9]"], "logs"),
        (&["access-log", "--by", "path,status"], "logs"),
    ];
    for (number, (words, input)) in kinds.iter().enumerate() {
        let input = folder.join(input);
        for partitions in ["1", "3"] {
            let mut words = words.to_vec();
            words.extend(["--partitions", partitions]);
            let expected = expected(&words, &input);
            let job = format!("job-{number}-{partitions}");
            cluster.run(&produce(&words, &input, &job)).code(0);
            assert_same(&cluster.job(&job), &expected, &format!("{words:?}"));
            let output = cluster.results().join(&job);
            crate::gristmill::run(["verify".as_ref(), output.as_path(), &input]).code(0);
        }
    }
    cluster.until_clean();
}

#[test]
fn i3_a_mapper_killed_anywhere_costs_nothing() {
    let cluster = Cluster::new();
    let folder = inputs(&cluster);
    let input = folder.join("texts");
    let _reducer = cluster.reducer();
    for (kind, pattern) in [("word-count", None), ("grep", Some("a"))] {
        let mut words = vec![kind, "--partitions", "2"];
        words.extend(pattern);
        let expected = expected(&words, &input);
        for place in [
            "outcome-published",
            "outcome-published:7",
            "chunk-cut:4",
            "split-read",
            "split-read:2",
            "chunk-acknowledged:3",
        ] {
            let job = format!("{kind}-{}", place.replace(':', "-"));
            let producer = cluster.spawn(&produce(&words, &input, &job));
            let mut mapper = cluster.doomed(MAPPER, place);
            let status = mapper.wait();
            assert_eq!(status.signal(), Some(9), "{place}: {}", mapper.said());
            // What it had comes back as a suspect, and is read in a process of its own.
            let mapper = cluster.spawn(MAPPER);
            producer.ended().code(0);
            mapper.stop();
            assert_same(&cluster.job(&job), &expected, place);
        }
    }
    cluster.until_clean();
}

#[test]
fn a_producer_killed_while_it_sends_files_resumes() {
    let cluster = Cluster::new();
    let folder = inputs(&cluster);
    let input = folder.join("texts");
    let words = ["word-count", "--partitions", "2"];
    let expected = expected(&words, &input);
    let (_mapper, _reducer) = (cluster.spawn(MAPPER), cluster.reducer());
    for place in [
        "accepted",
        "chunk-published:2",
        "chunk-published:40",
        "before-split-complete",
        "before-split-complete:4",
        "before-sealed",
    ] {
        let job = place.replace(':', "-");
        let line = produce(&words, &input, &job);
        let mut producer = cluster.doomed(&line, place);
        let status = producer.wait();
        assert_eq!(status.signal(), Some(9), "{place}: {}", producer.said());
        cluster.run(&line).code(0);
        assert_same(&cluster.job(&job), &expected, place);
    }
    cluster.until_clean();
}

#[test]
fn a_record_that_kills_is_set_aside_in_a_file_that_came_along() {
    let cluster = Cluster::new();
    let folder = cluster.folder.path().join("inputs");
    std::fs::create_dir(&folder).expect("a folder");
    let input = folder.join("deadly.gz");
    let clean = corpus::prose(7, 20_000);
    let mut deadly = clean.clone();
    let middle = clean[..clean.len() / 2].rfind('\n').expect("lines") + 1;
    deadly.insert_str(middle, "before deadly-abort after\n");
    std::fs::write(&input, corpus::gzip(clean.as_bytes())).expect("a file");
    let words = ["word-count", "--partitions", "2"];
    let expected = expected(&words, &input);
    std::fs::write(&input, corpus::gzip(deadly.as_bytes())).expect("a file");
    let _reducer = cluster.reducer();
    let mut producer = cluster.spawn(&produce(&words, &input, "job"));
    let start = || {
        let mut command = cluster.command(MAPPER);
        cluster.start("map", command.env(crash::POISON, "abort:deadly-abort"))
    };
    let deaths = cluster.deaths(&mut producer, start);
    assert_eq!(deaths, 1, "what came back is read and run apart");
    producer.ended().code(0);
    let found = cluster.job("job");
    for part in ["part-00000.tsv", "part-00001.tsv"] {
        assert!(found[part] == expected[part], "{part} differs");
    }
    let quarantine = String::from_utf8_lossy(&found["quarantine.jsonl"]).into_owned();
    assert_eq!(quarantine.lines().count(), 1, "{quarantine}");
    assert!(
        quarantine.contains(&format!("\"offset\":{middle}")),
        "{quarantine}"
    );
}

#[test]
fn a_file_is_given_back_on_a_stop_and_is_no_suspect() {
    let cluster = Cluster::new();
    let folder = cluster.folder.path().join("inputs");
    std::fs::create_dir(&folder).expect("a folder");
    // Mapped for seconds: a stop comes in the middle of it.
    let prose: String = (0..20).map(|seed| corpus::prose(seed, 100_000)).collect();
    let input = folder.join("large.gz");
    std::fs::write(&input, corpus::gzip(prose.as_bytes())).expect("a file");
    let words = ["pos", "--records", "lines"];
    let expected = expected(&words, &input);
    let _reducer = cluster.reducer();
    let producer = cluster.spawn(&produce(&words, &input, "job"));
    let mapper = cluster.spawn(MAPPER);
    cluster.until_segments(1);
    mapper.stop();
    let queue = cluster.queue("job", "chunks");
    until("the file waits again, perhaps behind chunks of it", || {
        let state = cluster.vhost.queue(&queue).ok().flatten();
        state.is_some_and(|queue| queue.ready > 0 && queue.unacked == 0)
    });
    // A chunk that is run apart would be set aside here.
    let mapper = cluster.doomed(MAPPER, "isolated");
    producer.ended().code(0);
    mapper.stop();
    assert_same(&cluster.job("job"), &expected, "given back");
    cluster.until_clean();
}

#[test]
fn a_pipe_is_read_by_the_producer_in_a_job_of_files_too() {
    let cluster = Cluster::new();
    let (_mapper, _reducer) = (cluster.spawn(MAPPER), cluster.reducer());
    let pipe = cluster.folder.path().join("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status().expect("mkfifo");
    assert!(made.success());
    let producer = cluster.spawn(&produce(&["wc"], &pipe, "job"));
    let typed = corpus::prose(3, 20_000);
    std::fs::write(&pipe, &typed).expect("a reader");
    producer.ended().code(0);
    let counted = String::from_utf8_lossy(&cluster.job("job")["part-00000.jsonl"]).into_owned();
    let bytes = format!("\"bytes\":{}}}", typed.len());
    assert!(counted.contains(&bytes), "{bytes}: {counted}");
    cluster.until_clean();
}
