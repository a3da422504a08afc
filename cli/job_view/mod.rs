//! One job as `status` shows it, in lines or as JSON. It must not know how reports are heard.

mod json;
mod lines;

use std::collections::BTreeMap;
use std::time::Duration;

use gristmill_common::clock::since_1970;
use gristmill_common::progress::Role;
use gristmill_jobs::declare::queue_depth;
use gristmill_jobs::queue::Queue;
use gristmill_jobs::registry::{Job, JobState, Phase};
use gristmill_jobs::report::{Estimate, JobStats, LISTEN, Workers};
use gristmill_rabbitmq::Broker;
use indicatif::HumanCount;

pub use lines::missing;

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
        let stats = view.stats.unwrap_or_default();
        let published = job.splits.values().map(|done| u64::from(done.chunks)).sum();
        view.estimate = Estimate::of(&JobStats {
            sealed: job.sealed,
            published: stats.published.max(published),
            waiting: if finished { Some(0) } else { view.chunks },
            results: Some(view.results),
            missing: job.missing.as_ref().map(|(_, count)| *count),
            ..stats
        });
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

    /// Where a finished job's output was put.
    fn output(&self) -> Option<String> {
        let finished = matches!(self.job.phase, Phase::Finished(_));
        let claim = self.job.claim.as_ref().filter(|_| finished)?;
        Some(format!("{}/{}", claim.place, self.job.name))
    }
}
