//! The thread of one job: what it owns, and how much it takes in hand. It must not know which jobs
//! are claimed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::Duration;

use gristmill_common::job::JobName;
use gristmill_common::progress::{Progress, Role};
use gristmill_common::shutdown::Shutdown;
use gristmill_jobs::registry::{Registry, Submission};
use gristmill_jobs::transport::{Amqp, Prefetch, Transport};
use gristmill_rabbitmq::Broker;
use tokio::runtime::Handle;

use super::Publish;
use super::context::JobContext;
use super::job::{JobFailure, work};
use crate::engine::product::Settings;
use crate::service::ledger::StateDir;

/// The least memory of one partition.
pub(super) const LEAST: u64 = 1 << 20;
/// How long reducers that start together take to share the partitions of a job.
const SPREAD: Duration = Duration::from_millis(300);

/// Everything a job's thread owns.
pub(super) struct JobThread {
    pub(super) name: JobName,
    pub(super) submission: Submission,
    pub(super) replays: u32,
    pub(super) state_dir: StateDir,
    pub(super) broker: Broker,
    pub(super) registry: Registry,
    pub(super) runtime: Handle,
    pub(super) settings: Settings,
    pub(super) progress: Arc<Progress>,
    pub(super) stop: Shutdown,
    pub(super) sealed: Arc<AtomicBool>,
    pub(super) stall_after: Duration,
    pub(super) publish: Option<Arc<dyn Publish>>,
}

impl JobThread {
    /// Works on the job until it is done, or cannot go on; whether it is done.
    pub(super) fn run(self) -> Result<bool, JobFailure> {
        self.state_dir
            .save_submission(&self.name, &self.submission)?;
        let partitions = self.submission.spec.partitions.max(1);
        // Outcomes have at most about a MiB: what is in hand stays near the memory.
        let prefetch = (64 / partitions).max(8) as u16;
        let transport = {
            let _entered = self.runtime.enter();
            Transport::Amqp(Amqp::new(
                &self.broker,
                self.submission.run_of(&self.name),
                Prefetch {
                    results: prefetch,
                    ..Prefetch::default()
                },
            ))
        };
        let run = self.submission.run;
        let counters = self.progress.jobs.of(Role::Reduce, &self.name, run);
        let done = work(&JobContext {
            name: &self.name,
            run,
            spec: &self.submission.spec,
            plan_summary: &self.submission.plan_summary,
            replace: self.submission.replace,
            replays: self.replays,
            state_dir: &self.state_dir,
            broker: &self.broker,
            registry: &self.registry,
            transport: &transport,
            runtime: &self.runtime,
            full: (self.settings.memory / 4).max(LEAST as usize),
            settings: self.settings,
            progress: &self.progress,
            counters: &counters,
            stop: &self.stop,
            sealed: &self.sealed,
            window: usize::from(prefetch / 2),
            stall_after: self.stall_after,
            publish: self.publish.as_deref(),
            // One partition cannot be shared.
            spread: match partitions {
                1 => Duration::ZERO,
                many => SPREAD / many,
            },
            turns: Default::default(),
            duplicates: AtomicU64::new(0),
        });
        transport.stop();
        done
    }
}
