//! The conformance suite over the queues in memory, well-behaved and not.

use std::time::Duration;

use super::{Embedded, Faulty, Room, Transport, conformance};

fn queues(room: usize) -> Embedded {
    Embedded::new(
        2,
        Room {
            chunks: room,
            results: room,
        },
    )
}

/// Runs a case over every transport in memory; a hang is a failure, not a wait.
fn run(room: usize, case: impl AsyncFn(Transport)) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let faulty = (0..4).map(|seed| Transport::Faulty(Faulty::new(queues(room), seed)));
    for transport in std::iter::once(Transport::Embedded(queues(room))).chain(faulty) {
        runtime.block_on(async {
            tokio::time::timeout(Duration::from_secs(30), case(transport))
                .await
                .expect("no hang");
        });
    }
}

#[test]
fn every_message_arrives_and_the_queue_ends() {
    run(100, conformance::every_message_arrives_and_the_queue_ends);
}

#[test]
fn consumers_share_a_queue() {
    run(100, conformance::consumers_share_a_queue);
}

#[test]
fn unsettled_messages_come_again() {
    run(100, conformance::unsettled_messages_come_again);
}

#[test]
fn a_full_queue_makes_publishers_wait_and_a_stop_wakes_them() {
    run(10, async |transport| {
        let patience = Duration::from_millis(50);
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
    run(10, conformance::buried_messages_are_named_and_gone);
}

#[test]
fn queues_that_do_not_exist_are_an_error() {
    run(10, conformance::queues_that_do_not_exist_are_an_error);
}
