//! A fair scheduler of chunks: the jobs of one process take turns, so that a large job cannot
//! starve a small one.
//!
//! A job whose outcomes are not taken gets no further thread until they are. The scheduler must not
//! know how chunks are mapped, nor where they come from.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use gristmill_jobs::transport::Delivery;
use parking_lot::{Condvar, Mutex, MutexGuard};
use tokio::sync::Notify;

use crate::work::assignment::{Assignment, MapError};
use crate::work::in_flight::InFlight;
use crate::work::room::Room;
use crate::work::suspect::relapses;

/// Chunks in hand, and who may work on one.
#[derive(Debug)]
pub(crate) struct FairScheduler {
    state: Mutex<State>,
    /// Rung when there may be something to do, or never will be.
    news: Condvar,
    /// Rung when a job failed.
    failed: Notify,
    /// Chunks of one job that may be mapped and not yet acknowledged. Each holds its results, so
    /// this bounds memory.
    unsettled: usize,
}

#[derive(Debug, Default)]
struct State {
    jobs: Vec<Entry>,
    /// Whose turn it is.
    turn: usize,
    /// No job will be added.
    closed: bool,
    /// No chunk is begun whose job runs programs.
    programs_held: bool,
    aborted: bool,
    /// Chunks that threads work on.
    in_flight: Vec<Weak<InFlight>>,
    failures: Vec<(u64, MapError)>,
    /// How many jobs have gone.
    gone: u64,
}

#[derive(Debug)]
struct Entry {
    job: Arc<Assignment>,
    /// Each with whether it is a suspect.
    waiting: VecDeque<(Delivery, bool)>,
    unsettled: usize,
    /// No chunk will be added.
    ended: bool,
}

/// What a thread is to do next.
#[derive(Debug)]
pub(crate) enum Next {
    /// To map a chunk.
    Task(Task),
    /// To let go of what it keeps for jobs but these, by their numbers: some have gone.
    Gone(Vec<u64>),
}

/// A chunk to be mapped.
#[derive(Debug)]
pub(crate) struct Task {
    /// The job that it belongs to.
    pub(crate) job: Arc<Assignment>,
    /// The chunk, unless it was taken away because it takes too long.
    pub(crate) in_flight: Arc<InFlight>,
    /// The chunk's message.
    pub(crate) payload: Bytes,
    /// The chunk came back, or is a suspect: it may kill.
    pub(crate) suspect: bool,
    /// How often it came back as a suspect, if it is one.
    pub(crate) relapses: Option<u64>,
    /// Held until the chunk is settled.
    pub(crate) permit: Permit,
}

/// A permit for one more unsettled chunk of a job; dropped, it is free.
#[derive(Debug)]
pub(crate) struct Permit {
    scheduler: Arc<FairScheduler>,
    number: u64,
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut state = self.scheduler.lock();
        if let Some(entry) = state.entry(self.number) {
            entry.unsettled -= 1;
            entry.tell();
        }
        state.sweep();
        drop(state);
        self.scheduler.news.notify_all();
    }
}

impl Entry {
    /// Says, for reports, how many chunks are in hand.
    fn tell(&self) {
        self.job.holds(self.waiting.len() + self.unsettled);
    }

    fn suspect(&self) -> Option<usize> {
        self.waiting.iter().position(|(_, suspect)| *suspect)
    }

    /// Takes a chunk that there is room for.
    fn pop(&mut self, room: Room) -> Option<(Delivery, bool)> {
        match room {
            Room::Full if self.job.runs_programs() => None,
            Room::Suspect if self.job.runs_programs() => self.waiting.remove(self.suspect()?),
            _ => self.waiting.pop_front(),
        }
    }
}

impl State {
    fn entry(&mut self, number: u64) -> Option<&mut Entry> {
        self.jobs
            .iter_mut()
            .find(|entry| entry.job.number == number)
    }

    fn room_for_programs(&self) -> Room {
        let waits = |entry: &Entry| entry.job.runs_programs() && entry.suspect().is_some();
        if self.programs_held {
            return Room::Full;
        }
        let running = self.with_programs().map(|chunk| chunk.is_alone());
        Room::beside(running, self.jobs.iter().any(waits))
    }

    /// The chunks in flight whose jobs run programs.
    fn with_programs(&self) -> impl Iterator<Item = Arc<InFlight>> {
        let in_flight = self.in_flight.iter().filter_map(Weak::upgrade);
        in_flight.filter(|chunk| chunk.job().runs_programs())
    }

    /// Forgets jobs that are done with.
    fn sweep(&mut self) {
        let before = self.jobs.len();
        self.jobs
            .retain(|entry| !entry.ended || !entry.waiting.is_empty() || entry.unsettled > 0);
        self.gone += (before - self.jobs.len()) as u64;
    }
}

impl FairScheduler {
    /// A scheduler in which each job may have at most `unsettled` chunks mapped and not yet
    /// settled.
    pub(crate) fn new(unsettled: usize) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::default(),
            news: Condvar::new(),
            failed: Notify::new(),
            unsettled: unsettled.max(1),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code that can panic runs under the lock.
        self.state.lock()
    }

    /// Adds a job; its chunks come through [`FairScheduler::offer`].
    pub(crate) fn add(&self, job: Arc<Assignment>) {
        self.lock().jobs.push(Entry {
            job,
            waiting: VecDeque::new(),
            unsettled: 0,
            ended: false,
        });
    }

    /// A chunk of a job is in hand. A job that was dropped gets its chunk back.
    pub(crate) fn offer(&self, number: u64, delivery: Delivery, suspect: bool) {
        let mut state = self.lock();
        match state.entry(number) {
            Some(entry) => {
                entry.waiting.push_back((delivery, suspect));
                entry.tell();
                drop(state);
                self.news.notify_one();
            }
            None => {
                drop(state);
                drop(delivery);
            }
        }
    }

    /// No chunk of the job will be offered any more; those in hand are still mapped.
    pub(crate) fn end(&self, number: u64) {
        let mut state = self.lock();
        if let Some(entry) = state.entry(number) {
            entry.ended = true;
        }
        state.sweep();
        drop(state);
        self.news.notify_all();
    }

    /// The job is over or failed: its chunks in hand go back.
    pub(crate) fn drop_job(&self, number: u64) {
        let mut state = self.lock();
        let at = state
            .jobs
            .iter()
            .position(|entry| entry.job.number == number);
        let entry = at.map(|at| state.jobs.remove(at));
        state.gone += u64::from(entry.is_some());
        drop(state);
        if let Some(entry) = &entry {
            entry.job.holds(0);
        }
        drop(entry);
        self.news.notify_all();
    }

    /// The job failed: its chunks in hand go back, the failure is kept for
    /// [`FairScheduler::failures`].
    pub(crate) fn fail(&self, number: u64, error: MapError) {
        self.lock().failures.push((number, error));
        self.drop_job(number);
        self.failed.notify_one();
    }

    /// Whether a job is still worked on here.
    pub(crate) fn has(&self, number: u64) -> bool {
        let mut state = self.lock();
        !state.aborted && state.entry(number).is_some()
    }

    /// Takes the failures so far, with the jobs' numbers.
    pub(crate) fn failures(&self) -> Vec<(u64, MapError)> {
        std::mem::take(&mut self.lock().failures)
    }

    /// Begins no more chunks whose jobs run programs, or goes on with them.
    pub(crate) fn hold_programs(&self, held: bool) {
        let mut state = self.lock();
        let go_on = std::mem::replace(&mut state.programs_held, held) && !held;
        drop(state);
        if go_on {
            self.news.notify_all();
        }
    }

    /// Whether a chunk is in flight whose job runs programs.
    pub(crate) fn runs_programs(&self) -> bool {
        self.lock().with_programs().next().is_some()
    }

    /// The chunks that threads have had for longer than `limit`.
    pub(crate) fn overdue(&self, limit: Duration) -> Vec<Arc<InFlight>> {
        let state = self.lock();
        (state.in_flight.iter().filter_map(Weak::upgrade))
            // The user's own program has time-outs of its own.
            .filter(|chunk| !chunk.job().runs_programs() && chunk.is_overdue(limit))
            .collect()
    }

    /// The jobs of which a thread has had a chunk or a split for longer than `time`.
    pub(crate) fn long_in_hand(&self, time: Duration) -> Vec<Arc<Assignment>> {
        let state = self.lock();
        let mut jobs: Vec<Arc<Assignment>> = Vec::new();
        for in_flight in state.in_flight.iter().filter_map(Weak::upgrade) {
            let job = in_flight.job();
            if in_flight.is_older(time) && !jobs.iter().any(|known| known.number == job.number) {
                jobs.push(Arc::clone(job));
            }
        }
        jobs
    }

    /// Whether no chunk is in hand but `stuck` ones.
    pub(crate) fn is_done_but(&self, stuck: usize) -> bool {
        let state = self.lock();
        let in_hand = (state.jobs.iter()).map(|job| job.waiting.len() + job.unsettled);
        in_hand.sum::<usize>() <= stuck
    }

    /// Waits for a failure.
    pub(crate) async fn failed(&self) {
        self.failed.notified().await;
    }

    /// No job will be added: [`FairScheduler::next`] ends when all chunks are mapped and settled.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.news.notify_all();
    }

    /// Everything in hand goes back, and [`FairScheduler::next`] ends.
    pub(crate) fn abort(&self) {
        let mut state = self.lock();
        state.aborted = true;
        let jobs = std::mem::take(&mut state.jobs);
        drop(state);
        drop(jobs);
        self.news.notify_all();
    }

    /// Waits for a chunk whose turn it is, or for jobs to go; `None` when there will be no chunk.
    /// `gone` is how many jobs had gone when the caller looked last.
    pub(crate) fn next(self: &Arc<Self>, gone: &mut u64) -> Option<Next> {
        let mut state = self.lock();
        loop {
            if state.aborted || state.closed && state.jobs.is_empty() {
                return None;
            }
            if state.gone != *gone {
                *gone = state.gone;
                let numbers = state.jobs.iter().map(|entry| entry.job.number);
                return Some(Next::Gone(numbers.collect()));
            }
            if let Some(task) = self.pick(&mut state) {
                return Some(Next::Task(task));
            }
            self.news.wait(&mut state);
        }
    }

    fn pick(self: &Arc<Self>, state: &mut State) -> Option<Task> {
        let room = state.room_for_programs();
        let jobs = state.jobs.len();
        for step in 0..jobs {
            let at = (state.turn + step) % jobs;
            let entry = &mut state.jobs[at];
            if entry.unsettled >= self.unsettled {
                continue;
            }
            let Some((delivery, is_suspect)) = entry.pop(room) else {
                continue;
            };
            entry.unsettled += 1;
            let job = Arc::clone(&entry.job);
            state.turn = at + 1;
            let payload = delivery.payload().clone();
            let came_back = delivery.delivery_count().unwrap_or(0);
            let alone = is_suspect && job.runs_programs();
            let in_flight = Arc::new(InFlight::new(&job, delivery, alone));
            state.in_flight.retain(|chunk| chunk.strong_count() > 0);
            state.in_flight.push(Arc::downgrade(&in_flight));
            let permit = Permit {
                scheduler: Arc::clone(self),
                number: job.number,
            };
            return Some(Task {
                job,
                in_flight,
                payload,
                suspect: is_suspect || came_back > 0,
                relapses: is_suspect.then(|| relapses(came_back)),
                permit,
            });
        }
        None
    }
}
