//! One job on a broker, as one reducer works on it: its partitions on threads, then the commit.
//!
//! Whoever finds all partitions closed commits: the output is built aside and put in place whole,
//! so two that do it do no harm. It must not know other jobs.

use std::fs;
use std::fs::TryLockError;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

use gristmill_common::crash;
use gristmill_common::id::unique;
use gristmill_common::progress::{Cause, Trouble};
use gristmill_common::shutdown::Stage;
use gristmill_jobs::registry::{Event, RegistryError, Totals};
use gristmill_rabbitmq::QueueError;
use tracing::{info, warn};

use super::NotPublished;
use super::context::JobContext;
use super::partition::{Ended, rebuild, reduce};
use crate::engine::commit::{Report, commit};
use crate::engine::commit_error::CommitError;
use crate::engine::destination::Destination;
use crate::engine::error::FileError;
use crate::engine::files;
use crate::engine::manifest::{MANIFEST, Manifest};
use crate::engine::output_dir::{OutputDir, OutputError};
use crate::engine::reduce::PartitionResult;
use crate::engine::reduce_error::ReduceError;

/// Why a job was not reduced here.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JobFailure {
    /// The job cannot be completed by anybody: it has failed.
    #[error("{0}")]
    Job(String),
    /// This reducer cannot go on now; later, or another one, may.
    #[error("{1}")]
    Here(Cause, String),
    /// A queue is gone, and which: the log says why.
    #[error("a queue of the job is gone from the broker: {0}")]
    QueueGone(String),
    /// What was durable is gone: the log says why, or the job has failed.
    #[error("{0}")]
    Lost(String),
}

impl JobFailure {
    /// Why this reducer cannot go on now, if that is all.
    pub(crate) fn trouble(&self) -> Option<Trouble> {
        let JobFailure::Here(cause, reason) = self else {
            return None;
        };
        Some(Trouble {
            cause: *cause,
            reason: reason.clone(),
        })
    }
}

impl From<ReduceError> for JobFailure {
    fn from(error: ReduceError) -> Self {
        match error {
            ReduceError::Queue { gone: true, what } => JobFailure::QueueGone(what),
            ReduceError::Lost(what) => JobFailure::Lost(what),
            ReduceError::File(error) => error.into(),
            ReduceError::Unable(what) => JobFailure::Here(Cause::Other, what),
            ReduceError::Queue { .. } => JobFailure::Here(Cause::Publish, error.to_string()),
            ReduceError::Incomplete { .. } | ReduceError::Stopped { .. } => {
                JobFailure::Here(Cause::Other, error.to_string())
            }
            ReduceError::InputChanged { .. }
            | ReduceError::SplitChanged { .. }
            | ReduceError::Malformed(_)
            | ReduceError::Program(_)
            | ReduceError::Overflow(_)
            | ReduceError::Wire(_)
            | ReduceError::Quarantine(_) => JobFailure::Job(error.to_string()),
        }
    }
}

impl From<CommitError> for JobFailure {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::File(error) => error.into(),
            CommitError::Rows(error) => error.into(),
            CommitError::Account { .. }
            | CommitError::Partitions(_)
            | CommitError::TwoResults(_)
            | CommitError::Quarantine(_) => JobFailure::Job(error.to_string()),
        }
    }
}

impl From<FileError> for JobFailure {
    fn from(error: FileError) -> Self {
        JobFailure::Here(Cause::Disk, error.to_string())
    }
}

impl From<OutputError> for JobFailure {
    fn from(error: OutputError) -> Self {
        JobFailure::Here(Cause::Disk, error.to_string())
    }
}

impl From<QueueError> for JobFailure {
    fn from(error: QueueError) -> Self {
        JobFailure::Here(Cause::Other, error.to_string())
    }
}

impl From<RegistryError> for JobFailure {
    fn from(error: RegistryError) -> Self {
        JobFailure::Here(Cause::Publish, error.to_string())
    }
}

/// Works on a job until it is committed (true) or a stop is asked for (false).
pub(crate) fn work(job: &JobContext) -> Result<bool, JobFailure> {
    job.state_dir.save_submission(&job.run, &job.submission)?;
    let dir = job.state_dir.run(&job.run);
    let aside = dir.join(format!("out-{:016x}", unique()));
    let _cleanup = Aside(&aside);
    let destination = Destination::Dir(OutputDir::open(&aside, false)?);
    let partitions = job.submission.spec.partitions;
    let ended: Vec<Result<Ended, ReduceError>> = std::thread::scope(|scope| {
        let threads: Vec<_> = spread(partitions)
            .map(|partition| {
                let destination = &destination;
                let work = move || {
                    let ended = reduce(job, partition, destination);
                    match &ended {
                        Ok(Ended::Closed(_)) => job.append(&Event::PartitionClosed { partition }),
                        Ok(_) => {}
                        // The others need not go on.
                        Err(_) => job.stop.advance(Stage::Draining),
                    }
                    ended
                };
                let name = format!("reduce {}.{partition}", job.run.job);
                std::thread::Builder::new()
                    .name(name)
                    .spawn_scoped(scope, work)
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| {
                let thread = thread.map_err(FileError::new("start a thread for", &aside))?;
                thread.join().unwrap_or_else(|_| {
                    let what = "the reducer panicked; please report this";
                    Err(ReduceError::Malformed(what.into()))
                })
            })
            .collect()
    });
    // What failed comes first: the others were only stopped because of it.
    let ended: Vec<Ended> = ended.into_iter().collect::<Result<_, _>>()?;
    let mut results = Vec::new();
    for ended in ended {
        match ended {
            Ended::Closed(result) => results.push(*result),
            Ended::Elsewhere => {}
            Ended::Stopped => return Ok(false),
        }
    }
    finish(job, results, destination, &aside)
}

/// The partitions in an order of this reducer's own, so that several begin with different ones.
fn spread(partitions: u32) -> impl Iterator<Item = u32> {
    let start = (unique() % u64::from(partitions.max(1))) as u32;
    (start..partitions).chain(0..start)
}

/// All partitions are closed: commits, unless somebody else has.
fn finish(
    job: &JobContext,
    mut results: Vec<PartitionResult>,
    destination: Destination,
    aside: &Path,
) -> Result<bool, JobFailure> {
    let dir = job.state_dir.run(&job.run);
    let path = dir.join(".commit");
    let lock = files::open_lock(&path)?;
    loop {
        match lock.try_lock() {
            Ok(()) | Err(TryLockError::Error(_)) => break,
            Err(TryLockError::WouldBlock) if job.stop.is_stopping() => return Ok(false),
            Err(TryLockError::WouldBlock) => job.pause(Duration::from_millis(200)),
        }
    }
    let output = job.state_dir.output(&job.run.job);
    let earlier = Manifest::read(&output.join(MANIFEST)).ok();
    let totals = match earlier {
        // Only a run of this job puts a folder there once it was claimed.
        Some(manifest) if !job.may_replace() && manifest.spec == job.submission.spec => {
            manifest.totals
        }
        _ => {
            for partition in 0..job.submission.spec.partitions {
                if !results.iter().any(|result| result.partition == partition) {
                    match rebuild(job, partition, &destination) {
                        Err(ReduceError::Unable(_)) if job.stop.is_stopping() => return Ok(false),
                        rebuilt => results.push(rebuilt?),
                    }
                }
            }
            crash::point("before-manifest");
            let dead = job.dead_letters()?;
            let report = commit(
                destination,
                &job.submission.spec,
                &job.submission.plan_summary,
                results,
                dead,
                &job.settings,
            )?;
            put(job, aside, &output)?;
            crash::point("after-manifest");
            say(job, &report);
            report.totals
        }
    };
    if let Some(place) = &job.publish {
        match place.publish(&job.run.job, &output, job.may_replace(), &job.stop) {
            Ok(()) => {}
            Err(NotPublished::Stopped) => return Ok(false),
            Err(NotPublished::InTheWay(reason)) => return Err(JobFailure::Job(reason)),
            Err(NotPublished::Here(reason)) => return Err(JobFailure::Here(Cause::Other, reason)),
        }
        crash::point("published");
    }
    let totals = Totals {
        records: totals.records,
        quarantined: totals.quarantined,
        skipped_chunks: totals.skipped_chunks,
        foreign_messages: totals.foreign_messages,
    };
    job.worker.runtime.block_on(
        job.worker
            .registry
            .append(&job.run, &Event::Finished(totals)),
    )?;
    crash::point("finished");
    if totals.skipped_chunks > 0 {
        let skipped_chunks = totals.skipped_chunks;
        warn!(job = %job.run.job, skipped_chunks, "what is needed for `replay` is kept until it or `cancel`");
        return Ok(true);
    }
    // Whoever sees in the log that the job is finished removes what is left.
    Ok(true)
}

/// Puts the finished output in its place.
fn put(job: &JobContext, aside: &Path, output: &Path) -> Result<(), JobFailure> {
    if !files::put_dir(aside, output)? {
        if !job.may_replace() {
            return Err(JobFailure::Job(format!(
                "{} is in the way: move it away and `produce` again",
                output.display()
            )));
        }
        // Only what an earlier job wrote is ever replaced.
        OutputDir::open(output, true)?;
        files::exchange(aside, output)?;
    }
    Ok(job.state_dir.sync()?)
}

fn say(job: &JobContext, report: &Report) {
    info!(
        job = %job.run.job,
        records = report.totals.records,
        quarantined = report.totals.quarantined,
        duplicates = job.duplicates.load(Ordering::Relaxed),
        "finished: {}", job.state_dir.output(&job.run.job).display()
    );
}

/// The output in the making, removed whatever happens; once it was put in place, there is nothing
/// left to remove but the output that it replaced.
struct Aside<'a>(&'a Path);

impl Drop for Aside<'_> {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(self.0);
    }
}
