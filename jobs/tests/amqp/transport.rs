//! The conformance suite over a real RabbitMQ.

use std::time::Duration;

use gristmill_jobs::queue::Queue;
use gristmill_jobs::transport::{PublishError, Transport};
use gristmill_testbroker::Node;

use crate::harness;

#[path = "../../src/transport/conformance.rs"]
mod conformance;

fn run(room: u64, case: impl AsyncFn(Transport)) {
    let vhost = Node::shared().vhost().unwrap();
    harness::run(async {
        let (broker, transport, _) = harness::transport(&vhost, room).await;
        case(transport).await;
        broker.close().await;
    });
}

conformance::cases!(run, wide: 1 << 20, patience: Duration::from_secs(2));
