//! `gristmill status`: the jobs that the log knows, how far it is, and what it waits for.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use gristmill_common::clock::since_1970;
use gristmill_common::job::JobName;
use gristmill_common::wire::VERSION;
use gristmill_jobs::registry::{Job, JobTable, Registry};
use gristmill_jobs::report::{LISTEN, Reports, WorkerStats, Workers};
use gristmill_rabbitmq::{Broker, QueueError};
use serde_json::json;
use tokio::time::{Instant, timeout_at};

use crate::args::StatusArgs;
use crate::broker;
use crate::exit::{Exit, usage};
use crate::job_view::{Heard, JobView};
use crate::jobs;
use crate::screen::{self, Ended, Signals};
use crate::stdout;
use crate::watch::Watch;
use crate::worker_view;

/// How long `--watch` waits before it looks again, which takes its time too.
const AGAIN: Duration = Duration::from_secs(1);

/// How long the broker may take for a subscription.
const SUBSCRIBE: Duration = Duration::from_secs(5);
/// A job that ended longer ago is shown only with `--all`.
const RECENT: Duration = Duration::from_secs(24 * 60 * 60);

/// Runs the command.
///
/// # Errors
/// When there is no such job, or the log cannot be read.
pub fn status(args: &StatusArgs) -> anyhow::Result<Exit> {
    let mut options = broker::patient_options(&args.broker, args.patience, "status")?;
    let on_screen = args.watch && !args.json && screen::is_drawable();
    if on_screen {
        // The screen says it.
        options.listener = Arc::new(|_| ());
    }
    let runtime = broker::runtime()?;
    let limit = options.connect_limit;
    runtime.block_on(async {
        let broker = broker::reach(options).await?;
        if on_screen {
            let shown = broker::answered(&broker, limit, watch(args, &broker)).await;
            broker.close().await;
            return shown;
        }
        let shown = loop {
            let shown = broker::answered(&broker, limit, once(args, &broker)).await;
            match shown {
                Ok(true) if args.watch => tokio::time::sleep(AGAIN).await,
                other => break other,
            }
        };
        broker.close().await;
        shown.map(|_| Exit::Complete)
    })
}

/// Draws the jobs on a screen until they have ended, and prints them then.
async fn watch(args: &StatusArgs, broker: &Broker) -> anyhow::Result<Exit> {
    let mut signals = Signals::new()?;
    loop {
        let goes_on = tokio::select! {
            goes_on = goes_on(args, broker) => goes_on?,
            () = signals.asked() => return Ok(Exit::Interrupted),
        };
        if !goes_on {
            once(args, broker).await?;
            return Ok(Exit::Complete);
        }
        let registry = Registry::open(broker).await?;
        let (only, all) = (args.job.clone(), args.all);
        let wanted = move |job: &Job| {
            let named = only.as_ref().is_none_or(|only| *only == job.name);
            named && (all || only.is_some() || is_recent(job.is_active(), job.latest))
        };
        let watch = Watch::new(broker.clone(), registry, None).only(wanted);
        if screen::show(watch, &mut signals).await? == Ended::Left {
            return Ok(Exit::Interrupted);
        }
    }
}

/// Whether a job that is asked for has not ended.
async fn goes_on(args: &StatusArgs, broker: &Broker) -> anyhow::Result<bool> {
    if !Registry::exists(broker).await? {
        return Ok(false);
    }
    let registry = Registry::open(broker).await?;
    let table = jobs::read(broker, &registry).await?;
    let wanted = |job: &Job| args.job.as_ref().is_none_or(|only| *only == job.name);
    Ok((table.iter()).any(|job| wanted(job) && job.is_active()))
}

/// Whether a job is shown without `--all`: it goes on, or ended a day ago at most.
fn is_recent(active: bool, latest: u64) -> bool {
    let age = since_1970().as_secs().saturating_sub(latest);
    active || age < RECENT.as_secs()
}

/// Looks and prints once. Returns whether there is more to come: a job that has not ended, and
/// somebody who reads.
async fn once(args: &StatusArgs, broker: &Broker) -> anyhow::Result<bool> {
    let seen = Seen::look(broker, args.job.as_ref(), args.workers).await?;
    let mut found = Found::default();
    let mut active = false;
    for job in seen.table.iter() {
        if found.wants(args, &job.name, job.is_active(), job.latest) {
            active |= job.is_active();
            let view = JobView::of(broker, job, &seen.heard).await;
            found.jobs.push(view);
        }
    }
    for (name, job) in seen.table.foreign() {
        if found.wants(args, name, false, job.latest) {
            found.foreign.push((name, job.version));
        }
    }
    let mut out = Vec::new();
    print(args, &found, &seen.heard, &mut out)?;
    Ok(stdout::print(&out)? && active)
}

/// The jobs that are shown.
#[derive(Default)]
struct Found<'a> {
    jobs: Vec<JobView<'a>>,
    /// Those of other versions of the program, with the version of their format.
    foreign: Vec<(&'a JobName, u16)>,
    /// How many are not shown, because they ended long ago.
    older: u64,
}

impl Found<'_> {
    /// Whether a job is shown; counts those that are not for their age.
    fn wants(&mut self, args: &StatusArgs, name: &JobName, active: bool, latest: u64) -> bool {
        if let Some(only) = &args.job {
            return only == name;
        }
        let wanted = args.all || is_recent(active, latest);
        self.older += u64::from(!wanted);
        wanted
    }
}

/// What the log and the reports say.
struct Seen {
    table: JobTable,
    heard: Heard,
}

impl Seen {
    async fn look(
        broker: &Broker,
        only: Option<&JobName>,
        all_workers: bool,
    ) -> anyhow::Result<Self> {
        let mut seen = Self {
            table: JobTable::default(),
            heard: Heard::default(),
        };
        if !Registry::exists(broker).await? {
            return Ok(seen);
        }
        // Listening begins before the log is read: that takes its time.
        let end = Instant::now() + LISTEN;
        let mut reports = Reports::new(broker, only.filter(|_| !all_workers));
        let opened = timeout_at(Instant::now() + SUBSCRIBE, reports.open()).await;
        let registry = Registry::open(broker).await?;
        seen.table = jobs::read(broker, &registry).await?;
        let active = (seen.table.iter())
            .any(|job| job.is_active() && only.is_none_or(|only| *only == job.name));
        if !active && !all_workers {
            return Ok(seen);
        }
        seen.heard.alarm = broker.alarm().await;
        if seen.heard.alarm.is_some() {
            // Nobody can report.
            return Ok(seen);
        }
        match opened {
            Ok(Ok(())) => {}
            Ok(Err(QueueError::Refused(reason))) => {
                seen.heard.reports_error = Some(reason);
                return Ok(seen);
            }
            Ok(Err(error)) => {
                seen.heard.reports_error = Some(error.to_string());
                return Ok(seen);
            }
            Err(_) => {
                seen.heard.reports_error = Some("the broker does not answer".into());
                return Ok(seen);
            }
        }
        let mut workers = Workers::default();
        while let Ok(Some(report)) = timeout_at(end, reports.next()).await {
            workers.hear(report, std::time::Instant::now());
        }
        seen.heard.workers = Some(workers);
        // It may have begun meanwhile.
        seen.heard.alarm = broker.health().blocked;
        Ok(seen)
    }
}

/// The workers that are listed: with `--workers` all that were heard.
fn listed(args: &StatusArgs, heard: &Heard) -> Vec<WorkerStats> {
    let workers = heard.workers.as_ref().filter(|_| args.workers);
    workers.map(Workers::all).unwrap_or_default()
}

fn print(
    args: &StatusArgs,
    found: &Found<'_>,
    heard: &Heard,
    out: &mut Vec<u8>,
) -> anyhow::Result<()> {
    let none = found.jobs.is_empty() && found.foreign.is_empty();
    if let Some(only) = args.job.as_ref().filter(|_| none) {
        return Err(usage(format!("there is no job {only}")));
    }
    if args.json {
        for job in &found.jobs {
            writeln!(out, "{}", job.json(heard))?;
        }
        for (name, format) in &found.foreign {
            let job = json!({"job": name, "state": "foreign", "format": format});
            writeln!(out, "{job}")?;
        }
        for worker in listed(args, heard) {
            writeln!(out, "{}", json!({"worker": worker_view::json(&worker)}))?;
        }
        return Ok(());
    }
    if let Some(reason) = &heard.alarm {
        writeln!(
            out,
            "the broker is in alarm and takes no messages: {reason}"
        )?;
    }
    if let Some(reason) = &heard.reports_error {
        writeln!(out, "the workers' reports cannot be heard: {reason}")?;
    }
    for job in &found.jobs {
        job.print(out)?;
    }
    for (name, format) in &found.foreign {
        writeln!(
            out,
            "{name}  of another version of Gristmill (format {format}, this one has {VERSION}): that \
             version serves it, or `produce --force` runs it anew with this one"
        )?;
    }
    for worker in listed(args, heard) {
        writeln!(out, "{}", worker_view::line(&worker))?;
    }
    if args.workers && listed(args, heard).is_empty() {
        writeln!(out, "no worker seen in the last {} s", LISTEN.as_secs_f64())?;
    }
    match found.older {
        0 if none => writeln!(out, "no jobs")?,
        0 => {}
        1 => writeln!(out, "1 job that ended over a day ago is not shown: --all")?,
        older => writeln!(
            out,
            "{older} jobs that ended over a day ago are not shown: --all"
        )?,
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        status: StatusArgs,
    }

    fn wants(words: &[&str], active: bool, latest: u64) -> (bool, u64) {
        let line = Line::parse_from([&["status"], words].concat());
        let mut found = Found::default();
        let name = "j".parse().unwrap();
        (
            found.wants(&line.status, &name, active, latest),
            found.older,
        )
    }

    #[test]
    fn active_and_recent_jobs_are_shown_and_the_others_counted() {
        let now = since_1970().as_secs();
        assert_eq!(wants(&[], true, 7), (true, 0));
        assert_eq!(wants(&[], false, now - 60), (true, 0));
        assert_eq!(wants(&[], false, now + 60), (true, 0));
        assert_eq!(wants(&[], false, 7), (false, 1));
        assert_eq!(wants(&["--all"], false, 7), (true, 0));
        assert_eq!(wants(&["j"], false, 7), (true, 0));
        assert_eq!(wants(&["other"], true, now), (false, 0));
    }
}
