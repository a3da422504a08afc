//! Reports what this process does, every two seconds, to whoever listens.
//!
//! Best effort: nothing waits for it, and nothing is sent while the broker is gone or in alarm. It
//! must not know what the numbers mean.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::{
    EXCHANGE, Facts, MAX_REASON, MAX_REASONS, MAX_TROUBLE, PERIOD, RateWindow, Report, Work,
    encode_report,
};
use gristmill_common::id::unique;
use gristmill_common::prefix::prefix;
use gristmill_common::progress::{Cause, JobCounters, Progress, Role};
use gristmill_rabbitmq::{Broker, TopicWriter};

/// A reporter: it reports until dropped.
#[derive(Debug)]
pub struct Reporter {
    task: JoinHandle<()>,
}

impl Reporter {
    /// Starts to report the jobs of `progress`, and while there are none that a worker of the role
    /// `idle` waits for one.
    #[must_use]
    pub fn start(
        runtime: &Handle,
        broker: &Broker,
        progress: &Arc<Progress>,
        idle: Option<Role>,
    ) -> Self {
        let writer = broker.topic_writer(EXCHANGE);
        Self {
            task: runtime.spawn(send_reports(writer, Arc::clone(progress), idle)),
        }
    }
}

impl Drop for Reporter {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn send_reports(mut writer: TopicWriter, progress: Arc<Progress>, idle: Option<Role>) {
    let worker = unique();
    let mut windows: HashMap<usize, (Weak<JobCounters>, RateWindow)> = HashMap::new();
    let mut tick = tokio::time::interval(PERIOD);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        tick.tick().await;
        let threads = Progress::get(&progress.threads);
        let facts = Facts::of_this_process(u32::try_from(threads).unwrap_or(u32::MAX));
        windows.retain(|_, (counters, _)| counters.strong_count() > 0);
        let jobs = progress.jobs.all();
        if let Some(role) = idle.filter(|_| jobs.is_empty()) {
            let report = Report {
                worker,
                role,
                facts: facts.clone(),
                work: None,
            };
            if let Ok(message) = encode_report(&report) {
                writer.write(role.name(), &message).await;
            }
        }
        for counters in jobs {
            if counters.role() == Role::Produce {
                counters.published(
                    Progress::get(&progress.chunks_cut),
                    Progress::get(&progress.bytes_read),
                    Progress::get(&progress.bytes_total),
                );
            }
            // Its address is its own for as long as a weak pointer to it is kept.
            let (_, window) = windows
                .entry(Arc::as_ptr(&counters) as usize)
                .or_insert_with(|| (Arc::downgrade(&counters), RateWindow::default()));
            let report = Report {
                worker,
                role: counters.role(),
                facts: facts.clone(),
                work: Some(work(&counters, window)),
            };
            let Ok(message) = encode_report(&report) else {
                continue;
            };
            let key = format!("{}.{}", counters.role().name(), counters.run().job);
            if !writer.write(&key, &message).await {
                break;
            }
        }
    }
}

fn work(counters: &JobCounters, window: &mut RateWindow) -> Work {
    let counts = counters.counts();
    let at: Duration = counters.age();
    let trouble = counters.trouble();
    Work {
        job: counters.run().job.clone(),
        run: counters.run().run,
        counts,
        rate: window.push(at, counts.chunks, counts.bytes),
        left_alone: (trouble.as_ref()).is_some_and(|trouble| trouble.cause == Cause::LeftAlone),
        reasons: (counters.reasons(MAX_REASONS).into_iter())
            .map(|(reason, times)| (prefix(&reason, MAX_REASON).to_owned(), times))
            .collect(),
        trouble: trouble.map(|trouble| prefix(&trouble.reason, MAX_TROUBLE).to_owned()),
    }
}
