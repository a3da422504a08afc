//! What is in flight: a chunk or a split in the hands of a thread, from which it can be taken, and
//! when something last went forward with it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use gristmill_common::progress::Progress;
use gristmill_jobs::transport::Delivery;
use parking_lot::Mutex;

use crate::work::assignment::Assignment;

/// A chunk in flight: in the hands of a thread, from which it can be taken.
#[derive(Debug)]
pub(crate) struct InFlight {
    job: Arc<Assignment>,
    began: Instant,
    /// No other chunk whose job runs programs may be begun meanwhile.
    alone: bool,
    pulse: Mutex<Pulse>,
    delivery: Mutex<Option<Delivery>>,
}

/// When something last went forward with what is in flight.
#[derive(Debug)]
struct Pulse {
    since: Instant,
    /// Of a split: how much of it was read.
    reading: Option<Arc<Progress>>,
    /// And how much when it was looked at last.
    read: u64,
    /// Its thread waits for outcomes to be taken: that is nobody's fault here.
    waiting: bool,
}

impl InFlight {
    pub(super) fn new(job: &Arc<Assignment>, delivery: Delivery, alone: bool) -> Self {
        Self {
            job: Arc::clone(job),
            began: Instant::now(),
            alone,
            pulse: Mutex::new(Pulse {
                since: Instant::now(),
                reading: None,
                read: 0,
                waiting: false,
            }),
            delivery: Mutex::new(Some(delivery)),
        }
    }

    /// It is a split that is read, as far as `progress` says.
    pub(crate) fn reads(&self, progress: &Arc<Progress>) {
        self.pulse.lock().reading = Some(Arc::clone(progress));
    }

    /// It is a split, and another chunk of it has its turn.
    pub(crate) fn goes_on(&self) {
        self.pulse.lock().since = Instant::now();
    }

    /// Its thread waits for outcomes to be taken while `wait` runs.
    pub(crate) fn waits<T>(&self, wait: impl FnOnce() -> T) -> T {
        self.pulse.lock().waiting = true;
        let waited = wait();
        let mut pulse = self.pulse.lock();
        (pulse.waiting, pulse.since) = (false, Instant::now());
        waited
    }

    /// Whether no other chunk whose job runs programs may be begun meanwhile.
    pub(super) fn is_alone(&self) -> bool {
        self.alone
    }

    /// Whether a thread has had it for longer than `time`.
    pub(super) fn is_older(&self, time: Duration) -> bool {
        self.began.elapsed() > time
    }

    /// Whether nothing has gone forward for longer than `limit`.
    pub(super) fn is_overdue(&self, limit: Duration) -> bool {
        let mut pulse = self.pulse.lock();
        if pulse.waiting {
            return false;
        }
        let read = (pulse.reading.as_ref()).map_or(0, |reading| Progress::get(&reading.bytes_read));
        if read != pulse.read {
            pulse.read = read;
            pulse.since = Instant::now();
        }
        pulse.since.elapsed() > limit
    }

    /// Whether it was taken away.
    pub(crate) fn is_taken(&self) -> bool {
        self.delivery.lock().is_none()
    }

    /// Takes the chunk; one of the thread and whoever watches it gets it.
    pub(crate) fn take(&self) -> Option<Delivery> {
        self.delivery.lock().take()
    }

    /// The job that it belongs to.
    pub(crate) fn job(&self) -> &Arc<Assignment> {
        &self.job
    }
}

impl Drop for InFlight {
    /// A chunk whose thread panics has failed, unlike those that were not begun.
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Some(delivery) = self.take()
        {
            delivery.drop_failed();
        }
    }
}
