//! Who owns a job that is there already: whether a finished one still has its output, and whether
//! anybody serves the directory of an unfinished one. It must not know how jobs are produced.

use std::time::Duration;

use gristmill_common::job::{JobName, JobRun};
use gristmill_common::progress::Role;
use gristmill_jobs::directory::directory_here;
use gristmill_jobs::registry::{Claim, Event, Job, Log, Registry, RegistryError};
use gristmill_jobs::report::{LISTEN, Report, Reports};
use gristmill_rabbitmq::Broker;
use tokio::time::timeout;

/// How long those who serve a directory may take to answer.
const ANSWER: Duration = Duration::from_secs(3);

/// What is known of a finished job's output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    There,
    Gone,
    /// Nobody who could look answers.
    Unknown,
}

/// Looks for a finished job's output, where it lies if that is on this machine, or by asking those
/// who serve its directory.
pub(crate) async fn find_output(
    registry: &Registry,
    log: &mut Log,
    job: &Job,
) -> Result<Output, RegistryError> {
    let Some(claim) = &job.claim else {
        return Ok(Output::Unknown);
    };
    let run = job.run();
    if let Some(there) = look(claim, &job.name) {
        return Ok(if there { Output::There } else { Output::Gone });
    }
    registry.append(&run, &Event::OutputSought).await?;
    let answer = async {
        loop {
            let entry = log.next().await?;
            if let Event::Output { there } = entry.event
                && entry.job == run.job
                && entry.run == run.run
            {
                return Ok(if there { Output::There } else { Output::Gone });
            }
        }
    };
    timeout(ANSWER, answer).await.unwrap_or(Ok(Output::Unknown))
}

/// Whether a job's output is in its directory, if that is on this machine: its id tells.
fn look(claim: &Claim, name: &JobName) -> Option<bool> {
    let dir = directory_here(claim)?;
    Some(dir.join(name.as_str()).join("manifest.json").exists())
}

/// Whether a reducer works on a job. Who cannot be heard counts as working.
pub(crate) async fn is_served(broker: &Broker, run: &JobRun) -> bool {
    let mut reports = Reports::new(broker, Some(&run.job));
    let heard = async {
        loop {
            match reports.next().await {
                Some(Report {
                    role: Role::Reduce,
                    work: Some(work),
                    ..
                }) if work.run == run.run => return,
                Some(_) => {}
                None => return,
            }
        }
    };
    timeout(2 * LISTEN, heard).await.is_ok()
}
