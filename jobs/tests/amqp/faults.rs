//! What operators and misfortune do to a running job: each thing once, directed.

use std::time::Duration;

use bytes::Bytes;
use gristmill_common::job::JobRun;
use gristmill_jobs::declare::{Backlog, declare_job, delete_job, queue_depth};
use gristmill_jobs::queue::Queue;
use gristmill_jobs::transport::{Amqp, Prefetch, PublishError, Settled, Transport};
use gristmill_rabbitmq::{Broker, BrokerEvent, BrokerOptions, ConnectError, QueueError};
use gristmill_testbroker::{Node, Settings};

use crate::harness::{connect, declared, job, name, run, transport, until, until_within};

fn message(number: u32) -> Bytes {
    Bytes::from(number.to_be_bytes().to_vec())
}

#[test]
fn a_publish_to_a_queue_that_is_gone_is_not_lost_silently() {
    let vhost = Node::shared().vhost().unwrap();
    run(async {
        let (_broker, queues, _) = transport(&vhost, 1 << 20).await;
        queues.publish(Queue::Chunks, message(1)).await.unwrap();
        vhost.delete_queue(&name(Queue::Chunks)).unwrap();
        // Among publishes that do arrive, so that a return could be taken for another's.
        let publishing: Vec<_> = (0..60u32)
            .map(|number| {
                let queues = queues.clone();
                let to = if number % 3 == 0 {
                    Queue::Chunks
                } else {
                    Queue::Results(number % 2)
                };
                tokio::spawn(async move { (to, queues.publish(to, message(number)).await) })
            })
            .collect();
        for done in publishing {
            let (to, result) = done.await.unwrap();
            match to {
                Queue::Chunks => assert_eq!(result, Err(PublishError::NoQueue(to))),
                _ => assert_eq!(result, Ok(())),
            }
        }
    });
}

#[test]
fn a_queue_deleted_under_its_consumer_is_a_typed_error() {
    let vhost = Node::shared().vhost().unwrap();
    run(async {
        let (_broker, queues, _) = transport(&vhost, 1 << 20).await;
        queues.publish(Queue::Chunks, message(1)).await.unwrap();
        let held = queues.next(Queue::Chunks).await.unwrap().unwrap();
        let waiting = tokio::spawn({
            let queues = queues.clone();
            async move { queues.next(Queue::Chunks).await.map(|_| ()) }
        });
        vhost.delete_queue(&name(Queue::Chunks)).unwrap();
        let error = waiting.await.unwrap();
        assert_eq!(error, Err(PublishError::NoQueue(Queue::Chunks)));
        assert_eq!(held.ack().await, Settled::Lost);
    });
}

#[test]
fn a_queue_that_lost_its_leader_counts_as_gone_and_is_made_anew() {
    let vhost = Node::shared().vhost().unwrap();
    run(async {
        let (_, _, _) = transport(&vhost, 1 << 20).await;
        vhost.behead_queue(&name(Queue::Results(0))).unwrap();
        let mut options = BrokerOptions::new(vhost.url().parse().unwrap());
        options.patience = Duration::from_secs(3);
        let broker = Broker::connect(options).await.unwrap();
        let queues = Transport::Amqp(Amqp::new(&broker, job(), Prefetch::default()));
        let to = Queue::Results(0);
        let error = queues.publish(to, message(1)).await;
        assert_eq!(error, Err(PublishError::NoQueue(to)));
        declare_job(&broker, &job(), 2, Backlog::of(1 << 20))
            .await
            .unwrap();
        queues.publish(to, message(1)).await.unwrap();
    });
}

/// Two producers of one run may both declare it, and one may be at work when the other comes.
#[test]
fn a_queue_that_answers_is_not_made_anew_although_it_is_empty() {
    let vhost = Node::shared().vhost().unwrap();
    run(async {
        let (broker, _, _) = transport(&vhost, 1 << 20).await;
        // Made anew they would have these settings.
        let other = Backlog::of(64 << 20);
        let declared = declare_job(&broker, &job(), 2, other).await;
        let conflict = matches!(declared, Err(QueueError::Conflict { .. }));
        assert!(conflict, "{declared:?}");
    });
}

#[test]
fn an_operator_closing_connections_loses_no_message_and_makes_acks_stale() {
    let vhost = Node::shared().vhost().unwrap();
    run(async {
        let (_broker, queues, events) = transport(&vhost, 1 << 20).await;
        for number in 0..3 {
            queues
                .publish(Queue::Chunks, message(number))
                .await
                .unwrap();
        }
        let held = queues.next(Queue::Chunks).await.unwrap().unwrap();
        assert_eq!(vhost.close_connections().unwrap(), 2);
        until("the delivery is stale", || held.is_stale()).await;
        assert_eq!(held.ack().await, Settled::Lost);

        queues.publish(Queue::Chunks, message(3)).await.unwrap();
        let mut seen = std::collections::BTreeSet::new();
        while seen.len() < 4 {
            let delivery = queues.next(Queue::Chunks).await.unwrap().unwrap();
            assert!(!delivery.is_stale());
            seen.insert(delivery.payload().clone());
            assert_eq!(delivery.ack().await, Settled::Done);
        }
        until("the loss and the return are said once each", || {
            let events = events.lock().unwrap();
            let count =
                |wanted: fn(&BrokerEvent) -> bool| events.iter().filter(|n| wanted(n)).count();
            count(|n| matches!(n, BrokerEvent::Gone { .. })) == 1
                && count(|n| matches!(n, BrokerEvent::Back { .. })) == 1
        })
        .await;
        let said = events.lock().unwrap();
        assert!(
            said.iter()
                .all(|event| !event.to_string().contains("guest:guest"))
        );
    });
}

#[test]
fn a_chunk_that_keeps_coming_back_becomes_a_suspect() {
    let vhost = Node::shared().vhost().unwrap();
    run(async {
        let (_broker, queues, _) = transport(&vhost, 1 << 20).await;
        queues.publish(Queue::Chunks, message(7)).await.unwrap();
        let mut handed_over = 0;
        let suspect = loop {
            tokio::select! {
                delivery = queues.next(Queue::Chunks) => {
                    let delivery = delivery.unwrap().unwrap();
                    assert_eq!(delivery.delivery_count().unwrap_or(0), handed_over);
                    handed_over += 1;
                    delivery.retry().await;
                }
                suspect = queues.next(Queue::Suspect) => break suspect.unwrap().unwrap(),
            }
        };
        assert_eq!(handed_over, 4, "the limit is 3 returns");
        assert_eq!(suspect.payload(), &message(7));
        // The queue of suspects has no limit that matters.
        suspect.retry().await;
        for _ in 0..30 {
            let again = queues.next(Queue::Suspect).await.unwrap().unwrap();
            again.retry().await;
        }
        let last = queues.next(Queue::Suspect).await.unwrap().unwrap();
        assert_eq!(last.ack().await, Settled::Done);
    });
}

#[test]
fn only_a_chunk_that_failed_is_counted_where_the_broker_tells_them_apart() {
    let vhost = Node::shared().vhost().unwrap();
    // Before 4.3 every return is counted.
    let tells_apart = vhost.node().version().unwrap() >= (4, 3);
    run(async {
        let (_broker, queues, _) = transport(&vhost, 1 << 20).await;
        queues.publish(Queue::Chunks, message(7)).await.unwrap();
        let next = async || queues.next(Queue::Chunks).await.unwrap().unwrap();
        for returned in 0..3 {
            let delivery = next().await;
            let counted = if tells_apart { 0 } else { returned };
            assert_eq!(delivery.delivery_count().unwrap_or(0), counted);
            // Not begun: a drain, a stop, a job that was left.
            drop(delivery);
        }
        if !tells_apart {
            let suspect = queues.next(Queue::Suspect);
            drop(next().await);
            assert_eq!(suspect.await.unwrap().unwrap().payload(), &message(7));
            return;
        }
        // As of a thread that panics with the chunk in hand.
        next().await.drop_failed();
        let delivery = next().await;
        assert_eq!(delivery.delivery_count(), Some(1));
        delivery.retry().await;
        let delivery = next().await;
        assert_eq!(delivery.delivery_count(), Some(2));
        assert_eq!(delivery.ack().await, Settled::Done);
    });
}

#[test]
fn a_queue_that_refuses_everything_gets_a_new_channel_and_is_told_of() {
    let vhost = Node::shared().vhost().unwrap();
    run(async {
        let (broker, queues, events) = transport(&vhost, 32 << 20).await;
        let to = Queue::Results(0);
        // Its limit is 16 MiB. 4.3 keeps to it; older ones take what is on its way when it is
        // reached.
        let part = Bytes::from(vec![0; 4 << 20]);
        let publishing: Vec<_> = (0..12)
            .map(|_| {
                let (queues, part) = (queues.clone(), part.clone());
                tokio::spawn(async move { queues.publish(to, part).await })
            })
            .collect();
        let refusing = |event: &BrokerEvent| match event {
            BrokerEvent::Refusing {
                queue, messages, ..
            } => *queue == name(to) && matches!(messages, Some(4..=11)),
            _ => false,
        };
        until_within(Duration::from_secs(60), "it is told", || {
            events.lock().unwrap().iter().any(refusing)
        })
        .await;
        assert!(broker.refusals() > 20, "{}", broker.refusals());
        // After 2 s, and every 5 s.
        let renewed = broker.renewed_channels();
        assert!((3..=6).contains(&renewed), "{renewed}");
        for _ in 0..12 {
            queues.next(to).await.unwrap().unwrap().ack().await;
        }
        for published in publishing {
            assert_eq!(published.await.unwrap(), Ok(()));
        }
        let told = (events.lock().unwrap().iter())
            .filter(|event| matches!(event, BrokerEvent::Refusing { .. }))
            .count();
        assert_eq!(told, 1);
    });
}

/// A broker may come back from a kill with a queue that has no Raft member (3.10.8 does), and ends
/// the connection of whoever subscribes to it.
#[test]
fn a_queue_without_a_leader_is_told_of_and_leaves_others_in_peace() {
    let vhost = Node::shared().vhost().unwrap();
    run(async {
        let (_broker, queues, events) = transport(&vhost, 1 << 20).await;
        queues.publish(Queue::Results(1), message(1)).await.unwrap();
        vhost.run_queue(&name(Queue::Results(0)), false).unwrap();
        let waiting = tokio::spawn({
            let queues = queues.clone();
            async move { queues.next(Queue::Results(0)).await.map(|_| ()) }
        });
        until_within(Duration::from_secs(60), "it is told", || {
            events.lock().unwrap().iter().any(|event| {
                matches!(event, BrokerEvent::Unserved { queue, .. } if *queue == name(Queue::Results(0)))
            })
        })
        .await;
        // Every try ends all subscriptions, so there are few.
        let lost = || {
            let events = events.lock().unwrap();
            let gone = events
                .iter()
                .filter(|event| matches!(event, BrokerEvent::Gone { .. }));
            gone.count()
        };
        let before = lost();
        queues
            .next(Queue::Results(1))
            .await
            .unwrap()
            .unwrap()
            .ack()
            .await;
        assert!(lost() - before <= 1, "{}", lost());
        vhost.run_queue(&name(Queue::Results(0)), true).unwrap();
        queues.publish(Queue::Results(0), message(2)).await.unwrap();
        until_within(Duration::from_secs(60), "it is served", || {
            waiting.is_finished()
        })
        .await;
        waiting.await.unwrap().unwrap();
        let served = BrokerEvent::Served {
            queue: name(Queue::Results(0)),
        };
        assert!(events.lock().unwrap().contains(&served));
    });
}

#[test]
fn a_channel_from_a_time_without_a_leader_is_given_up() {
    let vhost = Node::shared().vhost().unwrap();
    run(async {
        let (broker, queues, _) = transport(&vhost, 1 << 20).await;
        let to = Queue::Results(0);
        vhost.run_queue(&name(to), false).unwrap();
        let publishing = tokio::spawn({
            let queues = queues.clone();
            async move { queues.publish(to, message(1)).await }
        });
        until("a channel without a leader is given up", || {
            broker.renewed_channels() > 0
        })
        .await;
        vhost.run_queue(&name(to), true).unwrap();
        let published = tokio::time::timeout(Duration::from_secs(60), publishing).await;
        assert_eq!(published.expect("it is taken in time").unwrap(), Ok(()));
    });
}

#[test]
fn a_dead_lettered_message_lies_in_the_dead_letters_with_its_reason() {
    let vhost = Node::shared().vhost().unwrap();
    run(async {
        let (broker, queues, _) = transport(&vhost, 1 << 20).await;
        queues.publish(Queue::Chunks, message(1)).await.unwrap();
        let delivery = queues.next(Queue::Chunks).await.unwrap().unwrap();
        let reason = "ä".repeat(5000);
        assert_eq!(delivery.dead_letter(reason).await, Settled::Done);
        assert_eq!(
            queue_depth(&broker, &job(), Queue::Dead).await.unwrap(),
            Some(1)
        );
        let dead = queues.next(Queue::Dead).await.unwrap().unwrap();
        assert_eq!(dead.payload(), &message(1));
        assert!(dead.reason().unwrap().starts_with("ää"));
        // Whoever looks at it and buries it again does not take it away.
        assert_eq!(dead.dead_letter("again".into()).await, Settled::Done);
        let dead = queues.next(Queue::Dead).await.unwrap().unwrap();
        assert_eq!(dead.payload(), &message(1));
        assert_eq!(dead.reason().unwrap(), "again");
    });
}

#[test]
fn leaving_hands_over_what_was_prefetched_and_returns_nothing() {
    let vhost = Node::shared().vhost().unwrap();
    run(async {
        let (broker, amqp, _) = declared(&vhost, 1 << 20).await;
        let queues = Transport::Amqp(amqp);
        for number in 0..20 {
            queues
                .publish(Queue::Chunks, message(number))
                .await
                .unwrap();
        }
        let prefetch = u64::from(Prefetch::default().chunks);
        let chunks = name(Queue::Chunks);
        let first = queues.next(Queue::Chunks).await.unwrap().unwrap();
        until("all that is prefetched is sent", || {
            vhost.queue(&chunks).unwrap().unwrap().unacked == prefetch
        })
        .await;
        queues.leave(Queue::Chunks);
        // Nothing is settled before: it would make room for another, and one that is on its way
        // while the subscription is cancelled comes back counted.
        let consumers = format!(
            "{{ok, Q}} = rabbit_amqqueue:lookup(rabbit_misc:r(V, queue, <<\"{chunks}\">>)), \
             integer_to_binary(length(rabbit_amqqueue:consumers(Q)))."
        );
        until("the subscription is cancelled", || {
            vhost.eval(&consumers).unwrap() == "0"
        })
        .await;
        first.ack().await;
        let mut taken = 1;
        while let Some(delivery) = queues.next(Queue::Chunks).await.unwrap() {
            assert_eq!(delivery.ack().await, Settled::Done);
            taken += 1;
        }
        assert_eq!(taken, prefetch);
        let other = Transport::Amqp(Amqp::new(&broker, job(), Prefetch::default()));
        for _ in taken..20 {
            let delivery = other.next(Queue::Chunks).await.unwrap().unwrap();
            assert_eq!(delivery.delivery_count().unwrap_or(0), 0);
            delivery.ack().await;
        }
    });
}

#[test]
fn the_next_reducer_takes_over_a_partition() {
    let vhost = Node::shared().vhost().unwrap();
    run(async {
        let (first_broker, first, _) = transport(&vhost, 1 << 20).await;
        let (second_broker, _) = connect(&vhost).await;
        let second = Transport::Amqp(Amqp::new(&second_broker, job(), Prefetch::default()));
        let results = Queue::Results(0);
        first.publish(results, message(1)).await.unwrap();
        let held = first.next(results).await.unwrap().unwrap();
        let waiting = tokio::spawn({
            let second = second.clone();
            async move { second.next(results).await.unwrap().unwrap().ack().await }
        });
        until("both are consumers", || {
            vhost.queue(&name(results)).unwrap().unwrap().consumers == 2
        })
        .await;
        first.publish(results, message(2)).await.unwrap();
        assert!(!waiting.is_finished(), "one consumer is active");
        first_broker.close().await;
        assert_eq!(waiting.await.unwrap(), Settled::Done);
        assert_eq!(held.ack().await, Settled::Lost);
    });
}

#[test]
fn declaring_twice_is_fine_and_with_other_settings_a_conflict() {
    let vhost = Node::shared().vhost().unwrap();
    run(async {
        let (broker, _queues, _) = transport(&vhost, 1 << 20).await;
        let again = async |room| declare_job(&broker, &job(), 2, Backlog::of(room)).await;
        again(1 << 20).await.unwrap();
        let conflict = again(1 << 30).await.unwrap_err();
        assert!(
            matches!(conflict, QueueError::Conflict { .. }),
            "{conflict}"
        );
        delete_job(&broker, &job(), 2).await.unwrap();
        assert_eq!(vhost.queues().unwrap(), []);
        delete_job(&broker, &job(), 2).await.unwrap();
    });
}

#[test]
fn a_wrong_password_or_virtual_host_is_refused_at_once() {
    let vhost = Node::shared().vhost().unwrap();
    run(async {
        for url in [
            vhost.url().replace("guest:guest", "guest:hunter2"),
            format!("{}-no-such", vhost.url()),
        ] {
            let options = BrokerOptions::new(url.parse().unwrap());
            let error = Broker::connect(options).await.unwrap_err();
            assert!(matches!(error, ConnectError::Refused { .. }), "{error}");
            assert!(!error.to_string().contains("hunter2"));
        }
    });
}

#[test]
fn a_consumer_timeout_hands_the_message_to_the_next_and_the_subscription_lives() {
    let node = Node::start(Settings {
        consumer_timeout: Some(Duration::from_millis(1500)),
        ..Settings::default()
    })
    .unwrap();
    let vhost = node.vhost().unwrap();
    run(async {
        let (_broker, queues, events) = transport(&vhost, 1 << 20).await;
        queues.publish(Queue::Chunks, message(1)).await.unwrap();
        let slow = queues.next(Queue::Chunks).await.unwrap().unwrap();
        let again = queues.next(Queue::Chunks).await.unwrap().unwrap();
        assert!(again.redelivered());
        assert!(slow.is_stale());
        assert_eq!(slow.ack().await, Settled::Lost);
        assert_eq!(again.ack().await, Settled::Done);
        let said = events.lock().unwrap().clone();
        assert!(
            said.iter()
                .any(|event| matches!(event, BrokerEvent::Resubscribed { .. })),
            "{said:?}"
        );
    });
}

#[test]
fn an_alarm_stops_publishers_but_not_consumers_nor_a_cancel() {
    let node = Node::start(Settings::default()).unwrap();
    let vhost = node.vhost().unwrap();
    run(async {
        let (broker, queues, events) = transport(&vhost, 1 << 20).await;
        for number in 0..10 {
            queues
                .publish(Queue::Chunks, message(number))
                .await
                .unwrap();
        }
        for alarm in [Node::memory_alarm, Node::disk_alarm] {
            events.lock().unwrap().clear();
            alarm(&node, true).unwrap();
            let publishing = tokio::spawn({
                let queues = queues.clone();
                async move { queues.publish(Queue::Chunks, message(99)).await }
            });
            until("the alarm is noticed", || broker.health().blocked.is_some()).await;
            for _ in 0..5 {
                let delivery = queues.next(Queue::Chunks).await.unwrap().unwrap();
                assert_eq!(delivery.ack().await, Settled::Done);
            }
            // A connection declares and deletes although the other one is blocked.
            let other = JobRun::new(&"other-job".parse().unwrap(), 8);
            declare_job(&broker, &other, 1, Backlog::of(1 << 20))
                .await
                .unwrap();
            delete_job(&broker, &other, 1).await.unwrap();
            assert!(!publishing.is_finished());
            alarm(&node, false).unwrap();
            assert_eq!(publishing.await.unwrap(), Ok(()));
            until("the end is noticed", || broker.health().blocked.is_none()).await;
            let said = events.lock().unwrap().clone();
            assert!(
                matches!(
                    said[..],
                    [BrokerEvent::Blocked { .. }, BrokerEvent::Unblocked]
                ),
                "{said:?}"
            );
        }
        for _ in 0..2 {
            queues
                .next(Queue::Chunks)
                .await
                .unwrap()
                .unwrap()
                .ack()
                .await;
        }
        // A stop wakes a publisher that an alarm holds.
        node.memory_alarm(true).unwrap();
        let publishing = tokio::spawn({
            let queues = queues.clone();
            async move { queues.publish(Queue::Chunks, message(99)).await }
        });
        until("the alarm is noticed", || broker.health().blocked.is_some()).await;
        queues.stop();
        assert_eq!(publishing.await.unwrap(), Err(PublishError::Stopped));
        node.memory_alarm(false).unwrap();
    });
}
