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
    let producer = scene.cluster.spawn(&scene.words(&[]));
    // Without a mapper it does not end before.
    until("both work on it", || begun(&away) == 1 && begun(&here) == 1);
    let mapper = scene.cluster.mapper();
    producer.ended().code(0);
    scene.cluster.until_clean();
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

/// A producer that has read the log, and is away before it declares its job's queues.
fn away(scene: &Scene, words: &[&str]) -> Role {
    let mut command = scene.cluster.command(words);
    let command = command.env(crash::STOP, "before-declare");
    let away = scene.cluster.start("produce", command);
    let stat = format!("/proc/{}/stat", away.child.id());
    until("it is away", || {
        std::fs::read_to_string(&stat).is_ok_and(|stat| stat.contains(") T "))
    });
    away
}

/// What it has entered into the log later than the first, whose run is over, is no new beginning.
#[test]
fn a_second_producer_of_a_finished_run_leaves_nothing_behind() {
    let scene = Scene::new(&["grep", "-n", "e"]);
    let words = scene.words(&[]);
    let second = away(&scene, &words);
    let mapper = scene.cluster.mapper();
    let reducer = scene.reducer();
    scene.cluster.run(&words).code(0);
    scene.cluster.until_clean();
    // Nobody else cleans up.
    mapper.stop();
    reducer.stop();
    second.signal("-CONT");
    second.ended().code(0);
    scene.cluster.until_clean();
    scene.check();
}

/// Two producers of one job read the log before either wrote to it; one is away when it declares.
#[test]
fn a_second_producer_leaves_what_the_first_has_published() {
    let scene = Scene::new(&["grep", "-n", "e"]);
    let words = scene.words(&[]);
    let words: Vec<&str> = words.into_iter().filter(|word| *word != "--wait").collect();
    let second = away(&scene, &words);
    scene.cluster.run(&words).code(0);
    let chunks = scene.cluster.queue("job", "chunks");
    // Of its leader: what the broker lists is seconds old.
    let ready = || -> u64 {
        let ready = scene.cluster.vhost.eval(&format!(
            "{{ok, Q}} = rabbit_amqqueue:lookup(rabbit_misc:r(V, queue, <<\"{chunks}\">>)), \
             {{ok, Ready, _}} = rabbit_quorum_queue:stat(Q), Ready."
        ));
        let ready = ready.expect("the queue");
        ready.parse().expect("a number")
    };
    let published = ready();
    assert!(published > 0);
    second.signal("-CONT");
    second.ended().code(0);
    assert_eq!(
        ready(),
        2 * published,
        "it sends all that the log does not show"
    );
    let _mapper = scene.cluster.mapper();
    let _reducer = scene.reducer();
    scene.cluster.run(&scene.words(&[])).code(0);
    scene.check();
}

#[test]
fn a_producer_that_was_away_says_that_its_run_is_over() {
    let scene = Scene::new(&["grep", "-n", "e"]);
    let large = scene.input.join("large.txt");
    let text = corpus::prose(7, 100_000).repeat(60);
    std::fs::write(&large, text).expect("a file");
    let producer = scene.cluster.spawn(&scene.words(&[]));
    until("it publishes", || {
        let queues = scene.cluster.vhost.queues().expect("the queues");
        queues.iter().any(|queue| queue.ready > 0)
    });
    producer.signal("-STOP");
    scene.cluster.run(&["cancel", "job"]).code(0);
    producer.signal("-CONT");
    let ended = producer.ended().code(1);
    // It may have published all before it stood still.
    let over = [
        "was begun anew by another producer, or cancelled, meanwhile",
        "the job was cancelled",
    ];
    assert!(
        over.iter().any(|over| ended.stderr.contains(over)),
        "{ended:?}"
    );
    scene.cluster.until_clean();
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
