//! The life of a job as its user sees it: again, anew, refused, cancelled, stopped and gone on.

use std::path::PathBuf;

use crate::cluster::{Cluster, assert_same, expected, text, until};
use crate::corpus;

fn logs(cluster: &Cluster) -> PathBuf {
    let logs = cluster.folder.path().join("logs");
    corpus::logs(&logs);
    logs
}

const STATUS: &[&str] = &["access-log", "--by", "status"];

fn produce<'a>(words: &[&'a str], more: &[&'a str], input: &'a str) -> Vec<&'a str> {
    let mut line = vec!["produce"];
    line.extend(words);
    line.extend(["--chunk-size", "16KiB", input]);
    line.extend(more);
    line
}

#[test]
fn a_finished_job_says_so_and_runs_anew_only_by_force() {
    let cluster = Cluster::new();
    let logs = logs(&cluster);
    let _mapper = cluster.mapper();
    let _reducer = cluster.reducer();
    let line = produce(STATUS, &["--wait"], text(&logs));
    // A twentieth of the lines does not parse: exit 3 says so.
    let first = cluster.run(&line).code(3);
    let name = first.stdout.trim().to_owned();
    assert!(name.starts_with("access-log-"), "{name}");
    assert_same(&cluster.job(&name), &expected(STATUS, &logs), "first");
    let again = cluster.run(&line).code(3).says("finished before");
    assert_eq!(again.stdout.trim(), name);
    let mut allowed = line.clone();
    allowed.extend(["--allow-quarantine", "10%"]);
    cluster.run(&allowed).code(0);
    // Other options under the same name are another job.
    let other = ["access-log", "--by", "host"];
    let more = ["--job", &name, "--wait"];
    let other = produce(&other, &more, text(&logs));
    cluster.run(&other).code(2).says("other options");
    let mut forced = other.clone();
    forced.push("--force");
    cluster.run(&forced).code(3);
    assert_same(
        &cluster.job(&name),
        &expected(&["access-log", "--by", "host"], &logs),
        "forced",
    );
    cluster.until_clean();
}

#[test]
fn an_output_in_the_way_is_never_overwritten() {
    let cluster = Cluster::new();
    let logs = logs(&cluster);
    let mine = cluster.results().join("mine");
    std::fs::create_dir_all(&mine).expect("a folder");
    std::fs::write(mine.join("thesis.txt"), "years of work").expect("a file");
    let _mapper = cluster.mapper();
    let mut reducer = cluster.reducer();
    let line = produce(STATUS, &["--job", "mine"], text(&logs));
    cluster.run(&line).code(0);
    reducer.until_says("left alone");
    let status = cluster.run(&["status", "mine"]).code(0);
    assert!(status.stdout.contains("a reducer"), "{status:?}");
    assert_eq!(crate::gristmill::read(&mine, "thesis.txt"), "years of work");
    cluster.run(&["cancel", "mine"]).code(0);
    cluster.until_clean();
}

#[test]
fn a_cancelled_job_is_dropped_by_all_and_can_begin_anew() {
    let cluster = Cluster::new();
    let logs = logs(&cluster);
    let mut mapper = cluster.mapper();
    let mut reducer = cluster.reducer();
    // Nobody seals it: the producer is killed half-way.
    let words = produce(STATUS, &["--job", "gone"], text(&logs));
    let mut command = cluster.command(&words);
    command.env(gristmill_common::crash::VARIABLE, "before-seal");
    cluster.start("produce", &mut command).wait();
    mapper.until_says("subscribed");
    reducer.until_says("reducing job");
    let status = cluster.run(&["status", "--json"]).code(0);
    assert!(status.stdout.contains("\"unsealed\""), "{status:?}");
    cluster.run(&["cancel", "gone"]).code(0).says("cancelled");
    cluster.until_clean();
    let status = cluster.run(&["status", "gone"]).code(0);
    assert!(status.stdout.contains("cancelled"), "{status:?}");
    cluster.run(&["cancel", "gone"]).code(0).says("before");
    cluster.run(&["cancel", "unheard-of"]).code(2);
    let mut line = produce(STATUS, &["--job", "gone", "--wait"], text(&logs));
    line.extend(["--allow-quarantine", "10%"]);
    cluster.run(&line).code(0);
    assert_same(&cluster.job("gone"), &expected(STATUS, &logs), "anew");
    mapper.stop();
    reducer.stop();
}

#[test]
fn workers_of_one_job_end_with_it() {
    let cluster = Cluster::new();
    let logs = logs(&cluster);
    let results = cluster.results();
    let mapper = cluster.spawn(&["map", "--job", "one"]);
    let reducer = cluster.spawn(&["reduce", "-o", text(&results), "--job", "one"]);
    cluster
        .run(&produce(STATUS, &["--job", "one"], text(&logs)))
        .code(0);
    mapper.ended().code(0);
    reducer.ended().code(3);
    assert_same(&cluster.job("one"), &expected(STATUS, &logs), "one");
}

#[test]
fn stopped_workers_hand_over_without_a_trace() {
    let cluster = Cluster::new();
    let texts = cluster.folder.path().join("texts");
    corpus::texts(&texts);
    let words = ["word-count"];
    let reducer = cluster.reducer();
    let line = produce(&words, &["--job", "handed", "--wait"], text(&texts));
    let mut producer = cluster.spawn(&line);
    while producer.child.try_wait().expect("a child").is_none() {
        let mut mapper = cluster.mapper();
        mapper.until_says("mapping");
        std::thread::sleep(std::time::Duration::from_millis(150));
        mapper.stop();
    }
    producer.ended().code(0);
    assert_same(&cluster.job("handed"), &expected(&words, &texts), "handed");
    reducer.stop();
}

#[test]
fn a_job_belongs_to_one_directory() {
    let cluster = Cluster::new();
    let logs = logs(&cluster);
    let other = cluster.folder.path().join("other");
    let _here = cluster.reducer();
    let _there = cluster.spawn(&["reduce", "-o", text(&other)]);
    let _mapper = cluster.mapper();
    let more = ["--job", "split", "--wait", "--partitions", "4"];
    let mut line = produce(STATUS, &more, text(&logs));
    line.extend(["--allow-quarantine", "10%"]);
    cluster.run(&line).code(0);
    let outputs = [cluster.results().join("split"), other.join("split")];
    let found: Vec<_> = outputs.iter().filter(|path| path.exists()).collect();
    assert_eq!(found.len(), 1, "{found:?}");
    let mut words = STATUS.to_vec();
    words.extend(["--partitions", "4"]);
    assert_same(
        &crate::cluster::files(found[0]),
        &expected(&words, &logs),
        "split",
    );
    until("the ledgers are gone", || {
        outputs.iter().all(|path| {
            let inner = path.with_file_name(".gristmill");
            crate::cluster::files_in(&inner) == ["id"]
        })
    });
}
