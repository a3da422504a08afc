//! What every transport must do: one suite, run over all of them.

use std::time::Duration;

use bytes::Bytes;

use super::*;

fn queues(room: usize) -> Embedded {
    Embedded::new(
        2,
        Room {
            chunks: room,
            results: room,
        },
    )
}

fn all(room: usize) -> Vec<Transport> {
    let faulty = (0..4).map(|seed| Transport::Faulty(Faulty::new(queues(room), seed)));
    std::iter::once(Transport::Embedded(queues(room)))
        .chain(faulty)
        .collect()
}

/// Bounds every test: a hang is a failure, not a wait.
fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        tokio::time::timeout(Duration::from_secs(30), test)
            .await
            .expect("no hang");
    });
}

#[test]
fn every_message_arrives_and_the_queue_ends() {
    for transport in all(100) {
        run(async {
            let sender = transport.clone();
            let sending = tokio::spawn(async move {
                for number in 0..50u8 {
                    sender
                        .publish(Queue::Chunks, Bytes::from(vec![number; 30]))
                        .await
                        .unwrap();
                }
                sender.finish(Queue::Chunks);
            });
            let mut seen = std::collections::BTreeSet::new();
            while let Some(delivery) = transport.next(Queue::Chunks).await.unwrap() {
                assert_eq!(delivery.payload().len(), 30);
                seen.insert(delivery.payload()[0]);
                delivery.ack().await;
            }
            sending.await.unwrap();
            assert_eq!(seen.len(), 50);
        });
    }
}

#[test]
fn unsettled_messages_come_again() {
    for transport in all(100) {
        run(async {
            transport
                .publish(Queue::Results(1), Bytes::from_static(b"m"))
                .await
                .unwrap();
            transport.finish(Queue::Results(1));
            let first = transport.next(Queue::Results(1)).await.unwrap().unwrap();
            first.retry().await;
            let second = transport.next(Queue::Results(1)).await.unwrap().unwrap();
            drop(second);
            let third = transport.next(Queue::Results(1)).await.unwrap().unwrap();
            assert!(third.redelivered());
            third.ack().await;
            while let Some(copy) = transport.next(Queue::Results(1)).await.unwrap() {
                copy.ack().await;
            }
        });
    }
}

#[test]
fn a_full_queue_makes_publishers_wait_and_a_stop_wakes_them() {
    for transport in all(10) {
        run(async {
            transport
                .publish(Queue::Chunks, Bytes::from_static(&[0; 8]))
                .await
                .unwrap();
            let sender = transport.clone();
            let waiting = tokio::spawn(async move {
                sender
                    .publish(Queue::Chunks, Bytes::from_static(&[1; 8]))
                    .await
            });
            let early = tokio::time::timeout(Duration::from_millis(50), async {
                while !waiting.is_finished() {
                    tokio::task::yield_now().await;
                }
            });
            assert!(early.await.is_err(), "a full queue must not take a message");
            transport.stop();
            assert_eq!(waiting.await.unwrap(), Err(PublishError::Stopped));
            assert!(transport.next(Queue::Chunks).await.unwrap().is_none());
        });
    }
}

#[test]
fn a_message_larger_than_the_bound_still_passes() {
    for transport in all(4) {
        run(async {
            transport
                .publish(Queue::Chunks, Bytes::from_static(&[0; 64]))
                .await
                .unwrap();
            let delivery = transport.next(Queue::Chunks).await.unwrap().unwrap();
            assert_eq!(delivery.payload().len(), 64);
        });
    }
}

#[test]
fn buried_messages_are_named_and_gone() {
    for transport in all(10) {
        run(async {
            transport
                .publish(Queue::Chunks, Bytes::from_static(b"?"))
                .await
                .unwrap();
            transport.finish(Queue::Chunks);
            while let Some(delivery) = transport.next(Queue::Chunks).await.unwrap() {
                delivery.bury("unreadable".into()).await;
            }
            assert!(
                transport
                    .buried()
                    .iter()
                    .any(|reason| reason == "unreadable")
            );
        });
    }
}

#[test]
fn queues_that_do_not_exist_are_an_error() {
    for transport in all(10) {
        run(async {
            let lost = transport.publish(Queue::Results(9), Bytes::new()).await;
            assert_eq!(lost, Err(PublishError::NoQueue(Queue::Results(9))));
        });
    }
}
