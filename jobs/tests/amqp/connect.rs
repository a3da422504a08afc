//! Reaching a broker: what answers instead of one, several nodes, and a limit of time.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use gristmill_rabbitmq::{
    Broker, BrokerEvent, BrokerOptions, BrokerOrder, Cause, ConnectError, Failures, FieldTable,
    QueueError, declare, depth, persistently,
};
use gristmill_testbroker::Node;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::harness::{BrokerEvents, run, until};

/// The port of a listener that answers the first bytes of every connection with these, and hangs
/// up; with none it is silent.
fn answering(answer: Option<&'static [u8]>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                match answer {
                    Some(answer) => {
                        let _ = stream.read(&mut [0; 64]).await;
                        let _ = stream.write_all(answer).await;
                    }
                    None => drop(stream.read_to_end(&mut Vec::new()).await),
                }
            });
        }
    });
    port
}

/// A port on which nothing listens.
fn closed() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Tries for so many seconds.
async fn tried(urls: &str, seconds: u64) -> Result<Broker, ConnectError> {
    let mut options = BrokerOptions::new(urls.parse().unwrap());
    options.connect_limit = Some(Duration::from_secs(seconds));
    options.order = BrokerOrder::Listed;
    let since = Instant::now();
    let done = Broker::connect(options).await;
    let waited = since.elapsed();
    assert!(waited < Duration::from_secs(seconds + 8), "{waited:?}");
    done
}

fn causes(error: &ConnectError) -> Vec<&Cause> {
    match error {
        ConnectError::Unreachable(Failures(all)) | ConnectError::Refused(Failures(all)) => {
            all.iter().map(|failure| &failure.cause).collect()
        }
        ConnectError::Tls(error) => panic!("{error}"),
    }
}

#[test]
fn what_answers_instead_of_a_broker_is_named_and_the_attempt_ends() {
    run(async {
        let alert = b"\x15\x03\x03\x00\x02\x02\x0a";
        type Fits = fn(&Cause) -> bool;
        let cases: [(String, Fits, bool); 8] = [
            (
                format!("amqp://127.0.0.1:{}", closed()),
                |cause| *cause == Cause::NotListening,
                false,
            ),
            (
                "amqp://no-such-host.invalid".into(),
                |cause| matches!(cause, Cause::NoSuchHost(_)),
                false,
            ),
            (
                format!("amqp://127.0.0.1:{}", answering(None)),
                |cause| matches!(cause, Cause::Mute(_)),
                false,
            ),
            (
                format!("amqps://127.0.0.1:{}", answering(None)),
                |cause| matches!(cause, Cause::Mute(_)),
                false,
            ),
            (
                format!("amqp://127.0.0.1:{}", answering(Some(b""))),
                |cause| matches!(cause, Cause::HungUp(_)),
                false,
            ),
            (
                format!("amqp://127.0.0.1:{}", answering(Some(alert))),
                |cause| *cause == Cause::WantsTls,
                true,
            ),
            (
                format!("amqps://127.0.0.1:{}", Node::shared().port()),
                |cause| *cause == Cause::WantsPlain,
                true,
            ),
            (
                format!(
                    "amqp://127.0.0.1:{}",
                    answering(Some(b"HTTP/1.1 400 Bad Request\r\n\r\n"))
                ),
                |cause| *cause == Cause::NotAmqp("HTTP"),
                true,
            ),
        ];
        for (url, fits, refused) in cases {
            let error = tried(&url, 2).await.unwrap_err();
            assert!(causes(&error).into_iter().all(fits), "{url}: {error:?}");
            assert_eq!(
                matches!(error, ConnectError::Refused(_)),
                refused,
                "{error:?}"
            );
            assert!(!error.way_out().is_empty());
            assert!(!error.to_string().contains("ParserError"), "{error}");
        }
    });
}

#[test]
fn a_node_that_is_gone_silent_or_unknown_is_passed_over() {
    let vhost = Node::shared().vhost().unwrap();
    run(async {
        let (name, port) = (vhost.url(), Node::shared().port());
        let hosts = format!(
            "127.0.0.1:{},no-such-host.invalid,127.0.0.1:{},127.0.0.1:{port}",
            closed(),
            answering(None)
        );
        let urls = name.replace(&format!("127.0.0.1:{port}"), &hosts);
        let broker = tried(&urls, 30).await.unwrap();
        // The second connection begins with the node that answered.
        assert_eq!(broker.health().down, 0);
        broker.close().await;
        let dead = name.replace(&format!(":{port}"), &format!(":{}", closed()));
        let error = tried(&format!("{dead},amqp://no-such-host.invalid"), 1).await;
        assert_eq!(causes(&error.unwrap_err()).len(), 2);
    });
}

/// A node that has lost a part of itself answers INTERNAL_ERROR for ever.
#[test]
fn a_node_that_fails_again_and_again_is_left_for_another() {
    let (first, second) = (
        Node::shared().vhost().unwrap(),
        Node::start(Default::default()).unwrap(),
    );
    let vhost = second.vhost().unwrap();
    run(async {
        // Two brokers that are no cluster do: one of them knows the queue.
        let urls = format!("{},{}", vhost.url(), first.url());
        let mut options = BrokerOptions::new(urls.parse().unwrap());
        options.order = BrokerOrder::Listed;
        let broker = Broker::connect(options).await.unwrap();
        let channel = broker.channel().await.unwrap();
        declare(&channel, "here", FieldTable::default())
            .await
            .unwrap();
        let tried = persistently(&broker, "here", 20, async || {
            match depth(&broker, "here").await? {
                Some(_) => Err(QueueError::Lost("INTERNAL_ERROR".into())),
                None => Ok(()),
            }
        });
        tried.await.expect("the other node");
        broker.close().await;
    });
}

#[test]
fn connections_that_are_lost_go_on_at_another_node() {
    let (first, second) = (
        Node::shared().vhost().unwrap(),
        Node::start(Default::default()).unwrap(),
    );
    let vhost = second.vhost().unwrap();
    run(async {
        // Two brokers that are no cluster do for connections.
        let events = BrokerEvents::default();
        let told = std::sync::Arc::clone(&events);
        let urls = format!("{},{}", vhost.url(), first.url());
        let mut options = BrokerOptions::new(urls.parse().unwrap());
        options.order = BrokerOrder::Listed;
        options.listener =
            std::sync::Arc::new(move |event| told.lock().unwrap().push(event.clone()));
        let broker = Broker::connect(options).await.unwrap();
        second.kill();
        until("both connections are at the other node", || {
            let events = events.lock().unwrap();
            (events.iter()).any(|event| matches!(event, BrokerEvent::Back { .. }))
                && broker.health().down == 0
        })
        .await;
        broker.close().await;
    });
}
