//! The directory that owns a job: where it lies is said, and what is lost with it.

use std::path::PathBuf;

use gristmill_common::job::JobRun;
use gristmill_jobs::registry::{Event, Registry};
use gristmill_rabbitmq::{Broker, BrokerOptions};

use crate::cluster::{Cluster, Files, assert_same, expected, files, text, until};
use crate::corpus;

const WORDS: &[&str] = &["word-count"];

struct Scene {
    cluster: Cluster,
    input: PathBuf,
    expected: Files,
}

impl Scene {
    fn new() -> Self {
        let cluster = Cluster::new();
        let input = cluster.folder.path().join("text.txt");
        std::fs::write(&input, corpus::prose(5, 20_000)).expect("a file");
        let expected = expected(WORDS, &input);
        Self {
            cluster,
            input,
            expected,
        }
    }

    fn words<'a>(&'a self, more: &[&'a str]) -> Vec<&'a str> {
        let mut words = vec!["produce"];
        words.extend(WORDS);
        words.extend([text(&self.input), "--job", "job", "--chunk-size", "4KiB"]);
        words.extend(more);
        words
    }

    fn status(&self) -> String {
        self.cluster.run(&["status", "job"]).code(0).stdout
    }
}

#[expect(clippy::disallowed_methods, reason = "a folder of the test")]
fn moved(from: &std::path::Path, to: &std::path::Path) {
    std::fs::rename(from, to).expect("it is moved");
}

#[test]
fn a_job_of_a_directory_that_is_lost_says_which_and_begins_anew_by_force() {
    let scene = Scene::new();
    let results = scene.cluster.results();
    scene.cluster.run(&scene.words(&[])).code(0);
    let mut lost = scene.cluster.reducer();
    lost.until_says("reducing job=job");
    lost.kill();
    std::fs::remove_dir_all(&results).expect("the directory is lost");
    let other = scene.cluster.folder.path().join("other");
    let _mapper = scene.cluster.mapper();
    let _reducer = scene.cluster.spawn(&["reduce", "-o", text(&other)]);
    let status = scene.status();
    let place = format!(":{}: start one there", results.display());
    assert!(
        status.contains(&place) && status.contains("--force"),
        "{status}"
    );
    // Who waits for it is told too.
    let mut waiting = scene.cluster.spawn(&scene.words(&["--wait"]));
    waiting.until_says("no reducer serves it now");
    let ended = scene
        .cluster
        .run(&scene.words(&["--wait", "--force"]))
        .code(0);
    assert!(ended.stderr.contains("finished"), "{ended:?}");
    assert_same(&files(&other.join("job")), &scene.expected, "anew");
    waiting.ended().code(1);
}

#[test]
fn a_job_that_is_served_is_not_begun_anew_by_force() {
    let scene = Scene::new();
    scene.cluster.run(&scene.words(&["--force"])).code(0);
    let before = scene.cluster.run_of("job");
    let mut reducer = scene.cluster.reducer();
    reducer.until_says("reducing job=job");
    scene.cluster.run(&scene.words(&["--force"])).code(0);
    assert_eq!(scene.cluster.run_of("job"), before);
}

#[test]
fn a_finished_job_whose_output_is_gone_says_so() {
    let scene = Scene::new();
    let results = scene.cluster.results();
    let _mapper = scene.cluster.mapper();
    let reducer = scene.cluster.reducer();
    scene.cluster.run(&scene.words(&["--wait"])).code(0);
    scene
        .cluster
        .run(&scene.words(&[]))
        .code(0)
        .says("finished before");
    scene.cluster.until_clean();
    // It is looked for where it lies, and where nobody else can look, its reducer is asked.
    let elsewhere = scene.cluster.folder.path().join("elsewhere");
    moved(&results, &elsewhere);
    scene
        .cluster
        .run(&scene.words(&[]))
        .code(1)
        .says("its output is gone");
    let status = scene.status();
    assert!(
        status.contains("gone when it was last looked for"),
        "{status}"
    );
    moved(&elsewhere, &results);
    scene
        .cluster
        .run(&scene.words(&[]))
        .code(0)
        .says("finished before");
    reducer.stop();
    moved(&results, &elsewhere);
    scene
        .cluster
        .run(&scene.words(&[]))
        .code(1)
        .says("no reducer serves");
    moved(&elsewhere, &results);
    std::fs::remove_dir_all(results.join("job")).expect("it is removed");
    scene
        .cluster
        .run(&scene.words(&[]))
        .code(1)
        .says("its output is gone");
    let _reducer = scene.cluster.reducer();
    scene
        .cluster
        .run(&scene.words(&["--wait", "--force"]))
        .code(0);
    assert_same(&scene.cluster.job("job"), &scene.expected, "anew");
}

#[test]
fn a_job_of_another_version_is_said_to_be_one() {
    let scene = Scene::new();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let url = scene.cluster.vhost.url().parse().expect("a URL");
        let broker = Broker::connect(BrokerOptions::new(url)).await;
        let broker = broker.expect("a broker");
        let registry = Registry::open(&broker).await.expect("the log");
        let job = "job".parse().expect("a name");
        let foreign = Event::Foreign { version: 3 };
        registry
            .append(&JobRun::new(&job, 1), &foreign)
            .await
            .expect("an entry");
        broker.close().await;
    });
    let status = scene.status();
    assert!(
        status.contains("of another version of Gristmill (format 3"),
        "{status}"
    );
    scene
        .cluster
        .run(&scene.words(&[]))
        .code(2)
        .says("another version");
    let _mapper = scene.cluster.mapper();
    let _reducer = scene.cluster.reducer();
    scene
        .cluster
        .run(&scene.words(&["--wait", "--force"]))
        .code(0);
    until("it is one of this version", || {
        !scene.status().contains("another version")
    });
    assert_same(&scene.cluster.job("job"), &scene.expected, "anew");
}
