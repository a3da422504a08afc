//! What every transport must do: one suite, run over all of them. It is given a job's queues with
//! two partitions and asks for nothing else.

use std::time::Duration;

use bytes::Bytes;

use super::{PublishError, Queue, Transport};

/// Every case as a test: `run` takes the bytes of room in each queue and the case. Cases that need
/// no narrow room get `wide`; a publisher without room is watched for `patience`.
macro_rules! cases {
    ($run:ident, wide: $wide:expr, patience: $patience:expr) => {
        conformance::cases! { $run,
            every_message_arrives_and_the_queue_ends: $wide,
            consumers_share_a_queue: $wide,
            unsettled_messages_come_again: $wide,
            room_lets_waiting_publishers_go_on: 10,
            a_message_larger_than_the_bound_still_passes: 4,
            dead_lettered_messages_are_named_and_gone: $wide,
            queues_that_do_not_exist_are_an_error: $wide,
        }

        #[test]
        fn a_full_queue_makes_publishers_wait_and_a_stop_wakes_them() {
            use conformance::a_full_queue_makes_publishers_wait_and_a_stop_wakes_them as case;
            $run(10, async |transport| case(transport, $patience).await);
        }
    };
    ($run:ident, $($case:ident: $room:expr,)*) => {
        $(
            #[test]
            fn $case() {
                $run($room, conformance::$case);
            }
        )*
    };
}
pub(crate) use cases;

pub(crate) async fn every_message_arrives_and_the_queue_ends(transport: Transport) {
    let sender = transport.clone();
    let sending = tokio::spawn(async move {
        for number in 0..50u8 {
            sender
                .publish(Queue::Chunks, Bytes::from(vec![number; 30]))
                .await
                .unwrap();
        }
    });
    let mut seen = std::collections::BTreeSet::new();
    while seen.len() < 50 {
        let delivery = transport.next(Queue::Chunks).await.unwrap().unwrap();
        assert_eq!(delivery.payload().len(), 30);
        seen.insert(delivery.payload()[0]);
        delivery.ack().await;
    }
    sending.await.unwrap();
    transport.finish(Queue::Chunks);
    while let Some(copy) = transport.next(Queue::Chunks).await.unwrap() {
        assert!(seen.contains(&copy.payload()[0]));
        copy.ack().await;
    }
    assert_eq!(seen.len(), 50);
}

pub(crate) async fn consumers_share_a_queue(transport: Transport) {
    let consumers: Vec<_> = (0..3)
        .map(|_| {
            let transport = transport.clone();
            tokio::spawn(async move {
                let mut seen = Vec::new();
                while let Some(delivery) = transport.next(Queue::Chunks).await.unwrap() {
                    seen.push(delivery.payload()[0]);
                    delivery.ack().await;
                }
                seen
            })
        })
        .collect();
    for number in 0..30 {
        transport
            .publish(Queue::Chunks, Bytes::from(vec![number]))
            .await
            .unwrap();
    }
    transport.finish(Queue::Chunks);
    let mut all = std::collections::BTreeSet::new();
    for consumer in consumers {
        all.extend(consumer.await.unwrap());
    }
    assert_eq!(all.len(), 30);
}

pub(crate) async fn unsettled_messages_come_again(transport: Transport) {
    transport
        .publish(Queue::Results(1), Bytes::from_static(b"m"))
        .await
        .unwrap();
    let first = transport.next(Queue::Results(1)).await.unwrap().unwrap();
    first.retry().await;
    let second = transport.next(Queue::Results(1)).await.unwrap().unwrap();
    drop(second);
    let third = transport.next(Queue::Results(1)).await.unwrap().unwrap();
    assert!(third.redelivered());
    third.ack().await;
    transport.finish(Queue::Results(1));
    while let Some(copy) = transport.next(Queue::Results(1)).await.unwrap() {
        copy.ack().await;
    }
}

/// The queues have room for 10 bytes, give or take a few messages; a publisher that waits for so
/// long is held back.
pub(crate) async fn a_full_queue_makes_publishers_wait_and_a_stop_wakes_them(
    transport: Transport,
    patience: Duration,
) {
    let mut taken = 0;
    let waiting = loop {
        let sender = transport.clone();
        let mut publishing = tokio::spawn(async move {
            sender
                .publish(Queue::Chunks, Bytes::from_static(&[1; 8]))
                .await
        });
        match tokio::time::timeout(patience, &mut publishing).await {
            Ok(done) => done.unwrap().unwrap(),
            Err(_) => break publishing,
        }
        taken += 1;
        assert!(taken < 30, "a full queue must not take messages");
    };
    assert!(taken > 0, "an empty queue must take a message");
    transport.stop();
    assert_eq!(waiting.await.unwrap(), Err(PublishError::Stopped));
    assert!(transport.next(Queue::Chunks).await.unwrap().is_none());
}

/// The queues have room for 10 bytes.
pub(crate) async fn room_lets_waiting_publishers_go_on(transport: Transport) {
    let sender = transport.clone();
    let sending = tokio::spawn(async move {
        for number in 0..40 {
            sender
                .publish(Queue::Chunks, Bytes::from(vec![number; 8]))
                .await
                .unwrap();
        }
    });
    let mut seen = std::collections::BTreeSet::new();
    while seen.len() < 40 {
        let delivery = transport.next(Queue::Chunks).await.unwrap().unwrap();
        seen.insert(delivery.payload()[0]);
        delivery.ack().await;
    }
    sending.await.unwrap();
}

/// The queues have room for 4 bytes.
pub(crate) async fn a_message_larger_than_the_bound_still_passes(transport: Transport) {
    transport
        .publish(Queue::Chunks, Bytes::from_static(&[0; 64]))
        .await
        .unwrap();
    let delivery = transport.next(Queue::Chunks).await.unwrap().unwrap();
    assert_eq!(delivery.payload().len(), 64);
    delivery.ack().await;
}

pub(crate) async fn dead_lettered_messages_are_named_and_gone(transport: Transport) {
    transport
        .publish(Queue::Chunks, Bytes::from_static(b"?"))
        .await
        .unwrap();
    let delivery = transport.next(Queue::Chunks).await.unwrap().unwrap();
    delivery.dead_letter("unreadable".into()).await;
    transport.finish(Queue::Chunks);
    while let Some(copy) = transport.next(Queue::Chunks).await.unwrap() {
        copy.dead_letter("unreadable".into()).await;
    }
    assert!(
        transport
            .dead_letter_reasons()
            .iter()
            .any(|reason| reason == "unreadable")
    );
}

pub(crate) async fn queues_that_do_not_exist_are_an_error(transport: Transport) {
    let lost = transport.publish(Queue::Results(9), Bytes::new()).await;
    assert_eq!(lost, Err(PublishError::NoQueue(Queue::Results(9))));
    let none = transport.next(Queue::Results(9)).await.err();
    assert_eq!(none, Some(PublishError::NoQueue(Queue::Results(9))));
}
