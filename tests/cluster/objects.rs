//! Jobs over object storage: mappers read the objects themselves, each with its own credentials,
//! and the bytes are those of `gristmill run`.

use std::path::{Path, PathBuf};
use std::process::Command;

use gristmill_teststore::{KEY, SECRET, Server};

use crate::cluster::{Cluster, Role, assert_same, files, text, until};
use crate::corpus;

const BUCKET: &str = "data";
/// What a job over the bucket is.
const JOB: [&str; 3] = ["word-count", "--partitions", "2"];
const INPUT: &str = "s3://data/texts";

fn server() -> Server {
    let server = Server::start(BUCKET);
    for number in 0..3_u64 {
        let text = corpus::prose(number, 60_000);
        server.put(BUCKET, &format!("texts/{number}.txt"), text);
    }
    server
}

/// The user of a server.
fn user<'a>(command: &'a mut Command, server: &Server) -> &'a mut Command {
    command
        .env("HOME", "/nonexistent")
        .env("AWS_ACCESS_KEY_ID", KEY)
        .env("AWS_SECRET_ACCESS_KEY", SECRET)
        .env("AWS_ENDPOINT_URL", server.endpoint())
}

fn spawn(cluster: &Cluster, server: &Server, words: &[&str]) -> Role {
    cluster.start(words[0], user(&mut cluster.command(words), server))
}

/// The output of `run` over the same objects.
fn made_by_run(cluster: &Cluster, server: &Server) -> PathBuf {
    let out = cluster.folder.path().join("expected");
    let run = [&["run"][..], &JOB, &[INPUT, "-o", text(&out)]].concat();
    spawn(cluster, server, &run).ended().code(0);
    out
}

fn produce<'a>(job: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut words = vec!["produce"];
    words.extend(JOB);
    words.extend(["--chunk-size", "16KiB", INPUT, "--job", job]);
    words.extend(more);
    words
}

#[test]
fn mappers_that_may_read_a_bucket_read_it_and_others_say_why_not() {
    let (cluster, server) = (Cluster::new(), server());
    let out = made_by_run(&cluster, &server);
    let results = cluster.results();
    let words = [
        "reduce",
        "-o",
        text(&results),
        "--publish",
        "s3://data/results/",
    ];
    let _reducer = spawn(&cluster, &server, &words);
    let job = produce("objects", &["--wait"]);
    let mut producer = spawn(&cluster, &server, &job);
    let mut none = spawn(&cluster, &server, &["map", "--threads", "1"]);
    none.until_says("may read no folder");
    let mut elsewhere = spawn(
        &cluster,
        &server,
        &["map", "--threads", "1", "--inputs", "s3://data/text/"],
    );
    elsewhere.until_says("is in none of the places that this mapper may read");
    // One that may, and has not the credentials.
    let words = ["map", "--threads", "1", "--inputs", "s3://data/"];
    let mut command = cluster.command(&words);
    let mut stranger = cluster.start(
        "map",
        user(&mut command, &server).env("AWS_SECRET_ACCESS_KEY", "wrong"),
    );
    stranger.until_says("403 SignatureDoesNotMatch");
    until("status says why", || {
        let status = cluster.run(&["status", "objects"]).stdout;
        status.contains("SignatureDoesNotMatch") && !status.contains(SECRET)
    });
    let _good = spawn(
        &cluster,
        &server,
        &["map", "--threads", "2", "--inputs", "s3://data/texts"],
    );
    assert!(producer.wait().success(), "{}", producer.said());
    assert_same(&cluster.job("objects"), &files(&out), "objects");
    let output = cluster.results().join("objects");
    let words = ["verify", text(&output), INPUT];
    let mut command = cluster.command(&words);
    cluster
        .start("verify", user(&mut command, &server))
        .ended()
        .code(0);
    for (name, bytes) in files(&out) {
        let found = server.get(BUCKET, &format!("results/objects/{name}"));
        assert!(found.is_some_and(|found| found == bytes), "{name}");
    }
    let found = server
        .keys(BUCKET)
        .into_iter()
        .filter(|key| key.starts_with("results/"));
    assert_eq!(found.count(), files(&out).len());
    cluster.until_clean();
}

#[test]
fn an_output_whose_place_is_taken_fails_its_job_and_nothing_is_replaced() {
    let (cluster, server) = (Cluster::new(), server());
    server.put(BUCKET, "results/taken/letter.txt", "mine");
    let results = cluster.results();
    let words = [
        "reduce",
        "-o",
        text(&results),
        "--publish",
        "s3://data/results",
    ];
    let _reducer = spawn(&cluster, &server, &words);
    let _mapper = spawn(
        &cluster,
        &server,
        &["map", "--threads", "1", "--inputs", "s3://data"],
    );
    let words = produce("taken", &["--wait"]);
    let mut command = cluster.command(&words);
    let ended = cluster
        .start("produce", user(&mut command, &server))
        .ended()
        .code(1);
    assert!(
        ended
            .stderr
            .contains("s3://data/results/taken is not empty"),
        "{ended:?}"
    );
    assert_eq!(
        server.get(BUCKET, "results/taken/letter.txt").unwrap(),
        "mine"
    );
    assert!(server.get(BUCKET, "results/taken/manifest.json").is_none());
}

#[test]
fn an_object_that_changes_after_the_plan_fails_the_job_by_its_name() {
    let (cluster, server) = (Cluster::new(), server());
    let _reducer = cluster.reducer();
    let mut producer = spawn(&cluster, &server, &produce("changed", &[]));
    assert!(producer.wait().success());
    server.put(BUCKET, "texts/1.txt", "another text");
    let _mapper = spawn(
        &cluster,
        &server,
        &["map", "--threads", "1", "--inputs", "s3://data/"],
    );
    until("the job has failed", || {
        cluster
            .run(&["status", "changed"])
            .stdout
            .contains("input changed: s3://data/texts/1.txt")
    });
}

#[test]
fn chunks_of_objects_are_sent_where_that_is_asked_for() {
    let (cluster, server) = (Cluster::new(), server());
    let out = made_by_run(&cluster, &server);
    let _reducer = cluster.reducer();
    // It may read nothing, and needs not.
    let _mapper = cluster.mapper();
    let words = produce("chunks", &["--wait", "--send", "chunks"]);
    let mut command = cluster.command(&words);
    cluster
        .start("produce", user(&mut command, &server))
        .ended()
        .code(0);
    assert_same(&cluster.job("chunks"), &files(Path::new(&out)), "chunks");
}
