//! What brokers and disks do to a running job: it waits, or says what is wrong, and ends complete.

use std::io::Read;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use gristmill_common::crash;
use gristmill_common::job::JobRun;

use crate::cluster::{Cluster, Files, Role, assert_same, expected, files_in, text, until};
use crate::corpus;

const WORDS: &[&str] = &["word-count"];

/// A job of some hundred chunks.
struct Scene {
    cluster: Cluster,
    input: PathBuf,
    expected: Files,
}

impl Scene {
    fn of(cluster: Cluster) -> Self {
        Self::sized(cluster, 120_000)
    }

    fn sized(cluster: Cluster, words: usize) -> Self {
        let input = cluster.folder.path().join("texts");
        std::fs::create_dir_all(&input).expect("a folder");
        for name in ["a.txt", "b.txt"] {
            let text = corpus::prose(name.len() as u64, words);
            std::fs::write(input.join(name), text).expect("a file");
        }
        let expected = expected(WORDS, &input);
        Self {
            cluster,
            input,
            expected,
        }
    }

    fn words(&self) -> Vec<&str> {
        let mut words = vec!["produce"];
        words.extend(WORDS);
        words.extend([text(&self.input), "--job", "job", "--wait"]);
        words.extend(["--chunk-size", "4KiB"]);
        words
    }

    fn producer(&self) -> Role {
        self.cluster.spawn(&self.words())
    }

    /// Feeds the job and does not wait for it.
    fn produced(&self) {
        let mut words = self.words();
        words.retain(|word| *word != "--wait");
        self.cluster.run(&words).code(0);
    }

    #[track_caller]
    fn check(&self) {
        assert_same(&self.cluster.job("job"), &self.expected, "after the fault");
        let output = self.cluster.results().join("job");
        crate::gristmill::run(["verify".as_ref(), output.as_path(), &self.input]).code(0);
        self.cluster.until_clean();
    }
}

#[test]
fn a_broker_that_stops_or_dies_is_waited_for_by_every_role() {
    let (cluster, node) = Cluster::alone();
    let scene = Scene::of(cluster);
    // A broker that is killed within seconds of its first stream forgets the stream (measured with
    // 3.10.8 and 4.0.5): this one has been up before.
    scene.cluster.run(&["doctor"]).code(0);
    node.stop();
    // Roles that come before the broker: it listens before its streams and queues are ready.
    let _mapper = scene.cluster.mapper();
    let mut reducer = scene.cluster.reducer();
    let producer = scene.producer();
    node.start_again().expect("the broker starts");
    scene.cluster.until_segments(1);
    node.kill();
    reducer.until_says("is gone");
    node.start_again().expect("the broker starts");
    scene.cluster.until_segments(2);
    node.stop();
    std::thread::sleep(Duration::from_secs(1));
    node.start_again().expect("the broker starts");
    producer.ended().code(0);
    scene.check();
}

#[test]
fn an_alarm_is_waited_out() {
    let (cluster, node) = Cluster::alone();
    let scene = Scene::of(cluster);
    let _mapper = scene.cluster.mapper();
    let _reducer = scene.cluster.reducer();
    let mut producer = scene.producer();
    scene.cluster.until_segments(1);
    for disk in [false, true] {
        let alarm = |on| match disk {
            true => node.disk_alarm(on).expect("an alarm"),
            false => node.memory_alarm(on).expect("an alarm"),
        };
        alarm(true);
        let status = scene.cluster.run(&["status", "job"]).code(0);
        assert!(status.stdout.contains("is in alarm"), "{status:?}");
        assert!(producer.child.try_wait().expect("a child").is_none());
        alarm(false);
    }
    producer.ended().code(0);
    scene.check();
}

#[test]
fn connections_closed_by_the_operator_are_made_again() {
    let scene = Scene::of(Cluster::new());
    let _mapper = scene.cluster.mapper();
    let _reducer = scene.cluster.reducer();
    let producer = scene.producer();
    for segments in [1, 2] {
        scene.cluster.until_segments(segments);
        let closed = scene.cluster.vhost.close_connections();
        closed.expect("the broker closes connections");
    }
    producer.ended().code(0);
    scene.check();
}

#[test]
fn a_queue_deleted_under_a_job_fails_it_and_produce_again_completes_it() {
    for queue in ["chunks", "results.0"] {
        let scene = Scene::of(Cluster::new());
        let _reducer = scene.cluster.reducer();
        scene.produced();
        let mut command = scene.cluster.command(&scene.words());
        let command = command.stdout(Stdio::piped());
        let mut producer = scene.cluster.start("produce", command);
        // It says the job's name when it begins to wait; one that comes later resumes a failed job.
        let stdout = producer.child.stdout.as_mut().expect("a pipe");
        let mut name = [0; "job\n".len()];
        stdout.read_exact(&mut name).expect("the job's name");
        let mapper = scene.cluster.mapper();
        scene.cluster.until_segments(1);
        let name = scene.cluster.queue("job", queue);
        scene.cluster.vhost.delete_queue(&name).expect("a queue");
        let ended = producer.ended().code(1);
        assert!(
            ended.stderr.contains("a queue of the job is gone"),
            "{ended:?}"
        );
        scene.cluster.run(&scene.words()).code(0);
        scene.check();
        mapper.stop();
    }
}

#[test]
fn a_purged_queue_stalls_the_job_and_its_producer_completes_it() {
    let scene = Scene::of(Cluster::new());
    scene.produced();
    let purge = |queue: &str| {
        let name = scene.cluster.queue("job", queue);
        scene.cluster.vhost.purge_queue(&name).expect("a queue");
    };
    // Chunks, and then the results with the seal.
    purge("chunks");
    let results = scene.cluster.results();
    let reducer = ["reduce", "-o", text(&results), "--stall-after", "2"];
    let _mapper = scene.cluster.mapper();
    let first = scene.cluster.spawn(&reducer);
    let mut status = serde_json::Value::Null;
    until("the job is stalled", || {
        let seen = scene.cluster.run(&["status", "job", "--json"]).code(0);
        status = serde_json::from_str(&seen.stdout).expect("JSON");
        status["state"] == "stalled"
    });
    // All chunks are missing: none counts as mapped because none waits.
    assert_eq!(status["missing"], status["chunks_total"], "{status}");
    assert_eq!(status["chunks_mapped"], 0, "{status}");
    assert_eq!(status["chunks_left"], status["missing"], "{status}");
    first.stop();
    scene.produced();
    until("all chunks are mapped", || {
        let name = scene.cluster.queue("job", "chunks");
        let queue = scene.cluster.vhost.queue(&name);
        queue
            .expect("the broker")
            .is_some_and(|queue| queue.ready + queue.unacked == 0)
    });
    purge("results.0");
    let _second = scene.cluster.spawn(&reducer);
    // A producer that waits sends it again by itself.
    let ended = scene.producer().ended().code(0);
    let said = &ended.stderr;
    assert!(
        said.contains("is stalled") && said.contains("sending that again"),
        "{said}"
    );
    scene.check();
}

#[test]
fn a_job_that_lost_its_seal_misses_nobody_knows_how_many_chunks() {
    let scene = Scene::of(Cluster::new());
    scene.produced();
    let seal = scene.cluster.queue("job", "results.0");
    scene.cluster.vhost.purge_queue(&seal).expect("a queue");
    let results = scene.cluster.results();
    let _mapper = scene.cluster.mapper();
    let _reducer = scene
        .cluster
        .spawn(&["reduce", "-o", text(&results), "--stall-after", "2"]);
    let mut said = String::new();
    until("the job is stalled", || {
        said = scene.cluster.run(&["status", "job"]).code(0).stdout;
        said.contains("an unknown number of chunks")
    });
    assert!(!said.contains("18,446") && !said.contains("100"), "{said}");
    scene.cluster.run(&scene.words()).code(0);
    scene.check();
}

#[test]
fn a_full_disk_is_said_and_costs_nothing() {
    let scene = Scene::of(Cluster::new());
    let _mapper = scene.cluster.mapper();
    // No file of more than a few KiB: segments do not fit.
    let mut command = Command::new("sh");
    command
        .args(["-c", "ulimit -f 4; exec \"$0\" \"$@\""])
        .arg(env!("CARGO_BIN_EXE_gristmill"))
        .args(["reduce", "-o", text(&scene.cluster.results())])
        .env("GRISTMILL_BROKER", scene.cluster.vhost.url());
    let mut full = scene.cluster.start("reduce", &mut command);
    let producer = scene.producer();
    full.until_says("cannot go on");
    assert!(full.said().contains("ulimit -f"), "{}", full.said());
    full.kill();
    let _reducer = scene.cluster.reducer();
    producer.ended().code(0);
    scene.check();
}

#[test]
fn an_output_directory_that_cannot_be_used_ends_the_reducer() {
    let cluster = Cluster::new();
    let results = cluster.results();
    std::fs::write(&results, "a file").expect("a file");
    let ended = cluster.run(&["reduce", "-o", text(&results)]).code(1);
    assert!(ended.stderr.contains("results"), "{ended:?}");
}

#[test]
fn torn_and_foreign_files_in_a_ledger_change_nothing() {
    let scene = Scene::of(Cluster::new());
    let _mapper = scene.cluster.mapper();
    let results = scene.cluster.results();
    // Dies with a segment in place whose messages are not acknowledged.
    let words = ["reduce", "-o", text(&results)];
    let mut command = scene.cluster.command(&words);
    let mut doomed = scene
        .cluster
        .start("reduce", command.env(crash::VARIABLE, "after-link:3"));
    let producer = scene.producer();
    doomed.wait();
    let segments = scene.cluster.segments();
    let last = segments.last().expect("segments");
    let bytes = std::fs::read(last).expect("a segment");
    std::fs::write(last, &bytes[..bytes.len() / 2]).expect("a torn segment");
    let next = last.with_file_name("000004");
    std::fs::write(next, "not a segment").expect("a foreign file");
    let mut reducer = scene.cluster.reducer();
    reducer.until_says("ignored: it is torn");
    producer.ended().code(0);
    scene.check();
}

#[test]
fn i4_a_frozen_reducer_that_wakes_up_does_no_harm() {
    let scene = Scene::of(Cluster::new());
    let results = scene.cluster.results();
    let words = ["reduce", "-o", text(&results), "--heartbeat", "2"];
    let first = scene.cluster.spawn(&words);
    let _mapper = scene.cluster.mapper();
    let producer = scene.producer();
    scene.cluster.until_segments(1);
    let second = scene.cluster.spawn(&words);
    first.signal("-STOP");
    let before = scene.cluster.segments().len();
    // Past its heartbeat the broker hands the partition to the second.
    scene.cluster.until_segments(before + 1);
    first.signal("-CONT");
    producer.ended().code(0);
    scene.check();
    first.stop();
    second.stop();
}

#[test]
fn a_small_job_behind_a_large_one_does_not_wait_for_it() {
    let scene = Scene::sized(Cluster::new(), 1_000_000);
    let small = scene.cluster.folder.path().join("small.txt");
    std::fs::write(&small, corpus::prose(3, 2000)).expect("a file");
    let _reducer = scene.cluster.reducer();
    scene.produced();
    let mut line = vec![
        "produce",
        "word-count",
        text(&small),
        "--job",
        "small",
        "--wait",
    ];
    line.extend(["--chunk-size", "4KiB"]);
    let _mapper = scene.cluster.mapper();
    scene.cluster.until_segments(1);
    scene.cluster.run(&line).code(0);
    // The large one is still at it.
    let status = scene.cluster.run(&["status", "--json", "job"]).code(0);
    assert!(status.stdout.contains("\"running\""), "{status:?}");
    assert_same(
        &scene.cluster.job("small"),
        &expected(WORDS, &small),
        "small",
    );
}

#[test]
fn a_job_whose_queue_lost_its_leader_says_so_and_holds_up_no_other() {
    let scene = Scene::of(Cluster::new());
    let small = scene.cluster.folder.path().join("small.txt");
    std::fs::write(&small, corpus::prose(3, 2000)).expect("a file");
    let _reducer = scene.cluster.reducer();
    scene.produced();
    let chunks = scene.cluster.queue("job", "chunks");
    let leads = |leads| (scene.cluster.vhost.run_queue(&chunks, leads)).expect("it is set");
    leads(false);
    let _mapper = scene.cluster.mapper();
    let said = format!("1 of 1 mappers: the broker does not serve {chunks}");
    until("it is said", || {
        let status = scene.cluster.run(&["status", "job"]).code(0);
        status.stdout.contains(&said)
    });
    let line = ["produce", "word-count", text(&small), "--job", "small"];
    let line = [&line[..], &["--wait", "--chunk-size", "4KiB"]].concat();
    scene.cluster.run(&line).code(0);
    leads(true);
    let manifest = scene.cluster.results().join("job/manifest.json");
    until("the job is finished", || manifest.exists());
    scene.check();
    let status = scene.cluster.run(&["status", "job"]).code(0);
    assert!(!status.stdout.contains("does not serve"), "{status:?}");
}

#[test]
fn hostile_messages_are_set_aside_and_the_job_completes() {
    let scene = Scene::of(Cluster::new());
    scene.produced();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        use gristmill_jobs::queue::Queue;
        use gristmill_jobs::transport::{Amqp, Prefetch, Transport};
        use gristmill_rabbitmq::{Broker, BrokerOptions};
        let url = scene.cluster.vhost.url().parse().expect("a URL");
        let broker = Broker::connect(BrokerOptions::new(url))
            .await
            .expect("a broker");
        let run = scene.cluster.run_of("job").expect("queues");
        let job = JobRun::new(&"job".parse().expect("a name"), run);
        let queues = Transport::Amqp(Amqp::new(&broker, job, Prefetch::default()));
        for queue in [Queue::Chunks, Queue::Suspect, Queue::Results(0)] {
            for message in [&b""[..], b"GMW1", &[0xFF; 5000], b"{\"hello\":1}"] {
                let message = bytes::Bytes::copy_from_slice(message);
                queues.publish(queue, message).await.expect("it is taken");
            }
        }
        broker.close().await;
    });
    let _mapper = scene.cluster.mapper();
    let mut reducer = scene.cluster.reducer();
    reducer.until_says("set aside");
    let ended = scene.cluster.run(&scene.words()).code(3);
    let said = "were none of its chunks or outcomes";
    assert!(ended.stderr.contains(said), "{ended:?}");
    let mut found = scene.cluster.job("job");
    let manifest = found.remove("manifest.json").expect("a manifest");
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).expect("JSON");
    // Those among the results at least: the mapper may come to its own after the job's end.
    let many = manifest["totals"]["foreign_messages"].as_u64();
    assert!(
        many.is_some_and(|many| (4..=12).contains(&many)),
        "{manifest}"
    );
    let mut expected = scene.expected.clone();
    expected.remove("manifest.json");
    assert_same(&found, &expected, "with strangers");
    let output = scene.cluster.results().join("job");
    crate::gristmill::run(["verify".as_ref(), output.as_path(), &scene.input]).code(0);
    let mut allowed = scene.words();
    allowed.extend(["--allow-quarantine", "12"]);
    scene.cluster.run(&allowed).code(0);
    scene.cluster.until_clean();
}

#[test]
fn a_job_outlives_the_log_of_jobs() {
    for restarted in [false, true] {
        let scene = Scene::of(Cluster::new());
        let mut reducer = scene.cluster.reducer();
        scene.produced();
        // All chunks wait; the reducer knows the job, and no mapper does.
        reducer.until_says("reducing job=job");
        until("the reducer keeps what the job is", || {
            let inner = scene.cluster.results().join(".gristmill");
            let runs = files_in(&inner).into_iter();
            runs.filter(|run| run.starts_with("job-"))
                .any(|run| inner.join(run).join("job").exists())
        });
        let reducer = match restarted {
            true => {
                reducer.kill();
                None
            }
            false => Some(reducer),
        };
        let deleted = scene.cluster.vhost.delete_queue("gristmill.jobs");
        deleted.expect("the broker deletes it");
        let mut reducer = reducer.unwrap_or_else(|| scene.cluster.reducer());
        reducer.until_says(match restarted {
            true => "does not know it any more",
            false => "had lost the log of jobs",
        });
        let _mapper = scene.cluster.mapper();
        until("the job is finished", || {
            let status = scene.cluster.run(&["status", "job", "--json"]);
            status.stdout.contains("\"state\":\"finished\"")
        });
        scene.check();
    }
}

#[test]
fn a_name_that_the_log_lost_never_mixes_two_jobs() {
    let scene = Scene::of(Cluster::new());
    scene.produced();
    let mapper = scene.cluster.mapper();
    // Outcomes of a word count wait for a reducer.
    let results = scene.cluster.queue("job", "results.0");
    until("results wait", || {
        let queues = scene.cluster.vhost.queues().expect("the broker's queues");
        (queues.iter()).any(|queue| queue.name == results && queue.ready > 10)
    });
    mapper.kill();
    let deleted = scene.cluster.vhost.delete_queue("gristmill.jobs");
    deleted.expect("the broker deletes it");
    let _mapper = scene.cluster.mapper();
    let _reducer = scene.cluster.reducer();
    let words = ["grep", "-n", "e"];
    let mut line = vec!["produce"];
    line.extend(words);
    line.extend([text(&scene.input), "--job", "job", "--wait"]);
    line.extend(["--chunk-size", "4KiB"]);
    scene.cluster.run(&line).code(0);
    let found = scene.cluster.job("job");
    assert_same(&found, &expected(&words, &scene.input), "the other job");
}
