//! Channels on which a real RabbitMQ stands still while their connections go on, as the channels of
//! a node may after it was cut off from its cluster.

use std::time::Duration;

use bytes::Bytes;
use gristmill_common::job::JobRun;
use gristmill_jobs::queue::Queue;
use gristmill_jobs::registry::{Event, Registry};
use gristmill_rabbitmq::BrokerEvent;
use gristmill_testbroker::{Node, Vhost};
use tokio::time::timeout;

use crate::harness::{connect, name, run, transport, until};

/// More than a silence lasts.
const LIMIT: Duration = Duration::from_secs(60);

/// The broker stands still on all channels, of which there are some.
fn silence(vhost: &Vhost<'_>) {
    assert!(vhost.silence_channels().unwrap() > 0);
}

#[test]
fn a_message_that_is_not_confirmed_goes_over_another_channel() {
    let vhost = Node::shared().vhost().unwrap();
    run(async {
        let (broker, queues, events) = transport(&vhost, 1 << 20).await;
        let message = Bytes::from_static(b"x");
        queues
            .publish(Queue::Chunks, message.clone())
            .await
            .unwrap();
        silence(&vhost);
        let published = timeout(LIMIT, queues.publish(Queue::Chunks, message)).await;
        assert_eq!(published.expect("it is taken in time"), Ok(()));
        assert_eq!(broker.renewed_channels(), 1);
        let queue = name(Queue::Chunks);
        let silent = BrokerEvent::Silent {
            queue: queue.clone(),
        };
        assert_eq!(*events.lock().unwrap(), [silent]);
        // The first over the channel that was silenced, the second over the other.
        until("both are there", || {
            let state = vhost.queue(&queue).unwrap();
            state.is_some_and(|state| state.ready == 2)
        })
        .await;
    });
}

/// A chunk that the broker counts as handed over while its consumer has nothing: `meanwhile` is
/// done to the channels then, and the chunk must come again.
fn is_fetched_anew(meanwhile: impl Fn(&Vhost<'_>)) {
    let vhost = Node::shared().vhost().unwrap();
    run(async {
        let (_, queues, _) = transport(&vhost, 1 << 20).await;
        let message = Bytes::from_static(b"x");
        queues
            .publish(Queue::Chunks, message.clone())
            .await
            .unwrap();
        let first = queues.next(Queue::Chunks).await.unwrap();
        // As long as one is in hand nobody wonders why there is no other.
        let first = first.expect("it comes");
        silence(&vhost);
        let (_, others, _) = transport(&vhost, 1 << 20).await;
        others.publish(Queue::Chunks, message).await.unwrap();
        until("it is handed over", || {
            let state = vhost.queue(&name(Queue::Chunks)).unwrap();
            state.is_some_and(|state| (state.ready, state.unacked) == (0, 2))
        })
        .await;
        meanwhile(&vhost);
        first.ack().await;
        let next = timeout(LIMIT, queues.next(Queue::Chunks)).await;
        let next = next.expect("it comes in time").unwrap();
        assert!(next.is_some_and(|delivery| delivery.redelivered()));
    });
}

#[test]
fn a_chunk_that_was_lost_on_its_way_is_fetched_over_another_channel() {
    is_fetched_anew(|vhost| assert_eq!(vhost.lose_deliveries().unwrap(), 1));
}

#[test]
fn a_chunk_that_a_silent_channel_has_is_fetched_over_another_connection() {
    is_fetched_anew(|_| ());
}

#[test]
fn the_log_is_read_on_over_another_channel() {
    let vhost = Node::shared().vhost().unwrap();
    run(async {
        let (broker, _) = connect(&vhost).await;
        let registry = Registry::open(&broker).await.unwrap();
        let (_, mut log) = registry.catch_up().await.unwrap();
        silence(&vhost);
        let (other, _) = connect(&vhost).await;
        let writer = Registry::open(&other).await.unwrap();
        let job = "j".parse().unwrap();
        for run in 1..=3 {
            writer
                .append(&JobRun::new(&job, run), &Event::Cancelled)
                .await
                .unwrap();
        }
        for run in 1..=3 {
            // Whoever reads has other things to do too.
            let reading = async {
                loop {
                    let pause = Duration::from_millis(30);
                    if let Ok(entry) = timeout(pause, log.next()).await {
                        return entry.unwrap();
                    }
                }
            };
            let entry = timeout(LIMIT, reading).await.expect("it is read in time");
            assert_eq!((entry.run, entry.event), (run, Event::Cancelled));
        }
    });
}
