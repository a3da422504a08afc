//! What a mapper is subscribed to: a few of the active jobs at a time, in turn, and what is built
//! once for each. It must not know what happens to the chunks, or who tells it of jobs.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use gristmill_common::job::{JobName, JobRun};
use gristmill_common::progress::Role;
use gristmill_common::wire::Check;
use gristmill_jobs::left_alone::LeftAlone;
use gristmill_jobs::registry::{Job, JobTable, LossProbe};
use gristmill_jobs::transport::{Amqp, Prefetch, Transport};
use gristmill_jobs::worker::Worker;
use tokio::sync::Notify;
use tracing::info;

use crate::engine::prepared::Prepared;
use crate::programs::{ExecSettings, Turn};
use crate::service::files::Files;
use crate::service::fitness::{foreign, in_hand_of_splits, is_read_here, runs_program, unreadable};
use crate::service::programs::{Programs, Ready};
use crate::service::share::{AHEAD, rotated, share_of};
use crate::service::subscribed::Subscribed;
use crate::work::assignment::{Assignment, Inputs, Limits, SplitReading};
use crate::work::cost::{Ahead, Cost};
use crate::work::fair_scheduler::FairScheduler;

/// How a mapper serves.
#[derive(Clone)]
pub struct Settings {
    /// Compute threads.
    pub threads: usize,
    /// Only this job; the mapper ends when it does.
    pub only: Option<JobName>,
    /// A chunk that takes longer is given up here, and run apart.
    pub patience: Duration,
    /// What a chunk that is run apart may use.
    pub limits: Limits,
    /// How it runs the user's own programs.
    pub exec: ExecSettings,
    /// What jobs may have it read.
    pub inputs: Inputs,
    /// Starts this process anew: called when a thread is stuck in a chunk for good and everything
    /// else is settled. It should not return.
    pub restart: Arc<dyn Fn() + Send + Sync>,
}

/// How many jobs are subscribed to at a time.
const JOBS: usize = 8;

/// All subscriptions of a mapper.
pub(super) struct Subscriptions {
    worker: Worker,
    settings: Settings,
    scheduler: Arc<FairScheduler>,
    /// In the order in which they were subscribed to.
    jobs: Vec<Subscribed>,
    /// What is built once per job.
    prepared: HashMap<JobRun, Arc<Prepared>>,
    /// What jobs need besides the program.
    pub(super) files: Files,
    /// The jobs that run the user's own program.
    pub(super) programs: Programs,
    /// Runs that this mapper cannot or may not work on.
    left_alone: LeftAlone,
    /// What the chunks of jobs with the user's own program cost.
    costs: HashMap<JobRun, Arc<Cost>>,
    /// Rung when that changes how many are to be taken ahead.
    pub(super) cost_changed: Arc<Notify>,
    next_number: u64,
    /// Where the rotation stands.
    cursor: Option<JobName>,
}

impl Subscriptions {
    pub(super) fn new(
        worker: &Worker,
        settings: &Settings,
        scheduler: &Arc<FairScheduler>,
    ) -> Self {
        Self {
            worker: worker.clone(),
            settings: settings.clone(),
            scheduler: Arc::clone(scheduler),
            jobs: Vec::new(),
            prepared: HashMap::new(),
            files: Files::new(&worker.broker, &settings.exec.tmp, &worker.progress),
            programs: Programs::new(&settings.exec, settings.threads),
            left_alone: LeftAlone::new(Role::Map, &worker.progress),
            costs: HashMap::new(),
            cost_changed: Arc::default(),
            next_number: 0,
            cursor: None,
        }
    }

    /// Takes no more chunks of any job; what was taken is worked off.
    pub(super) fn leave_all(&mut self) {
        self.jobs.iter().for_each(Subscribed::leave);
        self.programs.leave_all();
    }

    /// Waits until everything that was taken has been passed on.
    pub(super) async fn end(self) {
        for job in self.jobs {
            job.end().await;
        }
    }

    /// Subscribes to the chunks of a job anew: those that it lacks may be ones that a node of the
    /// broker has handed over and does not deliver.
    pub(super) fn renew(&self, run: &JobRun) {
        for job in self.jobs.iter().filter(|job| job.run == *run) {
            job.renew();
        }
    }

    /// Takes no more chunks of the job with this number in the scheduler, if it is subscribed to.
    pub(super) fn leave_number(&mut self, number: u64) -> Option<Subscribed> {
        let at = self.jobs.iter().position(|job| job.number == number)?;
        let job = self.jobs.remove(at);
        job.leave();
        Some(job)
    }

    /// Leaves a run to other mappers, for good or until it is submitted with other code. Reports
    /// say why.
    pub(super) fn leave_alone(&mut self, table: &JobTable, run: &JobRun, reason: String) {
        let code = (table.active(run)).and_then(|job| job.submission.code.clone());
        self.left_alone.add(run, code, reason);
        self.programs.forget(run);
        self.prepared.remove(run);
    }

    /// A job's program is ready, or cannot be run here.
    pub(super) fn take_ready(&mut self, table: &JobTable, ready: Ready) {
        let Ready { run, prepared } = ready;
        if !self.programs.take(&run) {
            return;
        }
        match prepared {
            Ok(prepared) => drop(self.prepared.insert(run, Arc::new(prepared))),
            Err(reason) => self.leave_alone(table, &run, reason),
        }
    }

    /// Subscribes to jobs that are active, and leaves those that are not. Of those in `lost` a
    /// queue is gone, and nobody knows yet why.
    pub(super) fn reconcile(&mut self, table: &JobTable, lost: &LossProbe) {
        let scheduler = &self.scheduler;
        self.jobs.retain(|job| {
            let active = table.active(&job.run).is_some();
            if !active {
                // The queue goes, or is gone: the channel is dropped rather than cancelled. (An
                // answer to a cancel that crosses the queue's deletion ends the whole connection.)
                scheduler.drop_job(job.number);
                job.abort();
            }
            active
        });
        self.prepared.retain(|run, _| table.active(run).is_some());
        self.costs.retain(|run, _| table.active(run).is_some());
        self.left_alone.tidy(table);
        self.files.tidy(table);
        self.programs.tidy(table);
        for job in table.iter() {
            self.make_ready(table, job);
        }
        (self.scheduler).hold_programs(self.programs.is_alone());
        let wanted: Vec<JobName> = table
            .iter()
            .filter(|job| self.is_wanted(job) && self.is_ready(job) && !lost.contains(&job.name))
            .map(|job| job.name.clone())
            .collect();
        let share = share_of(self.settings.threads, wanted.len().min(JOBS));
        let missing: Vec<JobName> = rotated(&wanted, self.cursor.as_ref())
            .filter(|name| !self.jobs.iter().any(|job| job.run.job == **name))
            .cloned()
            .collect();
        for name in missing {
            if self.jobs.len() >= JOBS {
                break;
            }
            self.cursor = Some(name.clone());
            self.subscribe(table, &name, share);
        }
        for at in 0..self.jobs.len() {
            let name = &self.jobs[at].run.job;
            if self.jobs[at].prefetch != self.in_hand(share, table.get(name)) {
                let name = name.clone();
                self.leave(at);
                self.subscribe(table, &name, share);
            }
        }
    }

    fn is_wanted(&self, job: &Job) -> bool {
        job.is_active()
            && self
                .settings
                .only
                .as_ref()
                .is_none_or(|only| *only == job.name)
            && !self.left_alone.contains(&job.run())
    }

    /// Sees to what a job needs before any of its chunks is taken.
    fn make_ready(&mut self, table: &JobTable, job: &Job) {
        let run = job.run();
        if !self.is_wanted(job) || self.prepared.contains_key(&run) {
            return;
        }
        let refused = foreign(job)
            .or_else(|| self.programs.refusal(job))
            .or_else(|| unreadable(job, &self.settings.inputs));
        if let Some(reason) = refused {
            // A job for another version of this program is not for us to fail.
            return self.leave_alone(table, &run, reason);
        }
        if runs_program(job) {
            match self.programs.begin(&run, self.scheduler.runs_programs()) {
                Turn::Now => {}
                Turn::Later => return,
                Turn::Never(reason) => return self.leave_alone(table, &run, reason),
            }
            if self.programs.is_alone() {
                self.files.prefer(job.submission.file());
            }
        }
        self.files.want(job);
        let hash = job.submission.file();
        let file = hash.and_then(|hash| self.files.get(hash));
        if runs_program(job) && (file.is_some() || hash.is_none()) {
            self.programs.want(job, file.cloned());
        }
    }

    /// Whether all is here that a job needs.
    fn is_ready(&self, job: &Job) -> bool {
        match runs_program(job) {
            true => self.prepared.contains_key(&job.run()),
            false => self.has_file(job),
        }
    }

    /// How many chunks of a job are in hand at a time. The user's own program may take minutes for
    /// one, and so may a split that is read here: with many in hand the neighbours would have
    /// nothing left to do.
    fn in_hand(&self, share: u16, job: Option<&Job>) -> u16 {
        let most = |chunks: usize| share.min(u16::try_from(chunks).unwrap_or(u16::MAX));
        let threads = self.settings.threads.max(1);
        match job {
            Some(job) if is_read_here(job) => most(in_hand_of_splits(job, threads)),
            Some(job) if runs_program(job) => {
                let cost = self.costs.get(&job.run());
                match cost.map(|cost| cost.ahead()).unwrap_or_default() {
                    Ahead::None => most(threads),
                    Ahead::One => most(2 * threads),
                    Ahead::Many => share,
                }
            }
            _ => share,
        }
    }

    /// What the chunks of a job cost, if that decides how many are taken ahead.
    fn cost(&mut self, run: &JobRun, job: &Job) -> Option<Arc<Cost>> {
        if !runs_program(job) || is_read_here(job) {
            return None;
        }
        let (threads, changed) = (self.settings.threads, &self.cost_changed);
        let cost = self.costs.entry(run.clone());
        let cost = cost.or_insert_with(|| Arc::new(Cost::new(threads, AHEAD, changed)));
        Some(Arc::clone(cost))
    }

    /// Whether the file that the job needs is here, if it needs one.
    fn has_file(&self, job: &Job) -> bool {
        let needed = job.submission.file();
        needed.is_none_or(|hash| self.files.get(hash).is_some())
    }

    /// Takes no more chunks of a job; what was taken is worked off.
    fn leave(&mut self, at: usize) {
        self.jobs.remove(at).leave();
    }

    /// When more jobs wait than may be subscribed to, the one that was served longest makes room.
    pub(super) fn rotate(&mut self, table: &JobTable) {
        if let Some(hash) = self.files.make_room() {
            self.leave_file(table, hash);
        }
        let wanted = table
            .iter()
            .filter(|job| self.is_wanted(job) && self.is_ready(job))
            .count();
        if wanted > self.jobs.len() && self.jobs.len() >= JOBS {
            self.leave(0);
        }
    }

    /// Takes no more chunks of the jobs that need a file which made room for another.
    fn leave_file(&mut self, table: &JobTable, hash: u64) {
        let needs = |run: &JobRun| {
            // Programs are unpacked, and stay.
            let job = table.active(run);
            job.is_some_and(|job| job.submission.spec.kind.file() == Some(hash))
        };
        let prepared = &mut self.prepared;
        self.jobs.retain(|job| {
            let needs = needs(&job.run);
            if needs {
                job.leave();
                prepared.remove(&job.run);
            }
            !needs
        });
    }

    fn subscribe(&mut self, table: &JobTable, name: &JobName, share: u16) {
        let Some(job) = table.get(name) else {
            return;
        };
        let prefetch = self.in_hand(share, Some(job));
        let submission = &job.submission;
        let run = job.run();
        let prepared = match self.prepared.get(&run) {
            Some(prepared) => Arc::clone(prepared),
            None => match prepare(job, &self.files) {
                Ok(prepared) => Arc::new(prepared),
                Err(reason) => return self.leave_alone(table, &run, reason),
            },
        };
        self.prepared.insert(run.clone(), Arc::clone(&prepared));
        let cost = self.cost(&run, job);
        let prefetch_of = Prefetch {
            chunks: prefetch,
            ..Prefetch::default()
        };
        let number = self.next_number;
        self.next_number += 1;
        let assignment = Arc::new(Assignment {
            number,
            name: Some(name.clone()),
            transport: Transport::Amqp(Amqp::new(&self.worker.broker, run.clone(), prefetch_of)),
            prepared,
            replays: job.replays,
            spec: submission.spec.clone(),
            splits: submission.plan_summary.splits,
            sent: submission.plan_summary.sent,
            check: Check::Full,
            strict: false,
            limits: self.settings.limits,
            reading: is_read_here(job).then(|| SplitReading {
                inputs: self.settings.inputs.clone(),
                tmp: self.settings.exec.tmp.clone(),
                stop: self.worker.shutdown.clone(),
            }),
            cost,
            progress: Arc::clone(&self.worker.progress),
            counters: Some(self.worker.progress.jobs.of(Role::Map, &run)),
        });
        (self.jobs).push(Subscribed::begin(
            &self.scheduler,
            &assignment,
            run,
            prefetch,
        ));
        info!(job = %name, prefetch, "subscribed");
    }
}

fn prepare(job: &Job, files: &Files) -> Result<Prepared, String> {
    let spec = &job.submission.spec;
    let file = spec.kind.file().and_then(|hash| files.get(hash).cloned());
    Prepared::with_files(spec, file.into_iter().collect()).map_err(|error| error.to_string())
}
