//! The log of jobs on a real RabbitMQ.

use gristmill_common::job::{JobName, JobRun};
use gristmill_common::plan_summary::PlanSummary;
use gristmill_common::spec::{Extract, JobSpec, Kind};
use gristmill_jobs::registry::{Entry, Event, Phase, RegistryError, STREAM, Submission, Totals};
use gristmill_testbroker::{Node, Settings};

use crate::harness::{connect, open, run, until};

fn name(text: &str) -> JobName {
    text.parse().unwrap()
}

fn submission(sources: usize) -> Event {
    let spec = JobSpec {
        partitions: 2,
        ..JobSpec::of(Kind::Extract(Extract {}))
    };
    let plan_summary = PlanSummary {
        sources: (0..sources)
            .map(|number| {
                format!("some/folder/of/files/{number:09}.log.gz")
                    .into_bytes()
                    .into()
            })
            .collect(),
        splits: 9,
        ..PlanSummary::default()
    };
    Event::Submitted(Box::new(Submission {
        plan: 1,
        ..Submission::of(spec, plan_summary, 7)
    }))
}

#[test]
fn late_readers_see_everything_large_submissions_included() {
    let vhost = Node::shared().vhost().unwrap();
    run(async {
        let (broker, _) = connect(&vhost).await;
        let registry = open(&broker).await;
        let job = name("large");
        // About 8 MB: eight messages.
        let submitted = submission(200_000);
        registry
            .append(&JobRun::new(&job, 7), &submitted)
            .await
            .unwrap();
        let claimed = Event::Claimed {
            directory: "d".into(),
            place: "host:/d".into(),
        };
        registry
            .append(&JobRun::new(&job, 7), &claimed)
            .await
            .unwrap();

        let (late, _) = connect(&vhost).await;
        let again = open(&late).await;
        let (mut table, mut log) = again.catch_up().await.unwrap();
        let found = table.get(&job).unwrap();
        assert_eq!(
            Event::Submitted(Box::new(found.submission.clone())),
            submitted
        );
        let claim = found.claim.as_ref().unwrap();
        assert_eq!((&claim.directory[..], &claim.place[..]), ("d", "host:/d"));
        registry
            .append(&JobRun::new(&job, 7), &Event::Finished(Totals::default()))
            .await
            .unwrap();
        let news: Entry = log.next().await.unwrap();
        assert_eq!((&news.job, news.run), (&job, 7));
        table.apply(news);
        assert_eq!(
            table.get(&job).unwrap().phase,
            Phase::Finished(Totals::default())
        );
        assert_eq!(log.skipped(), 0);
    });
}

#[test]
fn messages_that_are_no_entries_are_skipped() {
    let vhost = Node::shared().vhost().unwrap();
    run(async {
        let (broker, _) = connect(&vhost).await;
        let registry = open(&broker).await;
        let stranger = lapin::Connection::connect(&vhost.url(), Default::default())
            .await
            .unwrap();
        let channel = stranger.create_channel().await.unwrap();
        channel.confirm_select(Default::default()).await.unwrap();
        for hostile in [&b""[..], b"hello", &[0xFF; 3000]] {
            let options = lapin::options::BasicPublishOptions::default();
            let properties = lapin::BasicProperties::default();
            let confirm = channel
                .basic_publish("".into(), STREAM.into(), options, hostile, properties)
                .await
                .unwrap();
            assert!(confirm.await.unwrap().is_ack());
        }
        registry
            .append(&JobRun::new(&name("j"), 7), &submission(1))
            .await
            .unwrap();
        let (table, log) = registry.catch_up().await.unwrap();
        assert!(table.get(&name("j")).unwrap().is_active());
        assert_eq!(log.skipped(), 3);
    });
}

#[test]
fn a_reader_goes_on_where_it_was_after_the_broker_came_back() {
    let node = Node::start(Settings::default()).unwrap();
    let vhost = node.vhost().unwrap();
    run(async {
        let (broker, _) = connect(&vhost).await;
        let registry = open(&broker).await;
        let marker = |id| Event::Marker { id };
        let mut log = registry.follow();
        for id in 0..40 {
            registry
                .append(&JobRun::new(&name("j"), 1), &marker(id))
                .await
                .unwrap();
        }
        for id in 0..20 {
            assert_eq!(log.next().await.unwrap().event, marker(id));
        }
        assert_eq!(vhost.close_connections().unwrap(), 2);
        registry
            .append(&JobRun::new(&name("j"), 1), &marker(40))
            .await
            .unwrap();
        for id in 20..41 {
            assert_eq!(log.next().await.unwrap().event, marker(id));
        }
        node.stop();
        until("the loss is noticed", || broker.health().down > 0).await;
        node.start_again().unwrap();
        registry
            .append(&JobRun::new(&name("j"), 1), &marker(41))
            .await
            .unwrap();
        assert_eq!(log.next().await.unwrap().event, marker(41));
    });
}

#[test]
fn a_log_that_was_made_anew_is_read_although_it_is_shorter() {
    let vhost = Node::shared().vhost().unwrap();
    run(async {
        let (broker, _) = connect(&vhost).await;
        let registry = open(&broker).await;
        for _ in 0..50 {
            registry.mark().await.unwrap();
        }
        let (_, mut log) = registry.catch_up().await.unwrap();
        // Its subscription is gone, and nobody looks, until the new log is there.
        vhost.delete_queue(STREAM).unwrap();
        let (other, _) = connect(&vhost).await;
        let other = open(&other).await;
        other
            .append(&JobRun::new(&name("new"), 7), &submission(1))
            .await
            .unwrap();
        let entry = log.next().await.unwrap();
        assert_eq!(entry.job, name("new"));
        assert!(log.was_lost());
    });
}

#[test]
fn a_log_that_the_broker_lost_is_an_error_and_another_virtual_host_has_its_own() {
    let node = Node::start(Settings::default()).unwrap();
    let vhost = node.vhost().unwrap();
    run(async {
        let (broker, events) = connect(&vhost).await;
        let registry = open(&broker).await;
        registry.mark().await.unwrap();
        node.forget_streams().unwrap();
        let reading = tokio::spawn({
            let mut log = registry.follow();
            async move { log.next().await.map(drop) }
        });
        let error = registry.catch_up().await.map(drop).unwrap_err();
        assert!(matches!(error, RegistryError::Gone(_)), "{error}");
        // One try after the other, a second apart, in the minute that a log is looked for: each may
        // cost both readers the connection, as with Khepri, and it comes back.
        let said = events.lock().unwrap().len();
        assert!(said <= 2 * 2 * 60, "{said} events");
        // Where the broker says that the log will be back, a reader waits for it.
        if reading.is_finished() {
            let read = reading.await.unwrap();
            assert!(matches!(read, Err(RegistryError::Gone(_))), "{read:?}");
        } else {
            reading.abort();
        }

        let other = node.vhost().unwrap();
        let (elsewhere, _) = connect(&other).await;
        let registry = open(&elsewhere).await;
        registry
            .append(&JobRun::new(&name("j"), 7), &submission(1))
            .await
            .unwrap();
        let (table, _) = registry.catch_up().await.unwrap();
        assert!(table.get(&name("j")).unwrap().is_active());
    });
}
