//! The harness itself against a real RabbitMQ.

use std::net::TcpStream;

use gristmill_testbroker::{Node, Nodes, Settings};

#[test]
fn a_node_starts_stops_dies_and_comes_back_with_its_data() {
    let node = Node::start(Settings::default()).unwrap();
    let vhost = node.vhost().unwrap();
    let declare = "rabbit_amqqueue:declare(rabbit_misc:r(V, queue, <<\"q\">>), true, false, \
                   [{<<\"x-queue-type\">>, longstr, <<\"quorum\">>}], none, <<\"test\">>), ok.";
    vhost.eval(declare).unwrap();
    assert_eq!(vhost.queues().unwrap()[0].name, "q");

    node.stop();
    assert!(TcpStream::connect(("127.0.0.1", node.port())).is_err());
    node.start_again().unwrap();
    assert!(vhost.queue("q").unwrap().is_some());

    node.kill();
    assert!(TcpStream::connect(("127.0.0.1", node.port())).is_err());
    node.start_again().unwrap();
    assert!(vhost.queue("q").unwrap().is_some());

    vhost.purge_queue("q").unwrap();
    vhost.delete_queue("q").unwrap();
    assert_eq!(vhost.queues().unwrap(), []);
    assert_eq!(vhost.close_connections().unwrap(), 0);

    node.memory_alarm(true).unwrap();
    node.memory_alarm(false).unwrap();
    node.disk_alarm(true).unwrap();
    node.disk_alarm(false).unwrap();
}

#[test]
fn what_the_node_refuses_is_an_error() {
    let error = Node::shared().eval("no_such_module:call().").unwrap_err();
    assert!(error.to_string().contains("undef"), "{error}");
}

#[test]
fn three_nodes_are_one_cluster_that_can_be_cut_and_killed() {
    let nodes = Nodes::start(3, &Settings::default()).unwrap();
    nodes.cut_off(2).unwrap();
    nodes.await_running(0, 2).unwrap();
    nodes.await_running(2, 1).unwrap();
    nodes.rejoin(2).unwrap();
    // Mnesia, before 4.3, does not heal without it.
    nodes.all()[2].start_again().unwrap();
    nodes.await_all().unwrap();
    nodes.all()[0].kill();
    nodes.await_running(1, 2).unwrap();
    nodes.all()[0].start_again().unwrap();
    nodes.await_all().unwrap();
}
