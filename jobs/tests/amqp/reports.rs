//! Progress reports on a real RabbitMQ: they are heard, nonsense is not, and they come back.

use std::sync::Arc;

use gristmill_common::progress::{JobCounters, Progress, Role};
use gristmill_jobs::report::{EXCHANGE, Report, Reporter, Reports};
use gristmill_rabbitmq::Broker;
use gristmill_testbroker::{Node, Settings};
use tokio::runtime::Handle;

use crate::harness::{connect, job, run, until};

/// A worker that reports one job, while this is kept.
fn mapper(broker: &Broker) -> (Reporter, Arc<JobCounters>) {
    let progress = Arc::new(Progress::default());
    let counters = progress.jobs.of(Role::Map, &job());
    counters.mapped(100, 1);
    let reporter = Reporter::start(&Handle::current(), broker, &progress, Some(Role::Map));
    (reporter, counters)
}

async fn next(reports: &mut Reports) -> Report {
    reports.next().await.expect("a report")
}

#[test]
fn reports_are_heard_and_nonsense_is_not() {
    let vhost = Node::shared().vhost().unwrap();
    run(async {
        let (listener, _) = connect(&vhost).await;
        let mut all = Reports::new(&listener, None);
        all.open().await.unwrap();
        let other = "test-job.other".parse().unwrap();
        let mut another = Reports::new(&listener, Some(&other));
        another.open().await.unwrap();
        let stranger = lapin::Connection::connect(&vhost.url(), Default::default())
            .await
            .unwrap();
        let channel = stranger.create_channel().await.unwrap();
        for hostile in [&b""[..], b"GMW1", &[0xFF; 100_000]] {
            for key in ["map.test-job", "map.test-job.other"] {
                let options = lapin::options::BasicPublishOptions::default();
                let properties = lapin::BasicProperties::default();
                channel
                    .basic_publish(EXCHANGE.into(), key.into(), options, hostile, properties)
                    .await
                    .unwrap();
            }
        }
        let (broker, _) = connect(&vhost).await;
        let _mapper = mapper(&broker);
        let report = next(&mut all).await;
        let work = report.work.expect("it has a job");
        assert_eq!((work.job, work.run, report.role), (job().job, 7, Role::Map));
        assert_eq!((work.counts.chunks, work.counts.bytes), (1, 100));
        assert_eq!(work.counts.quarantined, 1);
        // The same worker again.
        assert_eq!(next(&mut all).await.worker, report.worker);
        let silent = std::time::Duration::from_millis(10);
        let heard = tokio::time::timeout(silent, another.next()).await;
        assert!(heard.is_err(), "{heard:?}");
        // What a listener leaves behind goes with it.
        listener.close().await;
        until("the listeners' queues are gone", || {
            vhost.queues().unwrap().is_empty()
        })
        .await;
        assert!(all.next().await.is_none());
    });
}

#[test]
fn a_worker_without_a_job_reports_itself_and_goes_on_when_it_has_one() {
    let vhost = Node::shared().vhost().unwrap();
    run(async {
        let (listener, _) = connect(&vhost).await;
        let mut all = Reports::new(&listener, None);
        all.open().await.unwrap();
        let (broker, _) = connect(&vhost).await;
        let progress = Arc::new(Progress::default());
        let reducer = Some(Role::Reduce);
        let _reporter = Reporter::start(&Handle::current(), &broker, &progress, reducer);
        let idle = next(&mut all).await;
        assert_eq!((idle.role, idle.work), (Role::Reduce, None));
        assert_eq!(idle.facts.pid, std::process::id());
        let counters = progress.jobs.of(Role::Reduce, &job());
        let busy = next(&mut all).await;
        assert_eq!(busy.worker, idle.worker);
        assert_eq!(busy.work.expect("it has a job").job, job().job);
        drop(counters);
        assert_eq!(next(&mut all).await.work, None);
    });
}

#[test]
fn reports_come_again_whatever_the_broker_loses() {
    let node = Node::start(Settings::default()).unwrap();
    let vhost = node.vhost().unwrap();
    run(async {
        let (broker, _) = connect(&vhost).await;
        let _mapper = mapper(&broker);
        let mut reports = Reports::new(&broker, Some(&job().job));
        next(&mut reports).await;
        assert_eq!(vhost.close_connections().unwrap(), 2);
        next(&mut reports).await;
        vhost
            .eval(&format!(
                "ok = rabbit_exchange:delete(rabbit_misc:r(V, exchange, <<\"{EXCHANGE}\">>), \
                 false, <<\"test\">>), <<\"ok\">>."
            ))
            .unwrap();
        // What was on its way is heard once; then the binding is made anew.
        for _ in 0..3 {
            next(&mut reports).await;
        }
        node.stop();
        until("the loss is noticed", || broker.health().down > 0).await;
        node.start_again().unwrap();
        for _ in 0..3 {
            next(&mut reports).await;
        }
        // An alarm silences the workers and harms nobody.
        assert_eq!(broker.alarm().await, None);
        node.memory_alarm(true).unwrap();
        assert!(broker.alarm().await.is_some());
        node.memory_alarm(false).unwrap();
        for _ in 0..3 {
            next(&mut reports).await;
        }
        assert_eq!(broker.alarm().await, None);
    });
}
