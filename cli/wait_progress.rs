//! What a command says that waits for a job on a broker: how much is mapped, how fast, how long
//! yet. On a terminal the line is live; elsewhere there are plain lines now and then if they are
//! asked for, and only one if nobody serves the job.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use gristmill_common::job::JobRun;
use gristmill_jobs::declare::queue_depth;
use gristmill_jobs::queue::Queue;
use gristmill_jobs::registry::Job;
use gristmill_jobs::report::{Estimate, JobStats, LISTEN, PERIOD, Reports, Workers};
use gristmill_rabbitmq::Broker;
use indicatif::{HumanCount, ProgressBar, ProgressStyle};
use tokio::time::Interval;

use crate::phrases;
use crate::verbosity::Verbosity;

/// How often a plain line is written.
const PLAIN: Duration = Duration::from_secs(10);
/// A worker that was not heard of for so long is gone.
const SILENT: Duration = PERIOD.saturating_mul(3);
/// When nobody has served a job for so long, that is said.
const UNSERVED: Duration = Duration::from_secs(15);
const TEMPLATE: &str = "{percent}% mapped {wide_bar} {msg}";

/// The progress of a job that is waited for; it is shown until dropped.
pub struct WaitProgress {
    broker: Broker,
    run: JobRun,
    /// None once they cannot be heard.
    reports: Option<Reports>,
    workers: Workers,
    waiting: Option<u64>,
    tick: Interval,
    /// None where there is no terminal.
    bar: Option<ProgressBar>,
    /// Whether there are plain lines.
    plain: bool,
    /// When a reducer of the job was heard last.
    served: Instant,
    /// Whether it was said that nobody serves it.
    told: bool,
    /// When it began to listen.
    since: Instant,
    said: Instant,
}

impl WaitProgress {
    /// Starts, if anybody wants to see anything.
    /// Must be called on a runtime.
    pub fn start(broker: &Broker, run: &JobRun, verbosity: Verbosity) -> Option<Self> {
        if verbosity == Verbosity::Quiet {
            return None;
        }
        let terminal = std::io::stderr().is_terminal();
        let bar = terminal.then(|| {
            let bar = ProgressBar::new(0);
            // The template is a constant, and a test parses it.
            if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
                bar.set_style(style);
            }
            bar
        });
        Some(Self {
            broker: broker.clone(),
            run: run.clone(),
            reports: Some(Reports::new(broker, Some(&run.job))),
            workers: Workers::default(),
            waiting: None,
            tick: tokio::time::interval(PERIOD),
            bar,
            plain: verbosity == Verbosity::Verbose,
            served: Instant::now(),
            told: false,
            since: Instant::now(),
            said: Instant::now(),
        })
    }

    /// Waits until there is something new to draw. Dropping the future loses nothing but news.
    pub async fn news(&mut self) {
        loop {
            let reports = &mut self.reports;
            let heard = async {
                match reports {
                    Some(reports) => reports.next().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                report = heard => match report {
                    Some(report) => self.workers.hear(report, Instant::now()),
                    None => self.reports = None,
                },
                _ = self.tick.tick() => break,
            }
        }
        // Queues that are gone, or cannot be asked just now, leave what was known.
        let mut waiting = Some(0);
        for queue in [Queue::Chunks, Queue::Suspect] {
            let depth = queue_depth(&self.broker, &self.run, queue).await;
            let depth = depth.ok().flatten().map(u64::from);
            waiting = waiting.zip(depth).map(|(sum, depth)| sum + depth);
        }
        self.waiting = waiting.or(self.waiting);
        if let Some(long_ago) = Instant::now().checked_sub(SILENT) {
            self.workers.forget(long_ago);
        }
    }

    /// Says once that nobody serves the directory that owns the job, if that is so for long.
    ///
    /// # Errors
    /// When stderr cannot be written.
    pub fn warn_unserved(&mut self, job: &Job) -> std::io::Result<()> {
        let stats = self.workers.of(&self.run);
        let no_reports = self.reports.is_none() || self.broker.health().blocked.is_some();
        if no_reports || stats.reducers > 0 {
            self.served = Instant::now();
        }
        let Some(claim) = &job.claim else {
            return Ok(());
        };
        if self.told || self.served.elapsed() < UNSERVED {
            return Ok(());
        }
        self.told = true;
        let say = || writeln!(std::io::stderr(), "waiting for {}", unserved(&claim.place));
        match &self.bar {
            Some(bar) => bar.suspend(say),
            None => say(),
        }
    }

    /// Shows how far a job is that has `chunks` chunks in all.
    ///
    /// # Errors
    /// When stderr cannot be written.
    pub fn draw(&mut self, chunks: u64) -> std::io::Result<()> {
        let stats = self.workers.of(&self.run);
        let estimate = Estimate::of(&JobStats {
            sealed: Some(chunks),
            waiting: self.waiting,
            ..stats
        });
        let words = match self.since.elapsed() < LISTEN && stats == JobStats::default() {
            // Nobody had to say anything yet.
            true => String::new(),
            false => words(&estimate, &stats),
        };
        match &self.bar {
            Some(bar) => {
                bar.set_length(chunks);
                bar.set_position(estimate.mapped.unwrap_or(0));
                bar.set_message(words);
            }
            None if self.plain && self.said.elapsed() >= PLAIN => {
                self.said = Instant::now();
                let mapped = HumanCount(estimate.mapped.unwrap_or(0));
                let chunks = HumanCount(chunks);
                writeln!(
                    std::io::stderr(),
                    "{mapped} of {chunks} chunks mapped; {words}"
                )?;
            }
            None => {}
        }
        Ok(())
    }
}

impl Drop for WaitProgress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// The reducer that a job waits for when nobody serves the directory that owns it.
pub fn unserved(place: &str) -> String {
    format!(
        "its reducer: the job belongs to the directory {place}, and no reducer serves it now; start one \
         there, or `produce --force` begins the job anew for another"
    )
}

/// What stands beside the bar.
fn words(estimate: &Estimate, stats: &JobStats) -> String {
    if stats.mappers == 0 && estimate.left != Some(0) {
        return match stats.unable {
            0 => "no mapper seen".into(),
            _ => "no mapper may and can run it; `gristmill status` says why".into(),
        };
    }
    match (estimate.left, estimate.eta) {
        (Some(0), _) if stats.reducers == 0 => match stats.unable_reducers {
            0 => "no reducer seen".into(),
            _ => "no reducer may and can run it; `gristmill status` says why".into(),
        },
        (Some(0), _) => "merging".into(),
        (_, Some(eta)) => format!("{}, {}", phrases::rate(stats), phrases::left(eta)),
        _ => phrases::rate(stats),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_is_well_formed() {
        assert!(ProgressStyle::with_template(TEMPLATE).is_ok());
    }

    #[test]
    fn the_words_say_what_is_missing() {
        let words = |stats: &JobStats| words(&Estimate::of(stats), stats);
        let none = JobStats {
            sealed: Some(10),
            waiting: Some(6),
            ..JobStats::default()
        };
        assert_eq!(words(&none), "no mapper seen");
        let mapping = JobStats {
            mappers: 1,
            chunks_per_second: 2.0,
            ..none
        };
        assert_eq!(words(&mapping), "2.0 chunks/s, 0 B/s, about 3 seconds left");
        let mapped = JobStats {
            waiting: Some(0),
            ..none
        };
        assert_eq!(words(&mapped), "no reducer seen");
    }
}
