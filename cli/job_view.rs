//! One job as `status` shows it, in lines or as JSON. It must not know how reports are heard.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use gristmill_common::clock::since_1970;
use gristmill_common::progress::Role;
use gristmill_jobs::declare::queue_depth;
use gristmill_jobs::queue::Queue;
use gristmill_jobs::registry::{Job, JobState, Phase};
use gristmill_jobs::report::{Estimate, JobFacts, JobStats, LISTEN, Workers};
use gristmill_rabbitmq::Broker;
use indicatif::{HumanCount, HumanDuration};
use serde_json::json;

use crate::phrases;

/// What was heard of the workers.
#[derive(Debug, Default)]
pub struct Heard {
    /// The reports; none when nobody listened.
    pub workers: Option<Workers>,
    /// Why the broker takes no messages, reports among them.
    pub alarm: Option<String>,
    /// Why nobody could listen.
    pub reports_error: Option<String>,
}

/// A job as `gristmill status` shows it.
pub struct JobView<'a> {
    job: &'a Job,
    state: JobState,
    /// Chunks that wait, suspects included; none if the queues are gone.
    chunks: Option<u64>,
    /// Results that wait, over all partitions.
    results: u64,
    dead: u64,
    waits_for: Vec<String>,
    /// Why workers do not go on.
    troubles: Vec<String>,
    /// Why mappers leave it alone, and how many for each reason.
    left_alone: BTreeMap<String, usize>,
    /// The same of reducers.
    reducers_left_alone: BTreeMap<String, usize>,
    /// Why records were set aside so far, and how often.
    reasons: Vec<(String, u64)>,
    age: Duration,
    /// What its workers said; none when nobody listened.
    stats: Option<JobStats>,
    estimate: Estimate,
}

impl<'a> JobView<'a> {
    /// Asks the broker for what the log does not know.
    pub async fn of(broker: &Broker, job: &'a Job, heard: &Heard) -> Self {
        let now = since_1970().as_secs();
        let mut view = Self {
            job,
            state: job.state(),
            chunks: None,
            results: 0,
            dead: 0,
            waits_for: Vec::new(),
            troubles: Vec::new(),
            left_alone: BTreeMap::new(),
            reducers_left_alone: BTreeMap::new(),
            reasons: Vec::new(),
            age: Duration::from_secs(now.saturating_sub(job.since)),
            stats: None,
            estimate: Estimate::default(),
        };
        let run = job.run();
        if !job.is_over() {
            let depth = async |queue| {
                let depth = queue_depth(broker, &run, queue).await;
                depth.ok().flatten().map(u64::from)
            };
            let ready = depth(Queue::Chunks).await;
            let suspect = depth(Queue::Suspect).await.unwrap_or(0);
            view.chunks = ready.map(|ready| ready + suspect);
            view.dead = depth(Queue::Dead).await.unwrap_or(0);
            for partition in 0..job.submission.spec.partitions {
                view.results += depth(Queue::Results(partition)).await.unwrap_or(0);
            }
        }
        let finished = matches!(job.phase, Phase::Finished(_));
        if job.is_active() {
            let workers = heard.workers.as_ref();
            view.stats = workers.map(|workers| workers.of(&run));
            let troubles = workers.map(|workers| workers.troubles(&run));
            let left_alone = |role| {
                let reasons = workers.map(|workers| workers.left_alone(role, &run));
                reasons.unwrap_or_default()
            };
            view.reasons = (workers.map(|workers| workers.reasons(&run))).unwrap_or_default();
            view.left_alone = left_alone(Role::Map);
            view.reducers_left_alone = left_alone(Role::Reduce);
            view.troubles = (troubles.into_iter().flatten())
                .map(|(role, reason)| format!("{}: {reason}", role.name()))
                .collect();
        }
        let facts = JobFacts {
            sealed: job.sealed,
            published: (job.splits.values())
                .map(|done| u64::from(done.chunks))
                .sum(),
            waiting: if finished { Some(0) } else { view.chunks },
            results: Some(view.results),
            missing: job.missing.as_ref().map(|(_, count)| *count),
        };
        view.estimate = Estimate::of(&facts, &view.stats.unwrap_or_default());
        if job.is_active() {
            view.waits_for = view.waits_for(heard);
        } else {
            view.estimate.eta = None;
        }
        view
    }

    fn waits_for(&self, heard: &Heard) -> Vec<String> {
        let mut found = Vec::new();
        let mut waits = |what: &str| found.push(what.to_owned());
        let job = self.job;
        if self.chunks.is_none() {
            waits("its queues: they are gone");
        }
        if job.claim.is_none() {
            waits("a reducer: none has claimed it");
        }
        if heard.alarm.is_some() {
            waits("the end of the broker's alarm");
            return found;
        }
        let Some(stats) = &self.stats else {
            if job.sealed.is_none() {
                waits("the rest of the input: the producer runs, or stopped half-way");
            }
            if self.chunks.is_some_and(|chunks| chunks > 0) {
                waits("mappers");
            }
            if self.results > 0 {
                waits("its reducer");
            }
            return found;
        };
        let seconds = LISTEN.as_secs_f64();
        let none = format!("none seen in the last {seconds} s");
        if job.sealed.is_none() && stats.producers == 0 {
            waits(&format!(
                "its producer: {none}; the same `produce` again goes on"
            ));
        }
        if stats.mappers == 0 && self.estimate.left != Some(0) {
            match stats.unable {
                0 => waits(&format!("a mapper: {none}")),
                _ => waits("a mapper that may and can run it"),
            }
        }
        if let Some(claim) = job.claim.as_ref().filter(|_| stats.reducers == 0) {
            let place = &claim.place;
            let none = match stats.unable_reducers {
                0 => &none,
                _ => "none seen that may and can run its program",
            };
            waits(&format!(
                "its reducer: {none}; the job belongs to the directory {place}: start one there, or \
                 `produce --force` begins it anew for another"
            ));
        }
        if self.estimate.astray > 0 {
            waits(&format!(
                "the outcomes of {} chunks: neither they nor the chunks are on the broker or in a \
                 worker's hands; if that stays so they are lost: its reducer says so after --stall-after, and \
                 the same `produce` again sends them",
                HumanCount(self.estimate.astray),
            ));
        }
        for trouble in &self.troubles {
            waits(&format!("a worker that cannot go on: {trouble}"));
        }
        found
    }

    /// Writes a line, and some more for an active job.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn print(&self, out: &mut impl Write) -> std::io::Result<()> {
        let age = HumanDuration(self.age);
        write!(out, "{}  {}  since {age}", self.job.name, self.state)?;
        match &self.job.phase {
            Phase::Finished(totals) => write!(
                out,
                "  {} records, {} quarantined",
                HumanCount(totals.records),
                HumanCount(totals.quarantined)
            )
            .and_then(|()| match totals.skipped_chunks {
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
                if let Some(percent) = self.estimate.percent {
                    write!(out, "  {:.1}%", phrases::tenths(percent))?;
                }
                if let Some(eta) = self.estimate.eta.filter(|eta| !eta.is_zero()) {
                    write!(out, ", {}", phrases::left(eta))?;
                }
            }
        }
        writeln!(out)?;
        if self.job.is_active() {
            self.print_progress(out)?;
        }
        if let Some((_, count)) = &self.job.missing {
            let missing = missing(*count);
            writeln!(
                out,
                "  missing: {missing}; the same `produce` again sends what is missing"
            )?;
        }
        if let Some(place) = self.output() {
            let gone = match self.job.output_there {
                Some(false) => " (gone when it was last looked for)",
                _ => "",
            };
            writeln!(out, "  output: {place}{gone}")?;
        }
        match self.job.phase {
            Phase::Finished(totals) if totals.foreign_messages > 0 => {
                let many = HumanCount(totals.foreign_messages);
                writeln!(out, "  {many} messages were set aside as unusable")?;
            }
            _ if self.dead > 0 => {
                writeln!(out, "  {} messages were set aside as unusable", self.dead)?;
            }
            _ => {}
        }
        for what in &self.waits_for {
            writeln!(out, "  waits for {what}")?;
        }
        self.print_left_alone(out)
    }

    /// `3 of 5 mappers: exec is off`.
    fn print_left_alone(&self, out: &mut impl Write) -> std::io::Result<()> {
        let stats = self.stats.unwrap_or_default();
        let (mappers, reducers) = (
            stats.mappers + stats.unable,
            stats.reducers + stats.unable_reducers,
        );
        for (role, all, reasons) in [
            ("mappers", mappers, &self.left_alone),
            ("reducers", reducers, &self.reducers_left_alone),
        ] {
            for (reason, count) in reasons {
                let reason = reason.lines().next().unwrap_or_default();
                writeln!(out, "  {count} of {all} {role}: {reason}")?;
            }
        }
        Ok(())
    }

    /// Where a finished job's output was put.
    fn output(&self) -> Option<String> {
        let finished = matches!(self.job.phase, Phase::Finished(_));
        let claim = self.job.claim.as_ref().filter(|_| finished)?;
        Some(format!("{}/{}", claim.place, self.job.name))
    }

    fn print_progress(&self, out: &mut impl Write) -> std::io::Result<()> {
        write!(
            out,
            "  {}",
            chunks(&self.estimate, self.job.sealed.is_some())
        )?;
        if let Some(stats) = self.stats.filter(|stats| stats.mappers > 0) {
            write!(out, "; {}", phrases::rate(&stats))?;
        }
        writeln!(out)?;
        write!(out, "  ")?;
        if let Some(stats) = &self.stats {
            write!(out, "{}; ", phrases::workers(stats))?;
            if stats.reducers > 0 {
                let quarantined = HumanCount(stats.quarantined);
                write!(out, "{quarantined} records quarantined so far; ")?;
            }
        }
        writeln!(
            out,
            "{} results wait, {} of {} partitions closed",
            HumanCount(self.results),
            self.job.closed.len(),
            self.job.submission.spec.partitions
        )
    }

    /// The job as an object: `StatusArgs` documents its fields.
    #[must_use]
    pub fn json(&self, heard: &Heard) -> serde_json::Value {
        let (job, estimate, stats) = (self.job, &self.estimate, self.stats.as_ref());
        let totals = match job.phase {
            Phase::Finished(totals) => Some(totals),
            _ => None,
        };
        let so_far = stats.filter(|stats| stats.reducers > 0);
        let reason = match &job.phase {
            Phase::Failed { reason } => Some(reason),
            _ => None,
        };
        let mut view = json!({
            "job": job.name,
            "kind": job.submission.spec.kind.name(),
            "state": self.state.name(),
            "reason": reason,
            "seconds": self.age.as_secs(),
            "percent": estimate.percent.map(phrases::tenths),
            "eta_seconds": estimate.eta.map(|eta| phrases::whole(eta).as_secs()),
            "splits": job.submission.plan_summary.splits,
            "splits_published": job.splits.len(),
            "chunks_published": estimate.published,
            "chunks_total": estimate.total,
            "sealed": job.sealed.is_some(),
            "chunks_mapped": estimate.mapped,
            "chunks_left": estimate.left,
            "chunks_waiting": self.chunks,
            "chunks_in_hand": stats.map(|stats| stats.in_hand),
            "chunks_per_second": stats.map(|stats| phrases::tenths(stats.chunks_per_second)),
            "bytes_per_second": stats.map(|stats| stats.bytes_per_second as u64),
            "results_waiting": self.results,
            "outcomes_durable": so_far.map(|stats| stats.outcomes.0),
            "dead": (totals.filter(|_| job.is_over())).map_or(self.dead, |totals| totals.foreign_messages),
            "missing": (job.missing.as_ref()).and_then(|(_, count)| (*count != u64::MAX).then_some(count)),
            "partitions": job.submission.spec.partitions,
            "partitions_closed": job.closed.len(),
            "directory": job.claim.as_ref().map(|claim| &claim.directory),
            "place": job.claim.as_ref().map(|claim| &claim.place),
            "output": self.output(),
            "output_there": job.output_there,
            "troubles": self.troubles,
            "records": totals.map(|totals| totals.records),
            "quarantined": (totals.map(|totals| totals.quarantined))
                .or(so_far.map(|stats| stats.quarantined)),
            "skipped_chunks": totals.map(|totals| totals.skipped_chunks),
            "replays": job.replays,
            "left_alone": self.left_alone,
            "reducers_left_alone": self.reducers_left_alone,
            "workers": stats.map(|stats| json!({
                "producers": stats.producers,
                "mappers": stats.mappers,
                "reducers": stats.reducers,
            })),
            "waits_for": self.waits_for,
            "broker_alarm": heard.alarm,
            "reports_error": heard.reports_error,
        });
        // The macro takes no more fields than those.
        view["bytes_read_per_second"] =
            json!(stats.map(|stats| stats.bytes_read_per_second as u64));
        view["outcomes_per_second"] =
            json!(stats.map(|stats| phrases::tenths(stats.outcomes_per_second)));
        view["quarantined_for"] = (self.reasons.iter())
            .map(|(reason, times)| json!({"reason": reason, "entries": times}))
            .collect();
        view
    }
}

/// `612 of about 3,635 chunks mapped (1,227 sent), 3,023 left`; exact once the job is sealed.
fn chunks(estimate: &Estimate, sealed: bool) -> String {
    let published = HumanCount(estimate.published);
    let (of, sent) = match (sealed, estimate.total) {
        (true, _) => (format!("{published} chunks"), String::new()),
        (false, Some(total)) => {
            let total = HumanCount(total);
            (
                format!("about {total} chunks"),
                format!(" ({published} sent)"),
            )
        }
        (false, None) => (format!("{published} chunks sent so far"), String::new()),
    };
    match (
        estimate.mapped.map(HumanCount),
        estimate.left.map(HumanCount),
    ) {
        (Some(mapped), Some(left)) => format!("{mapped} of {of} mapped{sent}, {left} left"),
        (Some(mapped), None) => format!("{mapped} of {of} mapped{sent}"),
        (None, _) => format!("{of}{sent}"),
    }
}

/// How many chunks a stalled job misses, or splits that nobody has read to their end, in words.
pub fn missing(count: u64) -> String {
    match count {
        u64::MAX => "an unknown number of chunks or splits".to_owned(),
        1 => "1 chunk or split".to_owned(),
        count => format!("{} chunks or splits", HumanCount(count)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_exact_once_the_job_is_sealed() {
        let estimate = Estimate {
            published: 1227,
            total: Some(3635),
            mapped: Some(612),
            astray: 0,
            left: Some(3023),
            percent: None,
            eta: None,
        };
        assert_eq!(
            chunks(&estimate, false),
            "612 of about 3,635 chunks mapped (1,227 sent), 3,023 left"
        );
        let stream = Estimate {
            total: None,
            left: None,
            ..estimate
        };
        assert_eq!(
            chunks(&stream, false),
            "612 of 1,227 chunks sent so far mapped"
        );
        let sealed = Estimate {
            total: Some(1227),
            left: Some(615),
            ..estimate
        };
        assert_eq!(
            chunks(&sealed, true),
            "612 of 1,227 chunks mapped, 615 left"
        );
        let gone = Estimate {
            mapped: None,
            left: None,
            ..sealed
        };
        assert_eq!(chunks(&gone, true), "1,227 chunks");
    }
}
