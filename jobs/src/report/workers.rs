//! The workers of each job, from the reports that were heard: a pure fold.
//!
//! Reports are untrusted: how many are remembered is bounded, and sums stay at the largest number.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{Duration, Instant};

use super::{Facts, Report, Work};
use gristmill_common::commonest::commonest;
use gristmill_common::job::{JobName, JobRun};
use gristmill_common::progress::Role;

/// How many reports are remembered: one for each job of each worker, or one of a worker without a
/// job. Further ones are ignored.
const MAX_REPORTS: usize = 16_384;
/// How many reasons of all workers are added up, and how many of the sums are told.
const MOST_REASONS: usize = 1000;
const SHOWN_REASONS: usize = 8;
/// A worker reports on all its jobs at once: what it said so long before its last report is of a
/// job that it has no longer.
const AT_ONCE: Duration = Duration::from_secs(1);

/// The latest reports of each worker.
#[derive(Clone, Debug, Default)]
pub struct Workers {
    heard: HashMap<(u64, Role), Worker>,
    /// How many reports are remembered.
    reports: usize,
}

#[derive(Clone, Debug)]
struct Worker {
    facts: Facts,
    at: Instant,
    /// By name and run.
    jobs: BTreeMap<JobRun, LastReport>,
}

#[derive(Clone, Debug)]
struct LastReport {
    work: Work,
    at: Instant,
}

impl Worker {
    /// How many reports it takes.
    fn reports(&self) -> usize {
        self.jobs.len().max(1)
    }
}

/// One worker, out of its reports about all its jobs.
#[derive(Clone, Debug)]
pub struct WorkerStats {
    /// The process.
    pub facts: Facts,
    /// What it does.
    pub role: Role,
    /// The jobs that it works on; none while it waits for one.
    pub jobs: BTreeSet<JobName>,
    /// Bytes of text mapped per second.
    pub bytes_per_second: f64,
    /// Why it does not go on, if it does not.
    pub trouble: Option<String>,
    /// When it was last heard of.
    pub at: Instant,
}

/// All that is known of one run of a job: what was heard of its workers, and what the log and the
/// queues say, which [`Workers`] do not know.
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
    /// Log: number of all chunks, once the job is sealed.
    pub sealed: Option<u64>,
    /// Queues: chunks that wait there; none if the queues are gone.
    pub waiting: Option<u64>,
    /// Queues: outcomes that wait there, if they were counted.
    pub results: Option<u64>,
    /// Log: chunks that a stalled job misses; `u64::MAX` when nobody knows how many.
    pub missing: Option<u64>,
    /// Bytes of the inputs that were read, and all of them; 0 if unknown.
    pub input: (u64, u64),
    /// Chunks that mappers have taken and not settled.
    pub in_hand: u64,
    /// Bytes of the inputs that its producer reads per second.
    pub bytes_read_per_second: f64,
    /// Chunks mapped per second.
    pub chunks_per_second: f64,
    /// Bytes of text mapped per second.
    pub bytes_per_second: f64,
    /// Outcomes that become durable per second.
    pub outcomes_per_second: f64,
    /// Outcomes that are durable, once for each chunk and partition, and how many must come (0 if
    /// unknown); of the partitions that are being worked on.
    pub outcomes: (u64, u64),
    /// Records set aside, in those partitions.
    pub quarantined: u64,
}

impl Workers {
    /// Takes a report that was heard at a time.
    pub fn hear(&mut self, report: Report, at: Instant) {
        let key = (report.worker, report.role);
        let known = self.heard.get(&key);
        let before = known.map_or(0, Worker::reports);
        let is_new = match (known, &report.work) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(worker), Some(work)) => {
                !worker.jobs.contains_key(&JobRun::new(&work.job, work.run))
            }
        };
        if is_new && self.reports >= MAX_REPORTS {
            return;
        }
        let worker = self.heard.entry(key).or_insert_with(|| Worker {
            facts: Facts::default(),
            at,
            jobs: BTreeMap::new(),
        });
        worker.at = at;
        worker.facts = report.facts;
        match report.work {
            Some(work) => {
                let key = JobRun::new(&work.job, work.run);
                worker.jobs.insert(key, LastReport { work, at });
            }
            None => worker.jobs.clear(),
        }
        self.reports = self.reports - before + worker.reports();
    }

    /// Forgets workers that were last heard of before a time, and what they said of jobs.
    pub fn forget(&mut self, before: Instant) {
        self.heard.retain(|_, worker| {
            worker.jobs.retain(|_, heard| heard.at >= before);
            worker.at >= before
        });
        self.reports = self.heard.values().map(Worker::reports).sum();
    }

    /// How many reports are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.reports
    }

    /// Whether nothing was heard.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.heard.is_empty()
    }

    /// All workers, by host and process.
    #[must_use]
    pub fn all(&self) -> Vec<WorkerStats> {
        let mut workers: Vec<_> = (self.heard.iter())
            .map(|((_, role), worker)| {
                let now = |heard: &&LastReport| worker.at < heard.at + AT_ONCE;
                let jobs = || worker.jobs.values().filter(now);
                WorkerStats {
                    facts: worker.facts.clone(),
                    role: *role,
                    jobs: jobs().map(|heard| heard.work.job.clone()).collect(),
                    bytes_per_second: jobs().map(|heard| heard.work.rate.per_second().1).sum(),
                    trouble: jobs().find_map(|heard| heard.work.trouble.clone()),
                    at: worker.at,
                }
            })
            .collect();
        workers.sort_by(|a, b| {
            let key = |stats: &WorkerStats| (stats.facts.host.clone(), stats.facts.pid, stats.role);
            key(a).cmp(&key(b))
        });
        workers
    }

    /// What workers say of one run of a job.
    fn about<'a>(&'a self, run: &JobRun) -> impl Iterator<Item = (Role, &'a Work)> + use<'a> {
        let run = run.clone();
        self.heard.iter().filter_map(move |((_, role), worker)| {
            let heard = worker.jobs.get(&run)?;
            Some((*role, &heard.work))
        })
    }

    /// What holds up the workers of one run of a job, with their roles, each reason once.
    #[must_use]
    pub fn troubles(&self, run: &JobRun) -> BTreeSet<(Role, String)> {
        self.about(run)
            .filter(|(_, work)| !work.left_alone)
            .filter_map(|(role, work)| Some((role, work.trouble.clone()?)))
            .collect()
    }

    /// Why workers of a role leave one run of a job alone, and how many for each reason.
    #[must_use]
    pub fn left_alone(&self, role: Role, run: &JobRun) -> BTreeMap<String, usize> {
        let mut reasons = BTreeMap::new();
        for (of_role, work) in self.about(run) {
            if of_role == role && work.left_alone {
                let reason = work.trouble.clone().unwrap_or_default();
                *reasons.entry(reason).or_default() += 1;
            }
        }
        reasons
    }

    /// Why records of one run of a job were set aside so far, the commonest reasons first, and how
    /// often each was given.
    #[must_use]
    pub fn reasons(&self, run: &JobRun) -> Vec<(String, u64)> {
        let said = self.about(run).flat_map(|(_, work)| &work.reasons);
        let given = said.map(|(reason, times)| (&reason[..], *times));
        commonest(given.take(MOST_REASONS), SHOWN_REASONS)
    }

    /// All that was heard about one run of a job.
    #[must_use]
    pub fn of(&self, run: &JobRun) -> JobStats {
        let mut stats = JobStats::default();
        let add = |to: &mut u64, amount: u64| *to = to.saturating_add(amount);
        for (role, work) in self.about(run) {
            let counts = &work.counts;
            match role {
                Role::Produce => {
                    stats.producers += 1;
                    // A second one only repeats the first's work.
                    stats.published = stats.published.max(counts.chunks);
                    stats.input = stats.input.max((counts.bytes, counts.total));
                    let (_, bytes) = work.rate.per_second();
                    stats.bytes_read_per_second = stats.bytes_read_per_second.max(bytes);
                }
                Role::Map if work.left_alone => stats.unable += 1,
                Role::Map => {
                    stats.mappers += 1;
                    add(&mut stats.in_hand, counts.in_hand);
                    let (chunks, bytes) = work.rate.per_second();
                    stats.chunks_per_second += chunks;
                    stats.bytes_per_second += bytes;
                }
                Role::Reduce if work.left_alone => stats.unable_reducers += 1,
                Role::Reduce => {
                    stats.reducers += 1;
                    add(&mut stats.outcomes.0, counts.chunks);
                    add(&mut stats.outcomes.1, counts.total);
                    add(&mut stats.quarantined, counts.quarantined);
                    stats.outcomes_per_second += work.rate.per_second().0;
                }
            }
        }
        stats
    }
}

#[cfg(test)]
#[path = "workers_tests.rs"]
mod tests;
