//! The state of one worker, as others may ask for it. It must not know how they ask.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use gristmill_common::job::JobName;
use gristmill_common::progress::{self, Cause, Progress, Trouble};
use gristmill_common::shutdown::Shutdown;
use gristmill_rabbitmq::{Broker, BrokerEvent, BrokerOptions, Health};

/// What a worker does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It maps chunks.
    Map,
    /// It merges outcomes.
    Reduce,
}

impl Role {
    /// Its name: the subcommand's.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Role::Map => "map",
            Role::Reduce => "reduce",
        }
    }

    /// What it does for a job.
    #[must_use]
    pub fn of_job(self) -> progress::Role {
        match self {
            Role::Map => progress::Role::Map,
            Role::Reduce => progress::Role::Reduce,
        }
    }
}

/// What can be asked about a worker.
#[derive(Debug)]
pub struct Monitor {
    pub(super) role: Role,
    pub(super) progress: Arc<Progress>,
    shutdown: Shutdown,
    broker: OnceLock<Broker>,
    reconnects: Arc<AtomicU64>,
}

impl Monitor {
    /// A worker that is not connected yet.
    #[must_use]
    pub fn new(role: Role, progress: &Arc<Progress>, shutdown: &Shutdown) -> Arc<Self> {
        Arc::new(Self {
            role,
            progress: Arc::clone(progress),
            shutdown: shutdown.clone(),
            broker: OnceLock::new(),
            reconnects: Arc::default(),
        })
    }

    /// Counts how often the broker comes back on connections that are made with these options.
    pub fn count_reconnects(&self, options: &mut BrokerOptions) {
        let (tell, reconnects) = (Arc::clone(&options.listener), Arc::clone(&self.reconnects));
        options.listener = Arc::new(move |event| {
            if matches!(event, BrokerEvent::Back { .. }) {
                reconnects.fetch_add(1, Ordering::Relaxed);
            }
            tell(event);
        });
    }

    /// Says that the broker has been reached; only the first call counts.
    pub fn connected(&self, broker: &Broker) {
        let _ = self.broker.set(broker.clone());
    }

    pub(super) fn reconnects(&self) -> u64 {
        self.reconnects.load(Ordering::Relaxed)
    }

    /// Messages that a queue refused, and channels that were opened anew for it.
    pub(super) fn refusals(&self) -> (u64, u64) {
        let of = |broker: &Broker| (broker.refusals(), broker.renewed_channels());
        self.broker.get().map_or((0, 0), of)
    }

    /// How the broker is doing, once it has been reached.
    pub(super) fn broker(&self) -> Option<Health> {
        self.broker.get().map(Broker::health)
    }

    pub(super) fn is_connected(&self) -> bool {
        self.broker().is_some_and(|health| health.down == 0)
    }

    /// Why the worker takes no work just now. An alarm of the broker is no reason: what is in hand
    /// is held, and goes on with it.
    pub(super) fn unready(&self) -> Option<String> {
        if self.shutdown.is_stopping() {
            Some("stopping".into())
        } else if !self.is_connected() {
            Some("not connected to the broker".into())
        } else if !self.has_read_log() {
            Some("the log of jobs is not read yet".into())
        } else {
            let held = self
                .troubles()
                .find(|(_, trouble)| trouble.cause != Cause::LeftAlone);
            held.map(|(job, trouble)| format!("cannot go on with {job}: {}", trouble.reason))
        }
    }

    pub(super) fn has_read_log(&self) -> bool {
        self.progress.log_read.load(Ordering::Relaxed)
    }

    /// What holds up the jobs that this worker has.
    pub(super) fn troubles(&self) -> impl Iterator<Item = (JobName, Trouble)> {
        let jobs = self.progress.jobs.all().into_iter();
        jobs.filter_map(|counters| Some((counters.run().job.clone(), counters.trouble()?)))
    }
}
