//! Three brokers that are one cluster: each dies and is cut off in turn, and a job goes on.

use std::path::PathBuf;

use gristmill_testbroker::Nodes;

use crate::cluster::{Cluster, Files, Role, assert_same, expected, text};
use crate::corpus;

const WORDS: &[&str] = &["word-count"];

/// A job of some hundred chunks on three nodes.
struct Scene {
    cluster: Cluster,
    nodes: &'static Nodes,
    input: PathBuf,
    expected: Files,
}

impl Scene {
    fn new() -> Self {
        let (cluster, nodes) = Cluster::of_three();
        let input = cluster.folder.path().join("text.txt");
        std::fs::write(&input, corpus::prose(5, 300_000)).expect("a file");
        let expected = expected(WORDS, &input);
        let scene = Self {
            cluster,
            nodes,
            input,
            expected,
        };
        // A broker that is killed within seconds of its first stream forgets it.
        scene.cluster.run(&["doctor"]).code(0);
        scene
    }

    fn producer(&self) -> Role {
        let mut words = vec!["produce"];
        words.extend(WORDS);
        words.extend([text(&self.input), "--job", "job", "--wait"]);
        words.extend(["--chunk-size", "4KiB"]);
        self.cluster.spawn(&words)
    }

    /// Waits until more is durable than was.
    #[track_caller]
    fn goes_on(&self) {
        let before = self.cluster.segments().len();
        self.cluster.until_segments(before + 2);
    }

    #[track_caller]
    fn ends(&self, producer: Role) {
        producer.ended().code(0);
        assert_same(&self.cluster.job("job"), &self.expected, "after the faults");
        self.cluster.until_clean();
    }

    /// How many replicas each queue and stream has.
    fn replicas(&self) -> String {
        let code = "iolist_to_binary(lists:join(\" \", [begin \
             Members = maps:get(nodes, amqqueue:get_type_state(Q)), \
             integer_to_list(length(Members)) end || Q <- rabbit_amqqueue:list(V), \
             lists:member(amqqueue:get_type(Q), [rabbit_quorum_queue, rabbit_stream_queue])])).";
        self.cluster.vhost.eval(code).expect("the broker's queues")
    }
}

#[test]
fn a_job_goes_on_while_each_of_three_brokers_dies_in_turn() {
    let scene = Scene::new();
    let _mappers = [scene.cluster.mapper(), scene.cluster.mapper()];
    let _reducer = scene.cluster.reducer();
    let producer = scene.producer();
    scene.goes_on();
    let replicas = scene.replicas();
    // The log, chunks, suspects, dead letters and results.
    assert_eq!(replicas, "3 3 3 3 3");
    for node in scene.nodes.all() {
        node.kill();
        scene.goes_on();
        node.start_again().expect("it starts");
        scene.nodes.await_all().expect("they are three again");
    }
    scene.ends(producer);
}

#[test]
fn a_job_outlives_a_partition_of_the_cluster() {
    let scene = Scene::new();
    let _mappers = [scene.cluster.mapper(), scene.cluster.mapper()];
    let _reducer = scene.cluster.reducer();
    let producer = scene.producer();
    for at in 0..scene.nodes.all().len() {
        scene.goes_on();
        scene.nodes.cut_off(at).expect("it is cut off");
        let cut_off = &scene.nodes.all()[at];
        scene.nodes.await_running(at, 1).expect("it is alone");
        // The others elect leaders.
        let other = &scene.nodes.all()[(at + 1) % 3];
        let led = format!(
            "lists:member('{}', [element(2, amqqueue:get_pid(Q)) || Q <- rabbit_amqqueue:list(), \
             amqqueue:get_type(Q) =:= rabbit_quorum_queue]).",
            cut_off.name()
        );
        other.await_value(&led, "false").expect("other leaders");
        scene.nodes.rejoin(at).expect("it is back");
        if cut_off.version().expect("its version") < (4, 3) {
            // Mnesia does not heal by itself: an operator restarts the smaller side.
            cut_off.start_again().expect("it starts");
        }
        scene.nodes.await_all().expect("they are three again");
    }
    scene.ends(producer);
}
