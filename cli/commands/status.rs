//! `gristmill status`: every job that the log knows, how far it is, and what it waits for.

use std::io::Write;
use std::time::Duration;

use gristmill_common::job::JobName;
use gristmill_jobs::registry::{JobTable, Registry};
use gristmill_jobs::report::{Crew, LISTEN, Reports};
use gristmill_rabbitmq::{Broker, QueueError};
use tokio::time::{Instant, timeout_at};

use crate::args::StatusArgs;
use crate::broker;
use crate::exit::{Exit, usage};
use crate::jobs;
use crate::screen;
use crate::shown::{Heard, Shown};

/// How long the broker may take for a subscription.
const SUBSCRIBE: Duration = Duration::from_secs(5);

/// Runs the command.
///
/// # Errors
/// When there is no such job, or the log cannot be read.
pub fn status(args: &StatusArgs) -> anyhow::Result<Exit> {
    let options = broker::options(&args.broker, "status")?;
    let runtime = broker::runtime()?;
    runtime.block_on(async {
        let broker = broker::reach(options).await?;
        let seen = Seen::look(&broker, args.job.as_ref()).await?;
        let mut shown = Vec::new();
        for (name, job) in seen.table.iter() {
            if args.job.as_ref().is_none_or(|only| only == name) {
                shown.push(Shown::of(&broker, name, job, &seen.heard).await);
            }
        }
        let printed = print(args, &shown, &seen.heard);
        broker.close().await;
        printed
    })
}

/// What the log and the reports say.
struct Seen {
    table: JobTable,
    heard: Heard,
}

impl Seen {
    async fn look(broker: &Broker, only: Option<&JobName>) -> anyhow::Result<Self> {
        let mut seen = Self {
            table: JobTable::default(),
            heard: Heard::default(),
        };
        if !Registry::exists(broker).await? {
            return Ok(seen);
        }
        // Listening begins before the log is read: that takes its time.
        let end = Instant::now() + LISTEN;
        let mut reports = Reports::new(broker, only);
        let opened = timeout_at(Instant::now() + SUBSCRIBE, reports.open()).await;
        let registry = Registry::open(broker).await?;
        seen.table = jobs::read(&registry).await?;
        let active = (seen.table.iter())
            .any(|(name, job)| job.is_active() && only.is_none_or(|only| only == name));
        if !active {
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
                seen.heard.deaf = Some(reason);
                return Ok(seen);
            }
            Ok(Err(error)) => {
                seen.heard.deaf = Some(error.to_string());
                return Ok(seen);
            }
            Err(_) => {
                seen.heard.deaf = Some("the broker does not answer".into());
                return Ok(seen);
            }
        }
        let mut crew = Crew::default();
        while let Ok(Some(report)) = timeout_at(end, reports.next()).await {
            crew.hear(report, std::time::Instant::now());
        }
        seen.heard.crew = Some(crew);
        // It may have begun meanwhile.
        seen.heard.alarm = broker.health().blocked;
        Ok(seen)
    }
}

fn print(args: &StatusArgs, shown: &[Shown<'_>], heard: &Heard) -> anyhow::Result<Exit> {
    if let Some(only) = args.job.as_ref().filter(|_| shown.is_empty()) {
        return Err(usage(format!("there is no job {only}")));
    }
    let mut out = Vec::new();
    if args.json {
        for job in shown {
            writeln!(out, "{}", job.json(heard))?;
        }
        screen::print(&out)?;
        return Ok(Exit::Complete);
    }
    if let Some(reason) = &heard.alarm {
        writeln!(
            out,
            "the broker is in alarm and takes no messages: {reason}"
        )?;
    }
    if let Some(reason) = &heard.deaf {
        writeln!(out, "the workers' reports cannot be heard: {reason}")?;
    }
    for job in shown {
        job.print(&mut out)?;
    }
    if shown.is_empty() {
        writeln!(out, "no jobs")?;
    }
    screen::print(&out)?;
    Ok(Exit::Complete)
}
