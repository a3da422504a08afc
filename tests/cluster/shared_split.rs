//! A large split of a kind that computes for long: its chunks are mapped by others too, and the
//! bytes are those of `gristmill run`.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use gristmill_common::crash;

use crate::cluster::{Cluster, Role, assert_same, expected, text};
use crate::corpus;

const WORDS: [&str; 3] = ["pos", "--records", "lines"];

/// A folder, and one compressed text in it that is tagged for seconds.
fn large(cluster: &Cluster) -> (PathBuf, PathBuf) {
    let folder = cluster.folder.path().join("inputs");
    std::fs::create_dir(&folder).expect("a folder");
    let path = folder.join("large.gz");
    let mut gzip = GzEncoder::new(File::create(&path).expect("a file"), Compression::fast());
    for seed in 0..6 {
        let prose = corpus::prose(seed, 100_000);
        gzip.write_all(prose.as_bytes()).expect("a text");
    }
    gzip.finish().expect("a gzip");
    (folder, path)
}

fn produce<'a>(input: &'a Path, job: &'a str) -> Vec<&'a str> {
    let mut line = vec!["produce"];
    line.extend(WORDS);
    line.extend(["--send", "splits", "--chunk-size", "16KiB"]);
    line.extend([text(input), "--job", job, "--wait"]);
    line
}

fn reader(folder: &Path) -> Vec<&str> {
    vec!["map", "--threads", "1", "--inputs", text(folder)]
}

fn doomed(cluster: &Cluster, words: &[&str], place: &str) -> Role {
    let mut command = cluster.command(words);
    cluster.start(words[0], command.env(crash::VARIABLE, place))
}

#[test]
fn others_map_chunks_of_a_split_that_one_mapper_reads() {
    let cluster = Cluster::new();
    let (folder, input) = large(&cluster);
    let expected = expected(&WORDS, &input);
    let _reducer = cluster.reducer();
    let producer = cluster.spawn(&produce(&input, "job"));
    let mut reads = cluster.spawn(&reader(&folder));
    reads.until_says("subscribed");
    // It dies when it has mapped a chunk, which can be one of that split only.
    let mut helps = doomed(&cluster, &reader(&folder), "chunk-acknowledged:3");
    assert_eq!(helps.wait().signal(), Some(9), "{}", helps.said());
    let helps = cluster.spawn(&reader(&folder));
    producer.ended().code(0);
    assert_same(&cluster.job("job"), &expected, "shared");
    let output = cluster.results().join("job");
    crate::gristmill::run(["verify".as_ref(), output.as_path(), &input]).code(0);
    reads.stop();
    helps.stop();
    cluster.until_clean();
}

#[test]
fn i3_the_mapper_that_reads_a_shared_split_is_killed_and_nothing_is_lost_or_doubled() {
    let cluster = Cluster::new();
    let (folder, input) = large(&cluster);
    let expected = expected(&WORDS, &input);
    let _reducer = cluster.reducer();
    for place in ["chunk-cut:9", "chunk-cut:60", "split-read"] {
        let job = place.replace(':', "-");
        let producer = cluster.spawn(&produce(&input, &job));
        let mut reads = doomed(&cluster, &reader(&folder), place);
        reads.until_says("subscribed");
        let helps = cluster.spawn(&reader(&folder));
        assert_eq!(reads.wait().signal(), Some(9), "{place}: {}", reads.said());
        producer.ended().code(0);
        helps.stop();
        assert_same(&cluster.job(&job), &expected, place);
    }
    cluster.until_clean();
}
