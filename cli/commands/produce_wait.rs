//! `produce --wait`: a job that is on the broker is seen to its end, and what it lacks is sent
//! again.

use std::time::Duration;

use anyhow::bail;
use gristmill_common::job::JobName;
use gristmill_common::shutdown::Stage;
use gristmill_jobs::worker::Worker;
use gristmill_producer::{ProduceError, SubmitError, Submitted, Submitter, Wait};

use crate::commands::produce_end::Finished;
use crate::exit::usage;
use crate::job_view;
use crate::verbosity::Verbosity;
use crate::wait_progress::WaitProgress;

/// How often what a stalled job lacks is sent again by one command.
const RESENDS: u32 = 3;

/// How the command ended.
pub enum Ended {
    /// The job is finished.
    Finished(Finished),
    /// Nobody waits for it.
    Sealed,
    /// A signal ended the command.
    Interrupted,
}

impl Ended {
    /// How it ended if nobody waits for the job.
    ///
    /// # Errors
    /// A usage error, or the reason why the job is not on the broker.
    pub fn of(
        submitted: Result<Submitted, SubmitError>,
        name: &JobName,
        verbosity: Verbosity,
    ) -> anyhow::Result<Self> {
        match submitted {
            Ok(Submitted::Finished(totals, claim)) => {
                verbosity.say(&format!("{name} was finished before"));
                Ok(Self::Finished(Finished {
                    totals,
                    claim,
                    took: None,
                }))
            }
            Ok(Submitted::Sealed(_)) => Ok(Self::Sealed),
            Err(SubmitError::Produce(ProduceError::Stopped)) => {
                verbosity.say("interrupted; the same command again goes on from here");
                Ok(Self::Interrupted)
            }
            Err(error) if error.is_usage() => Err(usage(error.to_string())),
            Err(error) => Err(error.into()),
        }
    }
}

/// What ended the wait for a job.
enum Waited {
    Ended(Ended),
    /// Outcomes are missing, and nothing is to come: what is said of it.
    Stalled(String),
}

/// Waits for the job's end. What it lacks when it stalls is sent again, a few times, if the
/// inputs can be read again.
///
/// # Errors
/// When the job fails, is cancelled or still lacks something, or the log cannot be read.
pub fn wait_for_end(
    submitter: &Submitter<'_>,
    mut wait: Wait,
    verbosity: Verbosity,
) -> anyhow::Result<Ended> {
    let mut resends = match submitter.order.plan.is_repeatable() {
        true => RESENDS,
        false => 0,
    };
    loop {
        let what = match wait_once(submitter, wait, verbosity)? {
            Waited::Ended(ended) => return Ok(ended),
            Waited::Stalled(what) => what,
        };
        if resends == 0 {
            bail!("{what}; the same command again sends what is missing");
        }
        resends -= 1;
        verbosity.say(&format!("{what}: sending that again"));
        wait = match submitter.submit() {
            Ok(Submitted::Sealed(again)) => *again,
            other => return Ended::of(other, &submitter.order.name, verbosity),
        };
    }
}

/// Waits for the job's end, or until it stalls.
fn wait_once(
    submitter: &Submitter<'_>,
    mut wait: Wait,
    verbosity: Verbosity,
) -> anyhow::Result<Waited> {
    let Worker {
        broker,
        runtime,
        shutdown,
        ..
    } = submitter.worker;
    let _entered = runtime.enter();
    let mut line = WaitProgress::start(broker, wait.run(), verbosity);
    loop {
        let Some(job) = wait.job() else {
            bail!("another run of the job has taken its place");
        };
        match job.phase.ended() {
            Some(Ok(totals)) => {
                let took = Duration::from_secs(job.latest.saturating_sub(job.since));
                return Ok(Waited::Ended(Ended::Finished(Finished {
                    totals,
                    claim: job.claim.clone(),
                    took: Some(took),
                })));
            }
            Some(Err(how)) => bail!("the job {how}"),
            None => {}
        }
        if let Some(line) = &mut line {
            line.warn_unserved(job)?;
        }
        if let (Some(line), Some(chunks)) = (&mut line, job.sealed) {
            line.draw(chunks)?;
        }
        if let Some((missing, count)) = &job.missing {
            let shown: Vec<String> = missing.iter().take(5).map(ToString::to_string).collect();
            let shown = match shown.is_empty() {
                true => String::new(),
                false => format!(" ({} …)", shown.join(", ")),
            };
            let missing = job_view::missing(*count);
            let what = format!("the job is stalled and misses {missing}{shown}");
            return Ok(Waited::Stalled(what));
        }
        let heard = runtime.block_on(async {
            let drawn = async {
                match &mut line {
                    Some(line) => line.news().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                news = wait.news() => news.map(|()| true),
                () = drawn => Ok(true),
                () = shutdown.reached(Stage::Draining) => Ok(false),
            }
        });
        if !heard? {
            drop(line);
            verbosity.say("interrupted; the job goes on without this command");
            return Ok(Waited::Ended(Ended::Interrupted));
        }
    }
}
