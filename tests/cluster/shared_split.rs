//! A large split of a kind that computes for long: its chunks are mapped by others too, and the
//! bytes are those of `gristmill run`.

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};

use crate::cluster::{Cluster, assert_same, expected, text};
use crate::corpus;

const WORDS: [&str; 3] = ["pos", "--records", "lines"];

/// A folder, and one compressed text in it that is tagged for seconds.
fn large(cluster: &Cluster) -> (PathBuf, PathBuf) {
    let folder = cluster.folder.path().join("inputs");
    std::fs::create_dir(&folder).expect("a folder");
    let path = folder.join("large.gz");
    let prose: String = (0..6).map(|seed| corpus::prose(seed, 100_000)).collect();
    std::fs::write(&path, corpus::gzip(prose.as_bytes())).expect("a file");
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
    let mut helps = cluster.doomed(&reader(&folder), "chunk-acknowledged:3");
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
        let mut reads = cluster.doomed(&reader(&folder), place);
        reads.until_says("subscribed");
        let helps = cluster.spawn(&reader(&folder));
        assert_eq!(reads.wait().signal(), Some(9), "{place}: {}", reads.said());
        producer.ended().code(0);
        helps.stop();
        assert_same(&cluster.job(&job), &expected, place);
    }
    cluster.until_clean();
}
