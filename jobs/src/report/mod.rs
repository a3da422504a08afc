//! Progress reports: what each worker says every two seconds to whoever listens, for people only.
//!
//! Correctness never reads them (I5): they may be lost, late, doubled or made up. It must not know
//! how jobs are worked on.

mod codec;
mod estimate;
mod facts;
mod rate;
mod reporter;
mod workers;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use gristmill_common::job::JobName;
use gristmill_common::progress::{Counts, Role};
use gristmill_rabbitmq::{Broker, End, QueueError, TopicReader};

pub use self::codec::{MAX_REPORT, decode_report, encode_report};
pub use self::estimate::Estimate;
pub use self::facts::{Facts, host};
pub use self::rate::{Rate, RateWindow};
pub use self::reporter::Reporter;
pub use self::workers::{JobStats, WorkerStats, Workers};

/// The topic exchange's name on the broker. Routing keys are `ROLE.JOB`, or `ROLE` of a worker that
/// has no job.
pub const EXCHANGE: &str = "gristmill.progress";
/// How often each worker reports.
pub const PERIOD: Duration = Duration::from_secs(2);
/// How long to listen so that every live worker is heard: a period, and some for the way.
pub const LISTEN: Duration = Duration::from_millis(2500);

/// One worker, with its progress with one job if it has any.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Tells workers apart: random for each process.
    pub worker: u64,
    /// What it does.
    pub role: Role,
    /// The process.
    pub facts: Facts,
    /// One of the jobs that it works on; none while it has no job.
    pub work: Option<Work>,
}

/// A worker's progress with one job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Work {
    /// The job; its name is checked when it is decoded.
    pub job: JobName,
    /// The run of the job.
    pub run: u64,
    /// What it has done since it started. Those of another role than the worker's are 0.
    pub counts: Counts,
    /// How fast it went in the last seconds.
    pub rate: Rate,
    /// Why it does not go on with the job just now, in at most [`MAX_TROUBLE`] bytes.
    pub trouble: Option<String>,
    /// It cannot or may not work on the job, which is no trouble of others.
    pub left_alone: bool,
    /// Reducer: the commonest reasons of what was set aside, at most [`MAX_REASONS`] of
    /// [`MAX_REASON`] bytes, and how often each was given.
    pub reasons: Vec<(String, u64)>,
}

/// The most bytes of a reason in a report.
pub const MAX_TROUBLE: usize = 256;

/// The most reasons of what was set aside that a report names, and the longest, in bytes.
pub const MAX_REASONS: usize = 4;
/// See [`MAX_REASONS`].
pub const MAX_REASON: usize = 96;

/// Hears the reports about one job, or about all.
pub struct Reports {
    reader: TopicReader,
}

impl Reports {
    /// Of one job, or of all jobs and of workers that have none. Nothing is heard before
    /// [`Reports::open`] or [`Reports::next`].
    #[must_use]
    pub fn new(broker: &Broker, job: Option<&JobName>) -> Self {
        let pattern = match job {
            Some(job) => format!("*.{job}"),
            None => "#".to_owned(),
        };
        Self {
            reader: broker.topic_reader(EXCHANGE, &pattern),
        }
    }

    /// Begins to listen.
    ///
    /// # Errors
    /// When the broker refuses or the connection is lost.
    pub async fn open(&mut self) -> Result<(), QueueError> {
        self.reader.open().await
    }

    /// The next report; waits for one, and for a broker that is gone. `None` when the broker
    /// refuses or this process has closed its connections. Messages that are no reports are
    /// skipped. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Report> {
        loop {
            match self.reader.next().await {
                Ok(message) => {
                    if let Ok(report) = decode_report(&message) {
                        return Some(report);
                    }
                }
                Err(End::Closed | End::Gone | End::Finished | End::Refused(_)) => return None,
            }
        }
    }
}

impl std::fmt::Debug for Reports {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reports").finish_non_exhaustive()
    }
}

/// Declares the exchange, as every role does.
///
/// # Errors
/// When the broker refuses or the connection is lost.
pub async fn declare(broker: &Broker) -> Result<(), QueueError> {
    broker.declare_topic(EXCHANGE).await
}
