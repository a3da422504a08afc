//! What the broker tests share: a runtime, a job on a fresh virtual host of a real RabbitMQ.

pub(crate) mod log;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gristmill_common::job::JobRun;
use gristmill_jobs::declare::{Backlog, declare_job};
use gristmill_jobs::queue::Queue;
use gristmill_jobs::registry::Registry;
use gristmill_jobs::transport::{Amqp, Prefetch, Transport};
use gristmill_rabbitmq::{Broker, BrokerEvent, BrokerOptions};
use gristmill_testbroker::Vhost;

pub(crate) const PARTITIONS: u32 = 2;

/// Runs a test; a hang is a failure, not a wait.
pub(crate) fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        tokio::time::timeout(Duration::from_secs(300), test)
            .await
            .expect("no hang");
    });
}

/// Opens the log of jobs.
pub(crate) async fn open(broker: &Broker) -> Registry {
    Registry::open(broker).await.unwrap()
}

pub(crate) fn job() -> JobRun {
    JobRun::new(&"test-job".parse().unwrap(), 7)
}

pub(crate) fn name(queue: Queue) -> String {
    gristmill_jobs::queue::queue_name(&job(), queue)
}

/// What the broker's listener was told.
pub(crate) type BrokerEvents = Arc<Mutex<Vec<BrokerEvent>>>;

pub(crate) async fn connect(vhost: &Vhost<'_>) -> (Broker, BrokerEvents) {
    connect_with(vhost, 2).await
}

/// With a heartbeat of so many seconds.
pub(crate) async fn connect_with(vhost: &Vhost<'_>, heartbeat: u16) -> (Broker, BrokerEvents) {
    let events = BrokerEvents::default();
    let told = Arc::clone(&events);
    let mut options = BrokerOptions::new(vhost.url().parse().unwrap());
    options.heartbeat = heartbeat;
    options.listener = Arc::new(move |event| told.lock().unwrap().push(event.clone()));
    (Broker::connect(options).await.unwrap(), events)
}

/// A declared job with room for so many bytes of chunks.
pub(crate) async fn declared(vhost: &Vhost<'_>, room: u64) -> (Broker, Amqp, BrokerEvents) {
    let (broker, events) = connect(vhost).await;
    declare_job(&broker, &job(), PARTITIONS, Backlog::of(room))
        .await
        .unwrap();
    let amqp = Amqp::new(&broker, job(), Prefetch::default());
    (broker, amqp, events)
}

pub(crate) async fn transport(vhost: &Vhost<'_>, room: u64) -> (Broker, Transport, BrokerEvents) {
    let (broker, amqp, events) = declared(vhost, room).await;
    (broker, Transport::Amqp(amqp), events)
}

/// Waits for something to become true, looking now and then.
pub(crate) async fn until(what: &str, holds: impl FnMut() -> bool) {
    until_within(Duration::from_secs(40), what, holds).await;
}

/// The same, with a limit of its own.
pub(crate) async fn until_within(limit: Duration, what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + limit;
    while !holds() {
        assert!(Instant::now() < end, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
