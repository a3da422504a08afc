//! Checkpoints of the log of jobs on a real RabbitMQ: who starts reads little, and whatever the
//! newest entries say of a checkpoint, nobody knows less than who reads the log from its start.

use std::time::Duration;

use gristmill_common::job::{JobName, JobRun};
use gristmill_jobs::registry::{
    Entry, Event, JobTable, Log, Registry, STREAM, Snapshot, Totals, decode_event, encode_event,
};
use gristmill_rabbitmq::{AMQPValue, Broker, FieldTable, StreamStart};
use gristmill_testbroker::{Node, Vhost};

use crate::harness::log::{Writer, messages, submission};
use crate::harness::{connect, open, run};

/// The most messages that a start should read behind a checkpoint when nobody writes meanwhile but
/// those who start.
const FEW: u64 = 100;

async fn starts(vhost: &Vhost<'_>) -> (Registry, JobTable, Log) {
    let (broker, _) = connect(vhost).await;
    let registry = open(&broker).await;
    let (table, log) = registry.catch_up().await.unwrap();
    (registry, table, log)
}

/// What a table knows, but for the number that orders the ends of its jobs: an entry that the
/// broker delivers twice counts twice.
fn jobs(table: &JobTable) -> Vec<(JobName, String)> {
    let jobs = table.iter();
    jobs.map(|job| {
        let known = format!("{job:?}");
        let known = known.split(", ended: ").next().unwrap_or_default();
        (job.name.clone(), known.to_owned())
    })
    .collect()
}

/// What whoever reads all knows.
async fn read_from_the_start(registry: &Registry) -> JobTable {
    let marker = registry.mark().await.unwrap();
    let mut log = registry.follow();
    let mut table = JobTable::default();
    loop {
        let entry = log.next().await.unwrap();
        if entry.event == (Event::Marker { id: marker }) {
            return table;
        }
        table.apply(entry);
    }
}

/// The offset of a message that is there, and the one of the first message that is.
async fn offsets(broker: &Broker, sought: &[u8]) -> (i64, i64) {
    let mut reader = broker.stream(STREAM, StreamStart::First);
    let mut first = None;
    loop {
        let message = reader.next().await.unwrap();
        let first = *first.get_or_insert(message.offset);
        if message.body == sought {
            return (message.offset, first);
        }
    }
}

fn header(offset: i64) -> FieldTable {
    let mut headers = FieldTable::default();
    headers.insert(
        "gristmill-checkpoint".into(),
        AMQPValue::LongLongInt(offset),
    );
    headers
}

/// An entry that changes nothing, as its one message.
fn nothing(id: u64) -> Vec<Vec<u8>> {
    messages(&JobName::of_no_job(), 0, &Event::Marker { id }, 1 << 20)
}

#[test]
fn a_start_with_ten_thousand_jobs_behind_it_reads_little_and_knows_all() {
    let vhost = Node::shared().vhost().unwrap();
    run(async {
        let (broker, _) = connect(&vhost).await;
        open(&broker).await;
        let writer = Writer::connect(&vhost.url()).await;
        let written = writer.ended_jobs(10_000).await;
        let (registry, first, log) = starts(&vhost).await;
        assert!(log.messages() >= written as u64, "{}", log.messages());
        assert_eq!(first.iter().count(), 10_000);

        let (_, second, log) = starts(&vhost).await;
        assert!(log.messages() < FEW, "{} messages", log.messages());
        let all = read_from_the_start(&registry).await;
        assert!(jobs(&second) == jobs(&all) && jobs(&first) == jobs(&all));
        // Commands that only look write nothing, and know as much.
        let (looked, _) = registry.resume().await.unwrap();
        assert!(jobs(&looked) == jobs(&all));

        // What comes now is read by all.
        let name: JobName = "new".parse().unwrap();
        registry
            .append(&JobRun::new(&name, 1), &submission(1))
            .await
            .unwrap();
        let (_, third, log) = starts(&vhost).await;
        assert!(third.get(&name).unwrap().is_active());
        assert!(log.messages() < FEW, "{} messages", log.messages());
    });
}

#[test]
fn whatever_the_newest_entry_says_of_a_checkpoint_nobody_knows_less() {
    let vhost = Node::shared().vhost().unwrap();
    run(async {
        let (broker, _) = connect(&vhost).await;
        open(&broker).await;
        let writer = Writer::connect(&vhost.url()).await;
        let written = writer.ended_jobs(300).await as u64;
        let (registry, table, _) = starts(&vhost).await;
        let (_, _, log) = starts(&vhost).await;
        assert!(log.messages() < FEW, "{} messages", log.messages());

        let no_job = JobName::of_no_job();
        let behind = nothing(1);
        writer.write(&behind, &FieldTable::default()).await;
        let (covers, _) = offsets(&broker, &behind[0]).await;
        let snapshot = Snapshot::of(&table, covers, 0).unwrap();
        let checkpoint = Event::Checkpoint(Box::new(snapshot));
        let bytes = encode_event(&checkpoint).unwrap();
        // Behind the number of the variant comes the version of the fold.
        let mut other = bytes.clone();
        other[1] += 1;
        let other = decode_event(&other).unwrap();
        let beyond = {
            let snapshot = Snapshot::of(&table, i64::MAX, 0).unwrap();
            Event::Checkpoint(Box::new(snapshot))
        };
        // The table's last byte is of an ended run's number of partitions.
        let mut impossible = bytes.clone();
        *impossible.last_mut().unwrap() = 0;
        let impossible = decode_event(&impossible).unwrap();
        let part = bytes.len() / 5;
        let mut torn = messages(&no_job, 0, &checkpoint, part);
        torn.pop();
        let ends = messages(&no_job, 0, &checkpoint, part);
        let cases = [
            ("torn", torn.clone(), 0),
            ("without its first part", ends[1..].to_vec(), 0),
            ("begun before", ends.clone(), 1),
            ("another entry", nothing(3), 0),
            ("of another fold", messages(&no_job, 0, &other, part), 0),
            ("impossible", messages(&no_job, 0, &impossible, part), 0),
            ("beyond itself", messages(&no_job, 0, &beyond, part), 0),
            ("not an entry", vec![b"hello".to_vec()], 0),
            ("far away", nothing(4), 1 << 40),
            ("before the log", nothing(5), i64::MIN / 2),
        ];
        let all = jobs(&read_from_the_start(&registry).await);
        for (number, (what, before, away)) in cases.into_iter().enumerate() {
            writer.write(&before, &FieldTable::default()).await;
            let (offset, _) = offsets(&broker, &before[0]).await;
            let newest = nothing(100 + number as u64);
            let headers = header(offset.saturating_add(away));
            writer.write(&newest, &headers).await;
            let (_, found, log) = starts(&vhost).await;
            assert!(jobs(&found) == all, "{what}");
            assert!(log.messages() > written, "{what}: {}", log.messages());
            // It has written one that can be used.
            let (_, found, log) = starts(&vhost).await;
            assert!(jobs(&found) == all, "{what}");
            assert!(log.messages() < FEW, "{what}: {}", log.messages());
        }
        // A header is a whole number.
        let mut text = FieldTable::default();
        let value = AMQPValue::LongString("newest".into());
        text.insert("gristmill-checkpoint".into(), value);
        writer.write(&nothing(6), &text).await;
        let (_, found, log) = starts(&vhost).await;
        assert!(jobs(&found) == all && log.messages() > written);
    });
}

#[test]
fn those_who_write_checkpoints_at_once_do_each_other_no_harm() {
    let vhost = Node::shared().vhost().unwrap();
    run(async {
        let (broker, _) = connect(&vhost).await;
        let registry = open(&broker).await;
        let writer = Writer::connect(&vhost.url()).await;
        writer.ended_jobs(300).await;
        let all = jobs(&read_from_the_start(&registry).await);
        let mut roles = Vec::new();
        for _ in 0..8 {
            let (broker, _) = connect(&vhost).await;
            roles.push(open(&broker).await);
        }
        let starting = roles.into_iter().map(|registry| {
            tokio::spawn(async move { registry.catch_up().await.map(|(table, _)| jobs(&table)) })
        });
        for started in starting.collect::<Vec<_>>() {
            // Whichever of the others' checkpoints it began with.
            let found = started.await.unwrap().unwrap();
            let other = found.iter().zip(&all).find(|(found, all)| found != all);
            assert!(
                found.len() == all.len() && other.is_none(),
                "{} of {}: {other:?}",
                found.len(),
                all.len()
            );
        }
        let (_, found, log) = starts(&vhost).await;
        assert!(jobs(&found) == all);
        assert!(log.messages() < FEW, "{} messages", log.messages());
    });
}

/// Follows the log up to a marker as workers do.
async fn follow(table: &mut JobTable, log: &mut Log, marker: u64) {
    loop {
        let entry: Entry = log.next().await.unwrap();
        let is_mine = entry.event == Event::Marker { id: marker };
        table.apply(entry);
        log.keep_short(table);
        if is_mine {
            return;
        }
    }
}

#[test]
fn whoever_follows_a_log_keeps_it_short_for_others() {
    let vhost = Node::shared().vhost().unwrap();
    run(async {
        let (registry, mut table, mut log) = starts(&vhost).await;
        let writer = Writer::connect(&vhost.url()).await;
        let written = writer.ended_jobs(200).await as u64;
        let marker = registry.mark().await.unwrap();
        follow(&mut table, &mut log, marker).await;
        // The checkpoint is written beside; it is there when the newest entry says so.
        let short = async {
            loop {
                let (broker, _) = connect(&vhost).await;
                let (other, _) = open(&broker).await.resume().await.unwrap();
                if other.iter().count() > 0 {
                    return other;
                }
                let marker = registry.mark().await.unwrap();
                follow(&mut table, &mut log, marker).await;
            }
        };
        let known = tokio::time::timeout(Duration::from_secs(60), short).await;
        assert!(known.expect("a checkpoint").iter().count() <= 200);
        let (_, found, log) = starts(&vhost).await;
        assert_eq!(found.iter().count(), 200);
        assert!(log.messages() < written, "{} messages", log.messages());
    });
}

/// A log that keeps very little.
async fn small_log(vhost: &Vhost<'_>) {
    let connection = lapin::Connection::connect(&vhost.url(), Default::default()).await;
    let channel = connection.unwrap().create_channel().await.unwrap();
    let mut arguments = FieldTable::default();
    let queue_type = AMQPValue::LongString("stream".into());
    arguments.insert("x-queue-type".into(), queue_type);
    for (name, bytes) in [
        ("x-max-length-bytes", 1 << 20),
        ("x-stream-max-segment-size-bytes", 256 << 10),
    ] {
        arguments.insert(name.into(), AMQPValue::LongLongInt(bytes));
    }
    let options = lapin::options::QueueDeclareOptions {
        durable: true,
        ..Default::default()
    };
    let declared = channel.queue_declare(STREAM.into(), options, arguments);
    declared.await.unwrap();
}

#[test]
fn a_checkpoint_outlives_the_entries_and_one_that_the_log_has_forgotten_is_none() {
    let vhost = Node::shared().vhost().unwrap();
    run(async {
        small_log(&vhost).await;
        let (broker, _) = connect(&vhost).await;
        let writer = Writer::connect(&vhost.url()).await;
        let filler: Vec<Vec<u8>> = (0..1000u32)
            .map(|number| [&number.to_be_bytes()[..], &[b'x'; 10_000]].concat())
            .collect();
        open(&broker).await;
        writer.ended_jobs(300).await;
        let (registry, mut table, mut log) = starts(&vhost).await;
        let oldest = nothing(1);
        writer.write(&oldest, &FieldTable::default()).await;
        let (first, _) = offsets(&broker, &oldest[0]).await;
        writer.write(&filler, &FieldTable::default()).await;
        let marker = registry.mark().await.unwrap();
        follow(&mut table, &mut log, marker).await;
        // The next entry comes behind the checkpoint that was due.
        loop {
            let marker = registry.mark().await.unwrap();
            follow(&mut table, &mut log, marker).await;
            let (found, _) = registry.resume().await.unwrap();
            let newest = nothing(2);
            writer.write(&newest, &FieldTable::default()).await;
            let (_, begin) = offsets(&broker, &newest[0]).await;
            assert!(begin > first, "it has forgotten nothing");
            if found.iter().count() == 300 {
                break;
            }
        }

        // Nobody knows of a checkpoint now, and the jobs are forgotten; it is no error.
        writer.write(&filler, &header(first)).await;
        let (_, found, _) = starts(&vhost).await;
        assert_eq!(found.iter().count(), 0);
        registry
            .append(&JobRun::new(&"j".parse().unwrap(), 1), &submission(1))
            .await
            .unwrap();
        let done = Event::Finished(Totals::default());
        let appended = registry
            .append(&JobRun::new(&"j".parse().unwrap(), 1), &done)
            .await;
        appended.unwrap();
        let (_, found, log) = starts(&vhost).await;
        assert_eq!(found.iter().count(), 1);
        // The log keeps little more than a mebibyte.
        assert!(log.messages() < 2 * FEW, "{} messages", log.messages());
    });
}

/// Follows the log behind a table, as a dashboard does, until so many more entries have come.
async fn keep_following(table: &mut JobTable, log: &mut Log, entries: usize) {
    for _ in 0..entries {
        let entry = log.next().await.unwrap();
        table.apply(entry);
        log.keep_short(table);
    }
}

/// The checkpoints that the log holds.
async fn checkpoints(registry: &Registry) -> usize {
    let marker = registry.mark().await.unwrap();
    let (mut log, mut found) = (registry.follow(), 0);
    loop {
        match log.next().await.unwrap().event {
            Event::Marker { id } if id == marker => return found,
            event => found += usize::from(matches!(event, Event::Checkpoint(_))),
        }
    }
}

#[test]
fn who_follows_a_long_log_from_its_start_writes_no_checkpoint_of_its_beginning() {
    let vhost = Node::shared().vhost().unwrap();
    run(async {
        let (broker, _) = connect(&vhost).await;
        let registry = open(&broker).await;
        let writer = Writer::connect(&vhost.url()).await;
        let written = writer.ended_jobs(1000).await;
        let (mut table, mut log) = registry.resume().await.unwrap();
        // What was stored together at its end counts as its end.
        keep_following(&mut table, &mut log, written / 2).await;
        assert_eq!(checkpoints(&registry).await, 0);
        // At its end others are led there.
        keep_following(&mut table, &mut log, written - written / 2).await;
        loop {
            registry.mark().await.unwrap();
            keep_following(&mut table, &mut log, 1).await;
            let (found, _) = registry.resume().await.unwrap();
            if found.iter().count() > 0 {
                break;
            }
        }
        // It may lack the last that were stored together, which are then read.
        let (_, found, log) = starts(&vhost).await;
        assert_eq!(found.iter().count(), 1000);
        assert!(log.messages() < written as u64 / 4, "{}", log.messages());
    });
}

#[test]
fn who_has_seen_the_log_lost_puts_nothing_of_it_into_the_new_one() {
    let vhost = Node::shared().vhost().unwrap();
    run(async {
        let (broker, _) = connect(&vhost).await;
        let registry = open(&broker).await;
        let name: JobName = "old".parse().unwrap();
        registry
            .append(&JobRun::new(&name, 1), &submission(1))
            .await
            .unwrap();
        let (mut table, mut log) = registry.catch_up().await.unwrap();
        assert!(table.get(&name).is_some());
        vhost.delete_queue(STREAM).unwrap();
        // The first entry of the new log is the follower's own.
        let entry = log.next().await.unwrap();
        assert!(log.was_lost());
        table.apply(entry);
        for _ in 0..500 {
            registry.mark().await.unwrap();
        }
        keep_following(&mut table, &mut log, 500).await;
        assert_eq!(checkpoints(&registry).await, 0);
        // Those that start then write one, and know of nothing that was lost.
        let (_, found, _) = starts(&vhost).await;
        assert_eq!(found.iter().count(), 0);
        assert_eq!(checkpoints(&registry).await, 1);
    });
}
