//! Jobs whose splits travel by reference: mappers read the files themselves, and the bytes are
//! those of `gristmill run`, whoever dies at whatever place.

use std::io::Write as _;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use gristmill_common::crash;

use crate::cluster::{Cluster, Files, assert_same, expected, text, until};
use crate::{columns, corpus};

/// A job's words after its kind.
const SPLITS: &[&str] = &["--send", "splits", "--chunk-size", "16KiB"];

/// Texts and logs that make several splits, some of several chunks and runs.
fn inputs(cluster: &Cluster) -> PathBuf {
    let folder = cluster.folder.path().join("inputs");
    corpus::logs(&folder.join("logs"));
    corpus::texts(&folder.join("texts"));
    for (name, words) in [("x.txt", 150_000), ("y.txt", 200_000)] {
        let text = corpus::prose(name.len() as u64, words);
        std::fs::write(folder.join("texts").join(name), text).expect("a file");
    }
    folder
}

/// The words of a mapper with one thread that may read a folder.
fn reader(folder: &Path) -> Vec<&str> {
    vec!["map", "--threads", "1", "--inputs", text(folder)]
}

fn produce<'a>(words: &[&'a str], input: &'a Path, job: &'a str) -> Vec<&'a str> {
    let mut line = vec!["produce"];
    line.extend(words);
    line.extend(SPLITS);
    line.extend([text(input), "--job", job, "--wait"]);
    line
}

/// How many messages of a job wait for mappers, and how many mappers have in hand.
fn chunks(cluster: &Cluster, job: &str) -> (u64, u64) {
    let Some(run) = cluster.run_of(job) else {
        return (0, 0);
    };
    let queue = format!("gristmill.{job}.{run:016x}.chunks");
    // A broker that is asked while a queue changes may answer with an error: it is asked again.
    let state = cluster.vhost.queue(&queue).ok().flatten();
    state.map_or((0, 0), |queue| (queue.ready, queue.unacked))
}

#[test]
fn i6_splits_give_the_bytes_of_run() {
    let cluster = Cluster::new();
    let folder = inputs(&cluster);
    let _mappers = [
        cluster.spawn(&reader(&folder)),
        cluster.spawn(&reader(&folder)),
    ];
    let _reducers = [cluster.reducer(), cluster.reducer()];
    let kinds: &[(&[&str], &str)] = &[
        (&["word-count"], "texts"),
        (&["wc"], "texts"),
        (&["extract"], "texts"),
        (&["grep", "-n", "-H", "robots|50[0-9]"], "logs"),
        (&["grep", "-c", "GET"], "logs"),
        (
            &["access-log", "--by", "path,status", "--distinct", "host"],
            "logs",
        ),
        // The header is known to every chunk, and the first is first, whoever reads what.
        (
            &[
                "group-by",
                "--by",
                "country",
                "--first",
                "name",
                "--last",
                "name,day",
                "--distinct",
                "name",
                "--quantiles",
                "amount:0.5,0.9",
            ],
            "csv",
        ),
        (
            &[
                "group-by",
                "--parse",
                "w3c",
                "--by",
                "sc-status",
                "--sum",
                "time-taken",
            ],
            "w3c",
        ),
    ];
    for format in ["csv", "w3c"] {
        columns::folder(&folder.join(format), format);
    }
    for (number, (words, input)) in kinds.iter().enumerate() {
        let input = folder.join(input);
        for partitions in ["1", "3"] {
            let mut words = words.to_vec();
            words.extend(["--partitions", partitions]);
            let expected = expected(&words, &input);
            let job = format!("job-{number}-{partitions}");
            let mut line = produce(&words, &input, &job);
            line.extend(["--allow-quarantine", "100%"]);
            cluster.run(&line).code(0);
            assert_same(&cluster.job(&job), &expected, &format!("{words:?}"));
            let output = cluster.results().join(&job);
            crate::gristmill::run(["verify".as_ref(), output.as_path(), &input]).code(0);
        }
    }
    cluster.until_clean();
}

/// The results of a job are those of `run`, and nothing of it is left.
#[track_caller]
fn check(cluster: &Cluster, job: &str, expected: &Files, place: &str) {
    assert_same(&cluster.job(job), expected, place);
}

#[test]
fn i3_a_mapper_killed_anywhere_in_a_split_costs_nothing() {
    let cluster = Cluster::new();
    let folder = inputs(&cluster);
    let input = folder.join("texts");
    let _reducer = cluster.reducer();
    for kind in ["word-count", "extract"] {
        let words = [kind, "--partitions", "2"];
        let expected = expected(&words, &input);
        for place in [
            "outcome-published",
            "outcome-published:3",
            "chunk-cut:4",
            "split-read",
            "split-read:2",
            "chunk-acknowledged",
        ] {
            let job = format!("{kind}-{}", place.replace(':', "-"));
            let producer = cluster.spawn(&produce(&words, &input, &job));
            let mut mapper = cluster.doomed(&reader(&folder), place);
            let status = mapper.wait();
            assert_eq!(status.signal(), Some(9), "{place}: {}", mapper.said());
            // What it had comes back as a suspect, and is run in processes of its own.
            let mapper = cluster.spawn(&reader(&folder));
            producer.ended().code(0);
            mapper.stop();
            check(&cluster, &job, &expected, place);
        }
    }
    cluster.until_clean();
}

#[test]
fn a_producer_killed_while_it_sends_splits_resumes() {
    let cluster = Cluster::new();
    let folder = inputs(&cluster);
    let input = folder.join("texts");
    let words = ["word-count", "--partitions", "2"];
    let expected = expected(&words, &input);
    let (_mapper, _reducer) = (cluster.spawn(&reader(&folder)), cluster.reducer());
    for place in [
        "accepted",
        "chunk-published:2",
        "before-split-complete",
        "before-sealed",
    ] {
        let job = place.replace(':', "-");
        let line = produce(&words, &input, &job);
        let mut producer = cluster.doomed(&line, place);
        let status = producer.wait();
        assert_eq!(status.signal(), Some(9), "{place}: {}", producer.said());
        cluster.run(&line).code(0);
        check(&cluster, &job, &expected, place);
    }
    cluster.until_clean();
}

#[test]
fn a_split_is_given_back_on_a_stop_and_is_no_suspect() {
    let cluster = Cluster::new();
    let folder = inputs(&cluster);
    // Mapped for seconds: a stop comes in the middle of it.
    let big = folder.join("big.gz");
    let mut gzip = GzEncoder::new(
        std::fs::File::create(&big).expect("a file"),
        Compression::fast(),
    );
    for seed in 0..20 {
        let prose = corpus::prose(seed, 100_000);
        gzip.write_all(prose.as_bytes()).expect("a text");
    }
    gzip.finish().expect("a gzip");
    let words = ["pos", "--records", "lines"];
    let expected = expected(&words, &big);
    let _reducer = cluster.reducer();
    let producer = cluster.spawn(&produce(&words, &big, "job"));
    let mapper = cluster.spawn(&reader(&folder));
    cluster.until_segments(1);
    mapper.stop();
    until("the split waits again, perhaps behind chunks of it", || {
        let (ready, unacked) = chunks(&cluster, "job");
        ready > 0 && unacked == 0
    });
    // A chunk that is run apart would be set aside here.
    let mapper = cluster.doomed(&reader(&folder), "isolated");
    producer.ended().code(0);
    mapper.stop();
    check(&cluster, "job", &expected, "given back");
    cluster.until_clean();
}

#[test]
fn a_record_that_kills_is_set_aside_in_a_split_too() {
    let cluster = Cluster::new();
    let folder = cluster.folder.path().join("inputs");
    std::fs::create_dir(&folder).expect("a folder");
    let input = folder.join("deadly.txt");
    let clean = corpus::prose(7, 20_000);
    let mut deadly = clean.clone();
    let middle = clean[..clean.len() / 2].rfind('\n').expect("lines") + 1;
    deadly.insert_str(middle, "before deadly-abort after\n");
    std::fs::write(&input, &clean).expect("a file");
    let words = ["word-count", "--partitions", "2"];
    let expected = expected(&words, &input);
    std::fs::write(&input, &deadly).expect("a file");
    let _reducer = cluster.reducer();
    let mut producer = cluster.spawn(&produce(&words, &input, "job"));
    let start = || {
        let mut command = cluster.command(&reader(&folder));
        cluster.start("map", command.env(crash::POISON, "abort:deadly-abort"))
    };
    let deaths = cluster.deaths(&mut producer, start);
    assert_eq!(deaths, 1, "what came back is run apart");
    producer.ended().code(3);
    let found = cluster.job("job");
    for part in ["part-00000.tsv", "part-00001.tsv"] {
        assert!(found[part] == expected[part], "{part} differs");
    }
    let quarantine = String::from_utf8_lossy(&found["quarantine.jsonl"]).into_owned();
    assert_eq!(quarantine.lines().count(), 1, "{quarantine}");
    assert!(
        quarantine.contains("before deadly-abort after"),
        "{quarantine}"
    );
    assert!(
        quarantine.contains(&format!("\"offset\":{middle}")),
        "{quarantine}"
    );
}

#[test]
fn a_split_whose_reading_kills_gives_what_was_read_and_says_so() {
    let cluster = Cluster::new();
    let folder = cluster.folder.path().join("inputs");
    std::fs::create_dir(&folder).expect("a folder");
    let text = corpus::prose(3, 40_000);
    for name in ["a.txt", "b.txt"] {
        std::fs::write(folder.join(name), &text).expect("a file");
    }
    let words = ["grep", "-n", ""];
    let whole = expected(&words, &folder);
    let whole = String::from_utf8_lossy(&whole["part-00000.txt"]).into_owned();
    let _reducer = cluster.reducer();
    let producer = cluster.spawn(&produce(&words, &folder, "job"));
    // It dies as it cuts the third chunk, and so does whatever reads the split after it.
    let place = "chunk-cut:3";
    let mut mapper = cluster.doomed(&reader(&folder), place);
    let status = mapper.wait();
    assert_eq!(status.signal(), Some(9), "{place}: {}", mapper.said());
    let mapper = cluster.doomed(&reader(&folder), place);
    producer.ended().code(3);
    let found = cluster.job("job");
    let part = String::from_utf8_lossy(&found["part-00000.txt"]).into_owned();
    assert!(whole.starts_with(&part) && part.len() > 30_000 && part.len() < 60_000);
    let quarantine = String::from_utf8_lossy(&found["quarantine.jsonl"]).into_owned();
    let entries: Vec<&str> = quarantine.lines().collect();
    assert_eq!(entries.len(), 2, "{quarantine}");
    for (entry, name) in entries.iter().zip(["a.txt", "b.txt"]) {
        let says = "reading it ended a process: the processor was killed";
        assert!(entry.contains(name) && entry.contains(says), "{entry}");
    }
    let output = cluster.results().join("job");
    crate::gristmill::run(["verify".as_ref(), output.as_path()]).code(0);
    mapper.stop();
    cluster.until_clean();
}

#[test]
fn a_mapper_reads_only_what_it_may_and_says_so() {
    let cluster = Cluster::new();
    let folder = inputs(&cluster);
    let input = folder.join("texts");
    let words = ["word-count"];
    let expected = expected(&words, &input);
    let _reducer = cluster.reducer();
    let producer = cluster.spawn(&produce(&words, &input, "job"));
    let other = cluster.folder.path().join("other");
    std::fs::create_dir(&other).expect("a folder");
    let mut none = cluster.mapper();
    none.until_says("may read no folder");
    let mut elsewhere = cluster.spawn(&reader(&other));
    elsewhere.until_says("is in none of the folders that this mapper may read");
    until("status names both", || {
        let told = cluster.run(&["status", "job"]).stdout;
        told.contains("1 of 2 mappers: it was sent as splits")
            && told.contains("is in none of the folders")
    });
    let mapper = cluster.spawn(&reader(&folder));
    producer.ended().code(0);
    check(&cluster, "job", &expected, "another mapper");
    drop((none, elsewhere, mapper));
}

#[test]
fn a_source_that_changed_fails_the_job_by_its_name() {
    let cluster = Cluster::new();
    let folder = inputs(&cluster);
    let input = folder.join("texts");
    let _reducer = cluster.reducer();
    let producer = cluster.spawn(&produce(&["word-count"], &input, "job"));
    until("the splits wait", || chunks(&cluster, "job").0 >= 3);
    let mut file = (std::fs::File::options().append(true))
        .open(input.join("y.txt"))
        .expect("a file");
    file.write_all(b"one more line\n").expect("a line");
    let _mapper = cluster.spawn(&reader(&folder));
    let ended = producer.ended().code(1);
    assert!(ended.stderr.contains("input changed"), "{ended:?}");
    assert!(ended.stderr.contains("y.txt"), "{ended:?}");
}

#[test]
fn what_mappers_cannot_read_is_refused() {
    let cluster = Cluster::new();
    let job = ["--job", "job", "--send", "splits"];
    let mut stdin = vec!["produce", "word-count", "-"];
    stdin.extend(job);
    let ended = cluster.run(&stdin).code(2);
    assert!(ended.stderr.contains("--send chunks"), "{ended:?}");
    let mut bounded = vec!["produce", "word-count", ".", "--max-expanded", "1GiB"];
    bounded.extend(job);
    let ended = cluster.run(&bounded).code(2);
    assert!(ended.stderr.contains("--max-expanded"), "{ended:?}");
    // Nothing but a broker of its own is asked.
    let ended = cluster.run(&["map", "--inputs", "/nowhere"]).code(2);
    assert!(ended.stderr.contains("--inputs /nowhere"), "{ended:?}");
}
