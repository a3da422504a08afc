//! Runs of one name, and what lies of them in a directory: nothing of a newer run is touched, and
//! what was lost is named.

use std::path::PathBuf;
use std::time::Duration;

use gristmill_common::crash;

use crate::cluster::{Cluster, Files, Role, assert_same, expected, text, until};
use crate::corpus;

/// A job of some hundred chunks in two partitions.
struct Scene {
    cluster: Cluster,
    words: &'static [&'static str],
    input: PathBuf,
    expected: Files,
}

impl Scene {
    fn new(words: &'static [&'static str]) -> Self {
        let cluster = Cluster::new();
        let input = cluster.folder.path().join("texts");
        std::fs::create_dir_all(&input).expect("a folder");
        for name in ["a.txt", "b.txt"] {
            let text = corpus::prose(name.len() as u64, 150_000);
            std::fs::write(input.join(name), text).expect("a file");
        }
        let expected = expected(words, &input);
        Self {
            cluster,
            words,
            input,
            expected,
        }
    }

    fn words<'a>(&'a self, more: &[&'a str]) -> Vec<&'a str> {
        let mut words = vec!["produce"];
        words.extend(self.words);
        words.extend([text(&self.input), "--job", "job", "--wait"]);
        words.extend(["--chunk-size", "4KiB"]);
        words.extend(more);
        words
    }

    fn reducer(&self) -> Role {
        let results = self.cluster.results();
        let words = ["reduce", "-o", text(&results), "--heartbeat", "3"];
        self.cluster.spawn(&words)
    }

    #[track_caller]
    fn check(&self) {
        assert_same(&self.cluster.job("job"), &self.expected, self.words[0]);
        let output = self.cluster.results().join("job");
        crate::gristmill::run(["verify".as_ref(), output.as_path(), &self.input]).code(0);
        self.cluster.until_clean();
    }
}

/// How often a reducer has begun to work on a job.
fn begun(role: &Role) -> usize {
    role.said().matches("reducing job=job").count()
}

#[test]
fn a_reducer_that_was_away_leaves_a_newer_runs_ledger_alone() {
    let scene = Scene::new(&["grep", "-n", "e"]);
    let away = scene.reducer();
    let here = scene.reducer();
    let mapper = scene.cluster.mapper();
    scene.cluster.run(&scene.words(&[])).code(0);
    scene.cluster.until_clean();
    until("both have worked on it", || {
        begun(&away) == 1 && begun(&here) == 1
    });
    away.signal("-STOP");
    let producer = scene.cluster.spawn(&scene.words(&["--force"]));
    scene.cluster.until_segments(3);
    mapper.signal("-STOP");
    // Longer than a reducer takes from one look at its directory to the next, and than its
    // heartbeat.
    std::thread::sleep(Duration::from_secs(8));
    let before = scene.cluster.segments();
    away.signal("-CONT");
    until("it has read on", || begun(&away) == 2);
    // Whatever it looked at when it woke up came before that.
    let after = scene.cluster.segments();
    assert!(
        before.iter().all(|path| after.contains(path)),
        "{before:?} {after:?}"
    );
    mapper.signal("-CONT");
    producer.ended().code(0);
    scene.check();
}

/// Removes the first segments of each partition, and leaves the last.
fn lose(scene: &Scene) {
    let segments = scene.cluster.segments();
    for segment in &segments {
        let later = segments
            .iter()
            .any(|other| other.parent() == segment.parent() && other > segment);
        if later {
            std::fs::remove_file(segment).expect("a segment");
        }
    }
}

#[test]
fn segments_that_were_lost_are_named_and_the_same_produce_completes_the_job() {
    for words in [
        &["grep", "-n", "e"][..],
        &["word-count", "--partitions", "2"],
    ] {
        // Half-way, and when the ledgers are closed.
        for place in ["after-link:4", "before-merge"] {
            let scene = Scene::new(words);
            let _mapper = scene.cluster.mapper();
            let results = scene.cluster.results();
            let mut command = scene.cluster.command(&["reduce", "-o", text(&results)]);
            let command = command.env(crash::VARIABLE, place);
            let mut doomed = scene.cluster.start("reduce", command);
            let producer = scene.cluster.spawn(&scene.words(&[]));
            doomed.wait();
            lose(&scene);
            let _reducer = scene.cluster.reducer();
            let ended = producer.ended().code(1);
            assert!(
                ended.stderr.contains("has lost what was durable there"),
                "{place}: {ended:?}"
            );
            scene.cluster.run(&scene.words(&[])).code(0);
            scene.check();
        }
    }
}

#[test]
fn a_ledger_that_is_removed_under_its_reducer_is_named() {
    let scene = Scene::new(&["grep", "-n", "e"]);
    let mapper = scene.cluster.mapper();
    let _reducer = scene.cluster.reducer();
    let producer = scene.cluster.spawn(&scene.words(&[]));
    scene.cluster.until_segments(2);
    let segments = scene.cluster.segments();
    let partition = segments[0].parent().expect("a folder");
    std::fs::remove_dir_all(partition.parent().expect("a run")).expect("it is removed");
    let ended = producer.ended().code(1);
    assert!(
        ended.stderr.contains("has lost what was durable there"),
        "{ended:?}"
    );
    scene.cluster.run(&scene.words(&[])).code(0);
    scene.check();
    mapper.stop();
}
