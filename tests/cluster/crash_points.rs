//! Each crash point of the exactly-once design: a process is killed (SIGKILL) exactly there,
//! another takes over, and the output is the same, byte for byte.

use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;

use crate::cluster::{Cluster, Files, Role, assert_same, expected, files_in, text, until};
use crate::corpus;

const WORDS: &[&str] = &["word-count", "--partitions", "2"];

struct Scene {
    cluster: Cluster,
    input: PathBuf,
    expected: Files,
}

impl Scene {
    fn new() -> Self {
        let cluster = Cluster::new();
        let input = cluster.folder.path().join("texts");
        corpus::texts(&input);
        // Large enough for splits of their own.
        for name in ["x.txt", "y.txt"] {
            let text = corpus::prose(name.len() as u64, 150_000);
            std::fs::write(input.join(name), text).expect("a file");
        }
        let expected = expected(WORDS, &input);
        Self {
            cluster,
            input,
            expected,
        }
    }

    /// The words that feed the job.
    fn words<'a>(&'a self, job: &'a str) -> Vec<&'a str> {
        let mut words = vec!["produce"];
        words.extend(WORDS);
        words.extend([text(&self.input), "--job", job, "--wait"]);
        words.extend(["--chunk-size", "64KiB"]);
        words
    }

    #[track_caller]
    fn check(&self, job: &str, place: &str) {
        assert_same(&self.cluster.job(job), &self.expected, place);
        let output = self.cluster.results().join(job);
        crate::gristmill::run(["verify".as_ref(), output.as_path(), &self.input]).code(0);
    }
}

#[track_caller]
fn assert_killed(role: &mut Role, place: &str) {
    let status = role.wait();
    assert_eq!(
        status.signal(),
        Some(9),
        "{place}: {status}: {}",
        role.said()
    );
}

#[test]
fn i3_a_producer_killed_anywhere_resumes() {
    let scene = Scene::new();
    let _mapper = scene.cluster.mapper();
    let _reducer = scene.cluster.reducer();
    for place in [
        "before-submitted",
        "accepted",
        "chunk-published:3",
        "chunk-published:25",
        "before-split-complete",
        "before-split-complete:2",
        "before-seal",
        "before-sealed",
    ] {
        let job = place.replace(':', "-");
        let words = scene.words(&job);
        assert_killed(&mut scene.cluster.doomed(&words, place), place);
        scene.cluster.run(&words).code(0);
        scene.check(&job, place);
    }
    scene.cluster.until_clean();
}

#[test]
fn what_the_log_shows_complete_is_not_sent_again() {
    let scene = Scene::new();
    let _mapper = scene.cluster.mapper();
    let _reducer = scene.cluster.reducer();
    let words = scene.words("complete");
    let place = "before-sealed";
    assert_killed(&mut scene.cluster.doomed(&words, place), place);
    // It would die of its first chunk.
    let mut again = scene.cluster.doomed(&words, "chunk-published");
    let status = again.wait();
    assert_eq!(status.code(), Some(0), "{status}: {}", again.said());
    scene.check("complete", place);
    scene.cluster.until_clean();
}

#[test]
fn i3_a_mapper_killed_anywhere_costs_nothing() {
    let scene = Scene::new();
    let _reducer = scene.cluster.reducer();
    for place in [
        "mapped",
        "mapped:7",
        "outcome-published:2",
        "outcome-confirmed",
        "outcome-confirmed:9",
        "chunk-acknowledged:5",
    ] {
        let job = place.replace(':', "-");
        let words = scene.words(&job);
        let mut doomed = scene.cluster.doomed(&["map", "--threads", "2"], place);
        let producer = scene.cluster.spawn(&words);
        assert_killed(&mut doomed, place);
        let mapper = scene.cluster.mapper();
        producer.ended().code(0);
        scene.check(&job, place);
        mapper.stop();
    }
    scene.cluster.until_clean();
}

#[test]
fn i4_a_reducer_killed_anywhere_loses_and_doubles_nothing() {
    let scene = Scene::new();
    let _mapper = scene.cluster.mapper();
    for place in [
        "before-link",
        "before-link:3",
        "after-link",
        "after-link:2",
        "outcomes-acknowledged",
        "before-close",
        "before-merge",
        "before-manifest",
        "after-manifest",
        "finished",
        "before-queues-deleted",
        "queue-deleted:2",
        "queues-deleted",
        "folder-removed",
    ] {
        let job = place.replace(':', "-");
        let words = scene.words(&job);
        let results = scene.cluster.results();
        let mut doomed = scene
            .cluster
            .doomed(&["reduce", "-o", text(&results)], place);
        let producer = scene.cluster.spawn(&words);
        assert_killed(&mut doomed, place);
        let reducer = scene.cluster.reducer();
        producer.ended().code(0);
        scene.check(&job, place);
        // What a dead reducer left goes when the job is known to be finished.
        scene.cluster.until_clean();
        reducer.stop();
    }
}

/// A run that was cancelled or replaced: its queues and its folder go, whoever dies on the way.
#[test]
fn what_a_run_leaves_goes_although_whoever_removes_it_dies() {
    for (number, place) in [
        "before-queues-deleted",
        "queue-deleted",
        "queue-deleted:3",
        "queues-deleted",
        "folder-removed",
    ]
    .iter()
    .enumerate()
    {
        let scene = Scene::new();
        let results = scene.cluster.results();
        let reduce = ["reduce", "-o", text(&results)];
        let job = format!("job-{number}");
        let mut words = scene.words(&job);
        words.retain(|word| *word != "--wait");
        scene.cluster.run(&words).code(0);
        let mut doomed = scene.cluster.doomed(&reduce, place);
        doomed.until_says("reducing job=");
        let inner = results.join(".gristmill");
        until("the job has a folder", || {
            (files_in(&inner).iter()).any(|name| name.starts_with(&format!("{job}-")))
        });
        let first = scene.cluster.run_of(&job).expect("queues");
        match number % 2 {
            0 => drop(scene.cluster.run(&["cancel", &job]).code(0)),
            // Its queue is gone: the job fails, and is replaced.
            _ => {
                let queue = scene.cluster.queue(&job, "results.0");
                scene.cluster.vhost.delete_queue(&queue).expect("a queue");
                doomed.until_says("a queue of the job is gone");
                until("the job has failed", || {
                    let status = scene.cluster.run(&["status", &job]).code(0);
                    status.stdout.contains("failed")
                });
                words.push("--force");
                scene.cluster.run(&words).code(0);
            }
        }
        assert_killed(&mut doomed, place);
        let mut reducer = scene.cluster.reducer();
        // Told to stop before this, it would die of the signal.
        reducer.until_says("reducing dir=");
        until("the run that ended is gone", || {
            let queues = scene.cluster.vhost.queues().expect("queues");
            let run = format!("{first:016x}");
            !queues.iter().any(|queue| queue.name.contains(&run))
                && !files_in(&inner).iter().any(|name| name.ends_with(&run))
        });
        if number % 2 == 1 {
            let mapper = scene.cluster.mapper();
            words.retain(|word| *word != "--force");
            words.push("--wait");
            scene.cluster.run(&words).code(0);
            scene.check(&job, place);
            mapper.stop();
        }
        scene.cluster.until_clean();
        reducer.stop();
    }
}

/// A job that nobody begins before all is killed.
#[test]
fn everything_killed_at_once_goes_on() {
    let scene = Scene::new();
    let mut words = scene.words("all");
    // Chunks enough for the mapper, and all of them confirmed when the producer dies.
    words.pop();
    words.push("16KiB");
    let results = scene.cluster.results();
    let mapper = scene
        .cluster
        .doomed(&["map", "--threads", "1"], "chunk-acknowledged:12");
    let reducer = scene.cluster.spawn(&["reduce", "-o", text(&results)]);
    let producer = scene.cluster.doomed(&words, "before-seal");
    for mut role in [mapper, producer] {
        role.wait();
    }
    reducer.kill();
    let _mapper = scene.cluster.mapper();
    let _reducer = scene.cluster.reducer();
    scene.cluster.run(&words).code(0);
    scene.check("all", "all killed");
    scene.cluster.until_clean();
}

#[test]
fn what_a_slow_neighbour_leaves_of_a_finished_job_is_removed() {
    let scene = Scene::new();
    let _reducer = scene.cluster.reducer();
    let producer = scene.cluster.spawn(&scene.words("job"));
    let inner = scene.cluster.results().join(".gristmill");
    let mut run = None;
    until("the job has a folder", || {
        run = files_in(&inner)
            .into_iter()
            .find(|name| name.starts_with("job-"));
        run.is_some()
    });
    let _mapper = scene.cluster.mapper();
    producer.ended().code(0);
    scene.cluster.until_clean();
    // A reducer of the same directory that was frozen meanwhile writes once more.
    let again = inner.join(run.expect("a folder")).join("partition-00000");
    std::fs::create_dir_all(&again).expect("a folder");
    scene.cluster.until_clean();
}
