//! `produce --wait`: a job that is on the broker is seen to its end, and what it lacks is sent
//! again.

use std::time::Duration;

use anyhow::bail;
use gristmill_common::job::JobName;
use gristmill_common::progress::Progress;
use gristmill_common::shutdown::{Shutdown, Stage};
use gristmill_jobs::registry::Registry;
use gristmill_producer::{Order, ProduceError, SubmitError, Submitted, Wait, submit};
use gristmill_rabbitmq::Broker;
use tokio::runtime::Runtime;

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

/// An order, and what it takes to submit it.
#[derive(Clone, Copy)]
pub struct Submitter<'a> {
    /// What is to be done.
    pub order: &'a Order<'a>,
    /// The broker.
    pub broker: &'a Broker,
    /// Its log of jobs.
    pub registry: &'a Registry,
    /// Runs what waits for the broker.
    pub runtime: &'a Runtime,
    /// Counts what is read and sent.
    pub progress: &'a Progress,
    /// Asks for a stop.
    pub shutdown: &'a Shutdown,
    /// How much is said.
    pub verbosity: Verbosity,
}

impl Submitter<'_> {
    /// Submits the job, or resumes it.
    ///
    /// # Errors
    /// Those of [`submit`].
    pub fn submit(&self) -> Result<Submitted, SubmitError> {
        let handle = self.runtime.handle();
        submit(
            self.order,
            self.broker,
            self.registry,
            handle,
            self.progress,
            self.shutdown,
        )
    }

    /// Waits for the job's end. What it lacks when it stalls is sent again, a few times, if the
    /// inputs can be read again.
    ///
    /// # Errors
    /// When the job fails, is cancelled or still lacks something, or the log cannot be read.
    pub fn wait_for_end(&self, mut wait: Wait) -> anyhow::Result<Ended> {
        let mut resends = match self.order.plan.is_repeatable() {
            true => RESENDS,
            false => 0,
        };
        loop {
            let what = match self.wait(wait)? {
                Waited::Ended(ended) => return Ok(ended),
                Waited::Stalled(what) => what,
            };
            if resends == 0 {
                bail!("{what}; the same command again sends what is missing");
            }
            resends -= 1;
            self.verbosity.say(&format!("{what}: sending that again"));
            wait = match self.submit() {
                Ok(Submitted::Sealed(again)) => *again,
                other => return Ended::of(other, &self.order.name, self.verbosity),
            };
        }
    }

    /// Waits for the job's end, or until it stalls.
    fn wait(&self, mut wait: Wait) -> anyhow::Result<Waited> {
        let Self {
            broker,
            runtime,
            shutdown,
            verbosity,
            ..
        } = *self;
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
}
