//! The broker stopped, killed and frozen under load: no confirmed message is lost.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use gristmill_jobs::declare::delete_job;
use gristmill_jobs::queue::Queue;
use gristmill_jobs::transport::{Amqp, Prefetch, Settled, Transport};
use gristmill_rabbitmq::{Broker, BrokerEvent, BrokerOptions};
use gristmill_testbroker::{Node, Settings};

use crate::harness::{PARTITIONS, connect, connect_with, job, run, transport, until, until_within};

/// Publishes and consumes through `mishap`, then checks that every confirmed message was consumed
/// and acknowledged. Gives the number of confirmed messages and of duplicates.
async fn under_load(node: &Node, mishap: impl AsyncFn(&Node)) -> (usize, usize) {
    let vhost = node.vhost().unwrap();
    let (_broker, sender, events) = transport(&vhost, 1 << 30).await;
    let (consumer_broker, _) = connect(&vhost).await;
    let receiver = Transport::Amqp(Amqp::new(&consumer_broker, job(), Prefetch::default()));
    let stop = Arc::new(AtomicBool::new(false));
    let next = Arc::new(AtomicU64::new(0));
    let confirmed = Arc::new(AtomicU64::new(0));
    let publishers: Vec<_> = (0..8)
        .map(|_| {
            let (sender, stop) = (sender.clone(), Arc::clone(&stop));
            let (next, confirmed) = (Arc::clone(&next), Arc::clone(&confirmed));
            tokio::spawn(async move {
                let mut mine = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let mut message = number.to_be_bytes().to_vec();
                    message.resize(4096, 0);
                    sender
                        .publish(Queue::Chunks, Bytes::from(message))
                        .await
                        .unwrap();
                    mine.push(number);
                    confirmed.fetch_add(1, Ordering::Relaxed);
                }
                mine
            })
        })
        .collect();
    let seen = Arc::new(std::sync::Mutex::new((BTreeSet::new(), 0usize)));
    let consuming = tokio::spawn({
        let (receiver, seen) = (receiver.clone(), Arc::clone(&seen));
        async move {
            while let Some(delivery) = receiver.next(Queue::Chunks).await.unwrap() {
                let number = u64::from_be_bytes(*delivery.payload().first_chunk().unwrap());
                // It counts whatever becomes of the acknowledgement: one that is lost on its way
                // back may still have reached the broker, and then the message does not come again.
                delivery.ack().await;
                let mut seen = seen.lock().unwrap();
                seen.1 += 1;
                seen.0.insert(number);
            }
        }
    });
    until("the load runs", || confirmed.load(Ordering::Relaxed) > 500).await;
    mishap(node).await;
    let before = confirmed.load(Ordering::Relaxed);
    until("the load goes on", || {
        confirmed.load(Ordering::Relaxed) > before + 500
    })
    .await;
    stop.store(true, Ordering::Relaxed);
    let mut all = BTreeSet::new();
    for publisher in publishers {
        all.extend(publisher.await.unwrap());
    }
    until("everything confirmed was consumed", || {
        seen.lock().unwrap().0.is_superset(&all)
    })
    .await;
    receiver.stop();
    consuming.await.unwrap();
    // Messages may flow again a moment before both connections are back and that is said.
    until("the broker's going and coming back were both said", || {
        let said = events.lock().unwrap();
        let count = |wanted: fn(&BrokerEvent) -> bool| said.iter().filter(|n| wanted(n)).count();
        let gone = count(|n| matches!(n, BrokerEvent::Gone { .. }));
        gone >= 1 && gone == count(|n| matches!(n, BrokerEvent::Back { .. }))
    })
    .await;
    let consumed = seen.lock().unwrap();
    (all.len(), consumed.1 - consumed.0.len())
}

#[test]
fn no_confirmed_message_is_lost_through_stops_kills_and_freezes() {
    let node = Node::start(Settings::default()).unwrap();
    run(async {
        let (confirmed, doubled) = under_load(&node, async |node| {
            node.stop();
            node.start_again().unwrap();
        })
        .await;
        assert!(confirmed > 1000 && doubled < 500, "{confirmed} {doubled}");
        let (confirmed, doubled) = under_load(&node, async |node| {
            node.kill();
            node.start_again().unwrap();
        })
        .await;
        assert!(confirmed > 1000 && doubled < 500, "{confirmed} {doubled}");
        let (confirmed, doubled) = under_load(&node, async |node| {
            node.freeze();
            // Past the heartbeat of 2 s: both sides must give up.
            tokio::time::sleep(Duration::from_secs(7)).await;
            node.thaw();
        })
        .await;
        assert!(confirmed > 1000 && doubled < 500, "{confirmed} {doubled}");
    });
}

#[test]
fn a_kill_right_after_the_job_was_declared_loses_nothing() {
    let node = Node::start(Settings::default()).unwrap();
    let vhost = node.vhost().unwrap();
    run(async {
        let (broker, queues, _) = transport(&vhost, 1 << 20).await;
        for to in [
            Queue::Chunks,
            Queue::Results(0),
            Queue::Results(1),
            Queue::Dead,
        ] {
            queues
                .publish(to, Bytes::from_static(b"confirmed"))
                .await
                .unwrap();
        }
        node.kill();
        node.start_again().unwrap();
        for from in [
            Queue::Chunks,
            Queue::Results(0),
            Queue::Results(1),
            Queue::Dead,
        ] {
            let delivery = queues.next(from).await.unwrap().unwrap();
            assert_eq!(delivery.ack().await, Settled::Done);
        }
        delete_job(&broker, &job(), PARTITIONS).await.unwrap();
        assert_eq!(vhost.queues().unwrap(), []);
    });
}

#[test]
fn a_broker_that_is_not_there_yet_is_waited_for() {
    let node = Node::start(Settings::default()).unwrap();
    let vhost = node.vhost().unwrap();
    node.stop();
    run(async {
        let url = vhost.url();
        let told = Arc::new(AtomicBool::new(false));
        let mut options = BrokerOptions::new(url.parse().unwrap());
        let flag = Arc::clone(&told);
        options.listener = Arc::new(move |_| flag.store(true, Ordering::Relaxed));
        let connecting = tokio::spawn(Broker::connect(options));
        until("it is said", || told.load(Ordering::Relaxed)).await;
        node.start_again().unwrap();
        connecting.await.unwrap().unwrap();
    });
}

#[test]
fn a_broker_that_confirms_nothing_is_reported() {
    let node = Node::start(Settings::default()).unwrap();
    let vhost = node.vhost().unwrap();
    run(async {
        let (_, _, _) = transport(&vhost, 1 << 20).await;
        let (broker, events) = connect_with(&vhost, 600).await;
        let queues = Transport::Amqp(Amqp::new(&broker, job(), Prefetch::default()));
        let message = Bytes::from_static(b"x");
        queues
            .publish(Queue::Chunks, message.clone())
            .await
            .unwrap();
        node.freeze();
        let publishing = tokio::spawn(async move { queues.publish(Queue::Chunks, message).await });
        until("the silence is said", || {
            let said = events.lock().unwrap();
            said.iter().any(|n| matches!(n, BrokerEvent::Silent { .. }))
        })
        .await;
        assert!(!publishing.is_finished());
        node.thaw();
        assert_eq!(publishing.await.unwrap(), Ok(()));
    });
}

#[test]
fn a_question_that_is_never_answered_is_asked_again_on_a_new_connection() {
    let node = Node::start(Settings::default()).unwrap();
    let vhost = node.vhost().unwrap();
    run(async {
        let (_, _, _) = transport(&vhost, 1 << 20).await;
        // The heartbeat would event too late.
        let (broker, events) = connect_with(&vhost, 600).await;
        node.freeze();
        let given_up = async {
            let limit = Duration::from_secs(100);
            until_within(limit, "the connection is given up", || {
                let said = events.lock().unwrap();
                said.iter().any(|n| matches!(n, BrokerEvent::Gone { .. }))
            })
            .await;
            node.thaw();
        };
        let job = job();
        let deleting = delete_job(&broker, &job, PARTITIONS);
        let (deleted, ()) = tokio::join!(deleting, given_up);
        deleted.unwrap();
        assert_eq!(vhost.queues().unwrap(), []);
    });
}

#[test]
fn what_a_producer_left_that_died_while_it_declared_goes_with_the_job() {
    let vhost = Node::shared().vhost().unwrap();
    run(async {
        let (broker, _, _) = transport(&vhost, 1 << 20).await;
        let declared = vhost.eval(&format!(
            "Name = rabbit_misc:r(V, queue, <<\"gristmill.{}.scratch\">>), \
             {{new, _}} = rabbit_amqqueue:declare(Name, true, false, [], none, <<\"test\">>), <<\"ok\">>.",
            job()
        ));
        declared.unwrap();
        delete_job(&broker, &job(), PARTITIONS).await.unwrap();
        assert_eq!(vhost.queues().unwrap(), []);
    });
}
