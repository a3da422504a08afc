//! Three brokers that are one cluster: each dies and is cut off in turn, and a job goes on.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

use gristmill_testbroker::Nodes;

use crate::cluster::{Cluster, Files, Role, assert_same, expected, text};
use crate::corpus;
use crate::gristmill::Ended;

const WORDS: &[&str] = &["word-count"];
/// Words that are fed at a time: more than the 256 KiB that the producer reads at a time, some
/// hundreds of chunks.
const PORTION: usize = 150_000;

/// A job on three nodes that ends when the test has fed it enough.
struct Scene {
    cluster: Cluster,
    nodes: &'static Nodes,
    /// A named pipe that the producer reads.
    input: PathBuf,
    fed: String,
}

impl Scene {
    fn new() -> Self {
        let (cluster, nodes) = Cluster::of_three();
        let input = cluster.folder.path().join("text.txt");
        let made = Command::new("mkfifo").arg(&input).status();
        assert!(made.expect("mkfifo runs").success());
        let scene = Self {
            cluster,
            nodes,
            input,
            fed: String::new(),
        };
        // A broker that is killed within seconds of its first stream forgets it.
        scene.cluster.run(&["doctor"]).code(0);
        scene
    }

    fn producer(&self) -> (Role, File) {
        let mut words = vec!["produce"];
        words.extend(WORDS);
        words.extend([text(&self.input), "--job", "job", "--wait"]);
        words.extend(["--chunk-size", "4KiB"]);
        let producer = self.cluster.spawn(&words);
        let pipe = File::options().write(true).open(&self.input);
        (producer, pipe.expect("the producer reads"))
    }

    /// Feeds the job, and waits until more of it is durable than was.
    #[track_caller]
    fn goes_on(&mut self, pipe: &mut File) {
        let before = self.cluster.segments().len();
        self.feeds(pipe, PORTION);
        self.cluster.until_segments(before + 1);
    }

    fn feeds(&mut self, pipe: &mut File, words: usize) {
        let portion = corpus::prose(self.fed.len() as u64 + 5, words);
        pipe.write_all(portion.as_bytes()).expect("it is read");
        self.fed.push_str(&portion);
    }

    /// Ends the input; the job must have the bytes of `run` over the same.
    #[track_caller]
    fn ends(&self, producer: Role, pipe: File) {
        self.finishes(producer, pipe);
        self.cluster.until_clean();
    }

    #[track_caller]
    fn finishes(&self, producer: Role, pipe: File) {
        self.ended(producer, pipe).code(0);
        self.has_the_bytes_of_run();
    }

    /// Ends the input, and waits for the producer's end.
    fn ended(&self, mut producer: Role, pipe: File) -> Ended {
        drop(pipe);
        self.cluster.until_ended(&mut producer);
        producer.ended()
    }

    #[track_caller]
    fn has_the_bytes_of_run(&self) {
        let plain = self.cluster.folder.path().join("plain.txt");
        std::fs::write(&plain, &self.fed).expect("a file");
        let parts = |mut files: Files| {
            files.retain(|name, _| name.starts_with("part-"));
            files
        };
        let expected = parts(expected(WORDS, &plain));
        assert_same(&parts(self.cluster.job("job")), &expected, "after faults");
        assert!(!expected.is_empty());
    }

    /// Ends the input: the job has the bytes of `run`, or says what the broker has lost.
    ///
    /// After a partition and the restart of a node, the replicas of a queue may tell different
    /// messages by the same numbers (3.10.8): acknowledgements remove others than were meant, which
    /// the broker had confirmed and nobody has got. A pipe cannot be read again.
    #[track_caller]
    fn ends_or_says_what_is_lost(&self, producer: Role, pipe: File) {
        if self.nodes.all()[0].version().expect("its version") >= (4, 3) {
            return self.ends(producer, pipe);
        }
        let ended = self.ended(producer, pipe);
        if ended.code == Some(0) {
            self.has_the_bytes_of_run();
            return self.cluster.until_clean();
        }
        let said = &ended.stderr;
        assert!(said.contains("the job is stalled and misses"), "{said}");
        let status = self.cluster.run(&["status", "job", "--json"]).code(0);
        let status: serde_json::Value = serde_json::from_str(&status.stdout).expect("JSON");
        let count = |name: &str| status[name].as_u64().expect("a number");
        assert_eq!(
            count("outcomes_durable") + count("missing"),
            count("chunks_total"),
            "{status}"
        );
    }

    /// How many replicas each queue and stream has.
    fn replicas(&self) -> String {
        let code = "iolist_to_binary(lists:join(\" \", [begin \
             [{members, Members}] = rabbit_amqqueue:info(Q, [members]), \
             integer_to_list(length(Members)) end || Q <- rabbit_amqqueue:list(V), \
             lists:member(amqqueue:get_type(Q), [rabbit_quorum_queue, rabbit_stream_queue])])).";
        self.cluster.vhost.eval(code).expect("the broker's queues")
    }
}

/// Makes the nodes three again after one of them was cut off and has rejoined the others.
pub(crate) fn heal(nodes: &Nodes, at: usize) {
    let node = &nodes.all()[at];
    if node.version().expect("its version") < (4, 3) {
        // Mnesia does not heal by itself: an operator restarts the smaller side.
        node.start_again().expect("it starts");
    }
    nodes.await_all().expect("they are three again");
}

#[test]
fn a_job_goes_on_while_each_of_three_brokers_dies_in_turn() {
    let mut scene = Scene::new();
    let _mappers = [scene.cluster.mapper(), scene.cluster.mapper()];
    let _reducer = scene.cluster.reducer();
    let (producer, mut pipe) = scene.producer();
    scene.goes_on(&mut pipe);
    // The log, chunks, suspects, dead letters and results.
    assert_eq!(scene.replicas(), "3 3 3 3 3");
    for node in scene.nodes.all() {
        node.kill();
        scene.goes_on(&mut pipe);
        node.start_again().expect("it starts");
        scene.nodes.await_all().expect("they are three again");
        scene.goes_on(&mut pipe);
    }
    scene.ends(producer, pipe);
}

/// Everybody is connected to the first node, whose replicas stand still from some moment on; then
/// so many words are fed, and the job must end.
fn ends_at_another_node(words: usize) {
    let mut scene = Scene::new();
    let listed = ["--broker-order", "listed"];
    let mapper = [&["map", "--threads", "1"], &listed[..]].concat();
    let results = scene.cluster.results();
    let reducer = [&["reduce", "-o", text(&results)], &listed[..]].concat();
    let mut mapper = scene.cluster.spawn(&mapper);
    let mut reducer = scene.cluster.spawn(&reducer);
    let (producer, mut pipe) = scene.producer();
    scene.goes_on(&mut pipe);
    let [first, second, _] = scene.nodes.all() else {
        panic!("three nodes");
    };
    let replicas = |run| scene.cluster.vhost.run_replicas(first, second, run);
    replicas(false).expect("they stand still");
    scene.feeds(&mut pipe, words);
    scene.finishes(producer, pipe);
    for role in [&mut mapper, &mut reducer] {
        role.until_says("comes from this node of the broker");
    }
    let replicas = |run| scene.cluster.vhost.run_replicas(first, second, run);
    replicas(true).expect("they go on");
    scene.cluster.until_clean();
}

#[test]
fn a_node_that_delivers_nothing_is_left_for_another() {
    // More chunks than mappers have in hand: some wait.
    ends_at_another_node(PORTION);
}

#[test]
fn a_node_that_hands_over_all_there_is_in_vain_is_left_for_another() {
    // All are handed over: none waits.
    ends_at_another_node(2000);
}

#[test]
fn a_job_outlives_a_partition_of_the_cluster() {
    let mut scene = Scene::new();
    let _mappers = [scene.cluster.mapper(), scene.cluster.mapper()];
    let results = scene.cluster.results();
    let reducer = ["reduce", "-o", text(&results), "--stall-after", "60"];
    let _reducer = scene.cluster.spawn(&reducer);
    let (producer, mut pipe) = scene.producer();
    for at in 0..scene.nodes.all().len() {
        scene.goes_on(&mut pipe);
        scene.nodes.cut_off(at).expect("it is cut off");
        let cut_off = &scene.nodes.all()[at];
        scene.nodes.await_running(at, 1).expect("it is alone");
        // The others elect leaders.
        let other = &scene.nodes.all()[(at + 1) % 3];
        let led = format!(
            "lists:all(fun({{_, Node}}) -> Node =/= '{}'; (_) -> false end, \
             [ra_leaderboard:lookup_leader(element(1, amqqueue:get_pid(Q))) \
             || Q <- rabbit_amqqueue:list(), amqqueue:get_type(Q) =:= rabbit_quorum_queue]).",
            cut_off.name()
        );
        other.await_value(&led, "true").expect("other leaders");
        scene.nodes.rejoin(at).expect("it is back");
        heal(scene.nodes, at);
        scene.goes_on(&mut pipe);
    }
    scene.ends_or_says_what_is_lost(producer, pipe);
}
