//! The conformance suite over a real RabbitMQ.

use std::time::Duration;

use gristmill_jobs::queue::Queue;
use gristmill_jobs::transport::{PublishError, Transport};
use gristmill_testbroker::Node;

#[path = "../src/transport/conformance.rs"]
mod conformance;
mod harness;

fn run(room: u64, case: impl AsyncFn(Transport)) {
    let vhost = Node::shared().vhost().unwrap();
    harness::run(async {
        let (broker, transport, _) = harness::transport(&vhost, room).await;
        case(transport).await;
        broker.close().await;
    });
}

#[test]
fn every_message_arrives_and_the_queue_ends() {
    run(
        1 << 20,
        conformance::every_message_arrives_and_the_queue_ends,
    );
}

#[test]
fn consumers_share_a_queue() {
    run(1 << 20, conformance::consumers_share_a_queue);
}

#[test]
fn unsettled_messages_come_again() {
    run(1 << 20, conformance::unsettled_messages_come_again);
}

#[test]
fn a_full_queue_makes_publishers_wait_and_a_stop_wakes_them() {
    run(10, async |transport| {
        let patience = Duration::from_secs(2);
        conformance::a_full_queue_makes_publishers_wait_and_a_stop_wakes_them(transport, patience)
            .await;
    });
}

#[test]
fn room_lets_waiting_publishers_go_on() {
    run(10, conformance::room_lets_waiting_publishers_go_on);
}

#[test]
fn a_message_larger_than_the_bound_still_passes() {
    run(4, conformance::a_message_larger_than_the_bound_still_passes);
}

#[test]
fn buried_messages_are_named_and_gone() {
    run(1 << 20, conformance::buried_messages_are_named_and_gone);
}

#[test]
fn queues_that_do_not_exist_are_an_error() {
    run(1 << 20, conformance::queues_that_do_not_exist_are_an_error);
}
