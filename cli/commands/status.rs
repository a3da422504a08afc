//! `gristmill status`: every job that the log knows, and what it waits for.

use std::io::Write;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use gristmill_common::broker::{Broker, queue_depth};
use gristmill_common::job::JobName;
use gristmill_common::registry::{Job, Phase};
use gristmill_common::shutdown::Shutdown;
use gristmill_common::transport::Queue;
use indicatif::{HumanCount, HumanDuration};
use serde_json::json;

use crate::args::StatusArgs;
use crate::broker;
use crate::exit::{Exit, usage};
use crate::jobs;

/// Runs the command.
///
/// # Errors
/// When there is no such job, or the log cannot be read.
pub fn status(args: &StatusArgs) -> anyhow::Result<Exit> {
    let options = broker::options(&args.broker, "status")?;
    let runtime = broker::runtime()?;
    let Some((broker, registry)) = broker::connect(&runtime, options, &Shutdown::new())? else {
        return Ok(Exit::Interrupted);
    };
    let table = runtime.block_on(jobs::read(&registry))?;
    let mut shown = Vec::new();
    for (name, job) in table.iter() {
        if args.job.as_ref().is_none_or(|only| only == name) {
            shown.push(runtime.block_on(Shown::of(&broker, name, job)));
        }
    }
    let alarm = broker.health().blocked;
    runtime.block_on(broker.close());
    if let Some(only) = args.job.as_ref().filter(|_| shown.is_empty()) {
        return Err(usage(format!("there is no job {only}")));
    }
    let mut out = std::io::stdout().lock();
    if args.json {
        for job in &shown {
            writeln!(out, "{}", job.json(alarm.as_deref()))?;
        }
    } else {
        if let Some(reason) = &alarm {
            writeln!(
                out,
                "the broker is in alarm and takes no messages: {reason}"
            )?;
        }
        for job in &shown {
            job.print(&mut out)?;
        }
        if shown.is_empty() {
            writeln!(out, "no jobs")?;
        }
    }
    Ok(Exit::Complete)
}

/// A job as it is shown.
struct Shown<'a> {
    name: &'a JobName,
    job: &'a Job,
    state: &'static str,
    /// Chunks that wait, suspects included; none if the queues are gone.
    chunks: Option<u64>,
    /// Results that wait, over all partitions.
    results: u64,
    dead: u64,
    waits_for: Vec<&'static str>,
    age: Duration,
}

impl<'a> Shown<'a> {
    async fn of(broker: &Broker, name: &'a JobName, job: &'a Job) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.map_or(0, |now| now.as_secs());
        let mut shown = Self {
            name,
            job,
            state: state(job),
            chunks: None,
            results: 0,
            dead: 0,
            waits_for: Vec::new(),
            age: Duration::from_secs(now.saturating_sub(job.since)),
        };
        if job.is_over() {
            return shown;
        }
        let depth = async |queue| {
            let depth = queue_depth(broker, name, queue).await;
            depth.ok().flatten().map(u64::from)
        };
        let ready = depth(Queue::Chunks).await;
        let suspect = depth(Queue::Suspect).await.unwrap_or(0);
        shown.chunks = ready.map(|ready| ready + suspect);
        shown.dead = depth(Queue::Dead).await.unwrap_or(0);
        for partition in 0..job.submission.spec.partitions {
            shown.results += depth(Queue::Results(partition)).await.unwrap_or(0);
        }
        if job.is_active() {
            let mut waits = |what| shown.waits_for.push(what);
            if ready.is_none() {
                waits("its queues: they are gone");
            }
            if job.sealed.is_none() {
                waits("the rest of the input: the producer runs, or stopped half-way");
            }
            if job.claim.is_none() {
                waits("a reducer: none has claimed it");
            }
            if shown.chunks.is_some_and(|chunks| chunks > 0) {
                waits("mappers");
            }
            if shown.results > 0 {
                waits("its reducer");
            }
        }
        shown
    }

    fn published(&self) -> u64 {
        match self.job.sealed {
            Some(chunks) => chunks,
            None => self
                .job
                .splits
                .values()
                .map(|done| u64::from(done.chunks))
                .sum(),
        }
    }

    fn print(&self, out: &mut impl Write) -> std::io::Result<()> {
        let job = self.job;
        write!(
            out,
            "{}  {}  since {}",
            self.name,
            self.state,
            HumanDuration(self.age)
        )?;
        match &job.phase {
            Phase::Finished(totals) => write!(
                out,
                "  {} records, {} quarantined",
                HumanCount(totals.records),
                HumanCount(totals.quarantined)
            )
            .and_then(|()| match totals.tombstones {
                0 => Ok(()),
                many => write!(
                    out,
                    ", {} chunks could not be run: `gristmill replay` tries them again",
                    HumanCount(many)
                ),
            })?,
            Phase::Failed { reason } => write!(out, "  {reason}")?,
            Phase::Cancelled => {}
            Phase::Active => {
                let published = self.published();
                let waiting = self.chunks.unwrap_or(0);
                let of = match job.sealed {
                    Some(_) => "",
                    None => "+",
                };
                write!(
                    out,
                    "  {} of {}{of} chunks taken, {} results wait, {} of {} partitions closed",
                    HumanCount(published.saturating_sub(waiting)),
                    HumanCount(published),
                    HumanCount(self.results),
                    job.closed.len(),
                    job.submission.spec.partitions
                )?;
            }
        }
        writeln!(out)?;
        if let Some((_, count)) = &job.missing {
            writeln!(
                out,
                "  {} chunks are missing: the same `produce` again sends them",
                HumanCount(*count)
            )?;
        }
        if self.dead > 0 {
            writeln!(out, "  {} messages were set aside as unusable", self.dead)?;
        }
        for what in &self.waits_for {
            writeln!(out, "  waits for {what}")?;
        }
        Ok(())
    }

    fn json(&self, alarm: Option<&str>) -> serde_json::Value {
        let job = self.job;
        let totals = match job.phase {
            Phase::Finished(totals) => Some(totals),
            _ => None,
        };
        let reason = match &job.phase {
            Phase::Failed { reason } => Some(reason),
            _ => None,
        };
        json!({
            "job": self.name,
            "kind": job.submission.spec.kind.name(),
            "state": self.state,
            "reason": reason,
            "seconds": self.age.as_secs(),
            "splits": job.submission.outline.splits,
            "splits_published": job.splits.len(),
            "chunks_published": self.published(),
            "sealed": job.sealed.is_some(),
            "chunks_waiting": self.chunks,
            "results_waiting": self.results,
            "dead": self.dead,
            "missing": job.missing.as_ref().map(|(_, count)| count),
            "partitions": job.submission.spec.partitions,
            "partitions_closed": job.closed.len(),
            "directory": job.claim,
            "records": totals.map(|totals| totals.records),
            "quarantined": totals.map(|totals| totals.quarantined),
            "tombstones": totals.map(|totals| totals.tombstones),
            "replays": job.replays,
            "waits_for": self.waits_for,
            "broker_alarm": alarm,
        })
    }
}

fn state(job: &Job) -> &'static str {
    match &job.phase {
        Phase::Finished(_) => "finished",
        Phase::Failed { .. } => "failed",
        Phase::Cancelled => "cancelled",
        Phase::Active if job.missing.is_some() => "stalled",
        Phase::Active if job.sealed.is_none() => "unsealed",
        Phase::Active => "running",
    }
}
