//! Three brokers that are one cluster: each dies and is cut off in turn, and a job goes on.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

use gristmill_testbroker::{Node, Nodes};

use crate::cluster::{Cluster, Files, Role, assert_same, expected, text};
use crate::corpus;

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
        let portion = corpus::prose(before as u64 + 5, PORTION);
        pipe.write_all(portion.as_bytes()).expect("it is read");
        self.fed.push_str(&portion);
        self.cluster.until_segments(before + 1);
    }

    /// Ends the input; the job must have the bytes of `run` over the same.
    #[track_caller]
    fn ends(self, producer: Role, pipe: File) {
        drop(pipe);
        producer.ended().code(0);
        let plain = self.cluster.folder.path().join("plain.txt");
        std::fs::write(&plain, &self.fed).expect("a file");
        let parts = |mut files: Files| {
            files.retain(|name, _| name.starts_with("part-"));
            files
        };
        let expected = parts(expected(WORDS, &plain));
        assert_same(&parts(self.cluster.job("job")), &expected, "after faults");
        assert!(!expected.is_empty());
        self.cluster.until_clean();
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

/// Whether nodes that were cut off heal by themselves; says so if not. Before 4.3 the smaller side
/// must be started again, and once in six times on 3.10.8 outcomes were then missing and no queue
/// held them.
fn heals() -> bool {
    let version = Node::shared().version().expect("its version");
    let heals = version >= (4, 3);
    #[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
    if !heals {
        eprintln!("skipped: this is {version:?}, which does not heal by itself");
    }
    heals
}

#[test]
fn a_job_outlives_a_partition_of_the_cluster() {
    if !heals() {
        return;
    }
    let mut scene = Scene::new();
    let _mappers = [scene.cluster.mapper(), scene.cluster.mapper()];
    let _reducer = scene.cluster.reducer();
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
    scene.ends(producer, pipe);
}
