//! A log of jobs with many of them in it, and messages in it that nobody would write.
#![allow(dead_code)]

use gristmill_common::job::JobName;
use gristmill_common::plan_summary::PlanSummary;
use gristmill_common::spec::{Extract, JobSpec, Kind};
use gristmill_common::wire::BodyForm;
use gristmill_jobs::registry::{
    Event, LogHead, STREAM, Submission, Totals, encode_event, encode_log_part,
};
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection};

/// When all entries were written: now, or old jobs would be left out of checkpoints.
fn now() -> u64 {
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed();
    now.expect("a time after 1970").as_secs()
}

pub(crate) fn submission(run: u64) -> Event {
    let plan_summary = PlanSummary {
        sources: (0..3)
            .map(|number| format!("logs/{number}.gz").into_bytes().into())
            .collect(),
        splits: 3,
        ..PlanSummary::default()
    };
    Event::Submitted(Box::new(Submission {
        plan: run,
        ..Submission::of(JobSpec::of(Kind::Extract(Extract {})), plan_summary, run)
    }))
}

/// What a job's life leaves in the log.
fn life(run: u64) -> Vec<Event> {
    vec![
        submission(run),
        Event::Claimed {
            directory: "7f3a5c1e".into(),
            place: "host:/results".into(),
        },
        Event::Sealed { chunks: 3 },
        Event::PartitionClosed { partition: 0 },
        Event::Finished(Totals::default()),
    ]
}

/// The messages of an entry, in parts of so many bytes.
pub(crate) fn messages(job: &JobName, run: u64, event: &Event, part: usize) -> Vec<Vec<u8>> {
    let bytes = encode_event(event).expect("an event");
    let parts = bytes.chunks(part);
    let mut head = LogHead {
        job: job.clone(),
        run,
        at: now(),
        entry: gristmill_common::id::unique(),
        part: 0,
        parts: parts.len() as u32,
    };
    parts
        .map(|part| {
            let message = encode_log_part(&head, part.to_vec(), BodyForm::Raw).expect("a part");
            head.part += 1;
            message.to_vec()
        })
        .collect()
}

/// Writes messages into the log as they are.
pub(crate) struct Writer {
    channel: Channel,
    // Closed when dropped.
    _connection: Connection,
}

impl Writer {
    pub(crate) async fn connect(url: &str) -> Self {
        let connection = Connection::connect(url, Default::default()).await;
        let connection = connection.expect("a connection");
        let channel = connection.create_channel().await.expect("a channel");
        let confirms = channel.confirm_select(ConfirmSelectOptions::default());
        confirms.await.expect("confirms");
        Self {
            channel,
            _connection: connection,
        }
    }

    /// Many are under way at once; all are confirmed.
    pub(crate) async fn write(&self, messages: &[Vec<u8>], headers: &FieldTable) {
        let properties = BasicProperties::default().with_headers(headers.clone());
        for many in messages.chunks(1000) {
            let mut confirms = Vec::new();
            for message in many {
                let options = BasicPublishOptions::default();
                let publishing = self.channel.basic_publish(
                    "".into(),
                    STREAM.into(),
                    options,
                    message,
                    properties.clone(),
                );
                confirms.push(publishing.await.expect("published"));
            }
            for confirm in confirms {
                assert!(confirm.await.expect("an answer").is_ack());
            }
        }
    }

    /// So many jobs that have ended; how many messages that makes.
    pub(crate) async fn ended_jobs(&self, count: u64) -> usize {
        let mut all = Vec::new();
        for number in 0..count {
            let job: JobName = format!("access-log-{number:012x}").parse().expect("a name");
            for event in life(number) {
                all.extend(messages(&job, number, &event, 1 << 20));
            }
        }
        self.write(&all, &FieldTable::default()).await;
        all.len()
    }
}
