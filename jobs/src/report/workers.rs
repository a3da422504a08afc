//! The workers of each job, from the reports that were heard: a pure fold.
//!
//! Reports are untrusted: how many are remembered is bounded, and sums stay at the largest number.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Instant;

use super::{Facts, Rate, Report};
use gristmill_common::job::JobName;
use gristmill_common::progress::{Counts, Role};

/// How many reports are remembered: one for each job of each worker. Further ones are ignored.
const MAX_REPORTS: usize = 16_384;

/// The latest report of each worker about each job.
#[derive(Clone, Debug, Default)]
pub struct Workers {
    heard: HashMap<Key, LastReport>,
}

type Key = (JobName, u64, Role, u64);

#[derive(Clone, Debug)]
struct LastReport {
    counts: Counts,
    rate: Rate,
    trouble: Option<String>,
    left_alone: bool,
    facts: Facts,
    at: Instant,
}

/// One worker, out of its reports about all its jobs.
#[derive(Clone, Debug)]
pub struct WorkerStats {
    /// The process.
    pub facts: Facts,
    /// What it does.
    pub role: Role,
    /// The jobs that it works on.
    pub jobs: BTreeSet<JobName>,
    /// Bytes of text mapped per second.
    pub bytes_per_second: f64,
    /// Why it does not go on, if it does not.
    pub trouble: Option<String>,
    /// When it was last heard of.
    pub at: Instant,
}

/// All that was heard about one run of a job.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct JobStats {
    /// Producers heard of.
    pub producers: usize,
    /// Mappers heard of that work on it.
    pub mappers: usize,
    /// Mappers heard of that cannot or may not ([`Workers::left_alone`]).
    pub unable: usize,
    /// Reducers heard of that work on it.
    pub reducers: usize,
    /// Reducers heard of that cannot or may not ([`Workers::left_alone`]).
    pub unable_reducers: usize,
    /// Chunks that its producer has published.
    pub published: u64,
    /// Bytes of the inputs that were read, and all of them; 0 if unknown.
    pub input: (u64, u64),
    /// Chunks that mappers have taken and not settled.
    pub in_hand: u64,
    /// Chunks mapped per second.
    pub chunks_per_second: f64,
    /// Bytes of text mapped per second.
    pub bytes_per_second: f64,
    /// Outcomes that are durable, once for each chunk and partition, and how many must come (0 if
    /// unknown); of the partitions that are being worked on.
    pub outcomes: (u64, u64),
    /// Records set aside, in those partitions.
    pub quarantined: u64,
}

impl Workers {
    /// Takes a report that was heard at a time.
    pub fn hear(&mut self, report: Report, at: Instant) {
        let key = (report.job, report.run, report.role, report.worker);
        if self.heard.len() >= MAX_REPORTS && !self.heard.contains_key(&key) {
            return;
        }
        let heard = LastReport {
            counts: report.counts,
            rate: report.rate,
            trouble: report.trouble,
            left_alone: report.left_alone,
            facts: report.facts,
            at,
        };
        self.heard.insert(key, heard);
    }

    /// Forgets workers that were last heard of before a time.
    pub fn forget(&mut self, before: Instant) {
        self.heard.retain(|_, heard| heard.at >= before);
    }

    /// How many reports are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.heard.len()
    }

    /// Whether nothing was heard.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.heard.is_empty()
    }

    /// All workers, by host and process.
    #[must_use]
    pub fn all(&self) -> Vec<WorkerStats> {
        let mut workers: BTreeMap<(u64, &'static str), WorkerStats> = BTreeMap::new();
        for ((job, _, role, worker), heard) in &self.heard {
            let stats = workers
                .entry((*worker, role.name()))
                .or_insert_with(|| WorkerStats {
                    facts: heard.facts.clone(),
                    role: *role,
                    jobs: BTreeSet::new(),
                    bytes_per_second: 0.0,
                    trouble: None,
                    at: heard.at,
                });
            stats.jobs.insert(job.clone());
            stats.bytes_per_second += heard.rate.per_second().1;
            stats.trouble = stats.trouble.take().or_else(|| heard.trouble.clone());
            if heard.at > stats.at {
                stats.at = heard.at;
                stats.facts.clone_from(&heard.facts);
            }
        }
        let mut workers: Vec<_> = workers.into_values().collect();
        workers.sort_by(|a, b| {
            let key = |stats: &WorkerStats| (stats.facts.host.clone(), stats.facts.pid);
            key(a).cmp(&key(b))
        });
        workers
    }

    /// What holds up the workers of one run of a job, with their roles, each reason once.
    #[must_use]
    pub fn troubles(&self, job: &JobName, run: u64) -> BTreeSet<(Role, String)> {
        let mine = |key: &Key| key.0 == *job && key.1 == run;
        let heard = self.heard.iter().filter(|(key, _)| mine(key));
        heard
            .filter(|(_, heard)| !heard.left_alone)
            .filter_map(|(key, heard)| Some((key.2, heard.trouble.clone()?)))
            .collect()
    }

    /// Why workers of a role leave one run of a job alone, and how many for each reason.
    #[must_use]
    pub fn left_alone(&self, role: Role, job: &JobName, run: u64) -> BTreeMap<String, usize> {
        let mut reasons = BTreeMap::new();
        for ((of, of_run, of_role, _), heard) in &self.heard {
            if of == job && *of_run == run && *of_role == role && heard.left_alone {
                let reason = heard.trouble.clone().unwrap_or_default();
                *reasons.entry(reason).or_default() += 1;
            }
        }
        reasons
    }

    /// All that was heard about one run of a job.
    #[must_use]
    pub fn of(&self, job: &JobName, run: u64) -> JobStats {
        let mut stats = JobStats::default();
        let add = |to: &mut u64, amount: u64| *to = to.saturating_add(amount);
        for ((of, of_run, role, _), heard) in &self.heard {
            if of != job || *of_run != run {
                continue;
            }
            let counts = &heard.counts;
            match role {
                Role::Produce => {
                    stats.producers += 1;
                    // A second one only repeats the first's work.
                    stats.published = stats.published.max(counts.chunks);
                    stats.input = stats.input.max((counts.bytes, counts.total));
                }
                Role::Map if heard.left_alone => stats.unable += 1,
                Role::Map => {
                    stats.mappers += 1;
                    add(&mut stats.in_hand, counts.in_hand);
                    let (chunks, bytes) = heard.rate.per_second();
                    stats.chunks_per_second += chunks;
                    stats.bytes_per_second += bytes;
                }
                Role::Reduce if heard.left_alone => stats.unable_reducers += 1,
                Role::Reduce => {
                    stats.reducers += 1;
                    add(&mut stats.outcomes.0, counts.chunks);
                    add(&mut stats.outcomes.1, counts.total);
                    add(&mut stats.quarantined, counts.quarantined);
                }
            }
        }
        stats
    }
}

#[cfg(test)]
#[path = "workers_tests.rs"]
mod tests;
