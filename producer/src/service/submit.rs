//! Submitting a job over a broker: it enters the log; done again, it resumes.

use gristmill_common::clock::since_1970;
use gristmill_common::crash;
use gristmill_common::id::content_hash;
use gristmill_common::job::{JobName, JobRun};
use gristmill_common::spec::JobSpec;
use gristmill_input::Plan;
use gristmill_jobs::declare::{declare_job, delete_job};
use gristmill_jobs::file;
use gristmill_jobs::registry::{Claim, Entry, Event, Job, JobTable, Log, Phase, Totals};
use tracing::warn;

use super::checkpointer::Checkpoint;
use super::owner::{self, Output};
use super::resume_state::ResumeState;
use super::submit_error::SubmitError;
use super::submitter::Submitter;
use super::wait::Wait;

/// What became of an order.
#[derive(Debug)]
pub enum Submitted {
    /// The job was finished before, in the output directory that owns it.
    Finished(Totals, Option<Claim>),
    /// Everything is on the broker.
    Sealed(Box<Wait>),
}

/// The name of a job that was not given one: its kind and a hash of spec and plan.
#[must_use]
pub fn default_name(spec: &JobSpec, plan: &Plan) -> JobName {
    let hash = spec.fingerprint().rotate_left(1) ^ plan.fingerprint();
    let name = format!("{}-{:012x}", spec.kind.name(), hash & 0xFFFF_FFFF_FFFF);
    JobName::clean(&name)
}

impl Submitter<'_> {
    /// Submits the job or resumes it, and publishes what is not there yet. Blocks; not to be called
    /// on a runtime's thread.
    ///
    /// # Errors
    /// When the name belongs to another job, reading fails, a stop was asked for, or the broker
    /// refuses.
    pub fn submit(&self) -> Result<Submitted, SubmitError> {
        let (order, name) = (self.order, &self.order.name);
        let (table, mut log) = self.catch_up()?;
        let plan = order.plan.fingerprint();
        let before = table.get(name);
        let after = before.map(|job| job.submission.run);
        let (run, checkpoint) = match ResumeState::find(order, before, plan)? {
            ResumeState::Finished(totals) => {
                self.wait(self.still_there(&mut log, before))?;
                let claim = before.and_then(|job| job.claim.clone());
                return Ok(Submitted::Finished(totals, claim));
            }
            ResumeState::Sealed(run) => {
                let run = JobRun::new(name, run);
                if order.program.is_some_and(|program| program.key.is_some()) {
                    // The signature may have expired.
                    let again = order.submission(run.run, None, plan);
                    let again = Event::Submitted(Box::new(again));
                    self.wait(self.worker.registry.append(&run, &again))?;
                }
                return Ok(Submitted::Sealed(Box::new(Wait { table, log, run })));
            }
            ResumeState::Resumed(run, checkpoint) => (run, checkpoint),
            ResumeState::Fresh => (self.fresh_run(after, plan), Checkpoint::default()),
        };
        let submission = Event::Submitted(Box::new(order.submission(run, after, plan)));
        let run = JobRun::new(name, run);
        let mut wait = Wait { table, log, run };
        if self.enter(&submission, &mut wait)? {
            self.publish_all(checkpoint, &mut wait)?;
        }
        Ok(Submitted::Sealed(Box::new(wait)))
    }

    /// The jobs of the log, in which the order's own may be begun or resumed.
    fn catch_up(&self) -> Result<(JobTable, Log), SubmitError> {
        let (mut table, log) = self.wait(self.worker.registry.catch_up())?;
        self.refuse_foreign(&table)?;
        if self.order.force
            && let Some(cancelled) = self.wait(self.free(&table))?
        {
            table.apply(cancelled);
        }
        Ok((table, log))
    }

    /// Declares a run's queues, enters it into the log, and removes the queues of runs that it
    /// replaces. Whether there is anything to publish: another producer of the same run may have
    /// seen it to its end meanwhile.
    fn enter(&self, submission: &Event, wait: &mut Wait) -> Result<bool, SubmitError> {
        let (broker, order) = (&self.worker.broker, self.order);
        let (run, partitions) = (wait.run.clone(), order.spec.partitions);
        crash::point("before-declare");
        self.wait(declare_job(broker, &run, partitions, order.backlog))?;
        if let Some(file) = &order.file {
            // Who finds the job in the log finds the file.
            self.wait(file::send(broker, &run, file))?;
        }
        crash::point("before-submitted");
        self.wait(self.worker.registry.append(&run, submission))?;
        let phase = self.wait(wait.phase(&self.worker.registry));
        if matches!(
            phase,
            Err(SubmitError::Overtaken(_)) | Ok(Phase::Finished(_))
        ) {
            // Whoever saw that end may have deleted the queues before they were declared here.
            self.wait(delete_job(broker, &run, partitions))?;
        }
        let is_active = matches!(phase?, Phase::Active);
        crash::point("accepted");
        // Reducers do this too, if there are any.
        for ended in wait.replaced() {
            self.wait(delete_job(broker, &ended.run, ended.partitions))?;
        }
        Ok(is_active)
    }

    /// The number of a run that begins anew, which no earlier run of the name has. The same command
    /// computes it again while the run is not in the log: what a producer declared that was killed
    /// before, is then made anew and not left behind. The day tells it from runs that the log has
    /// forgotten.
    fn fresh_run(&self, before: Option<u64>, plan: u64) -> u64 {
        let day = since_1970().as_secs() / (24 * 60 * 60);
        let (name, spec) = (&self.order.name, self.order.spec.fingerprint());
        // Queues that are there keep their settings.
        let backlog = self.order.backlog;
        content_hash(format!("{name} {before:?} {spec} {plan} {day} {backlog:?}").as_bytes())
    }

    /// Refuses a name that another version of the program uses.
    fn refuse_foreign(&self, table: &JobTable) -> Result<(), SubmitError> {
        let order = self.order;
        let foreign = table.foreign().find(|(name, _)| **name == order.name);
        match foreign {
            Some((name, foreign)) if !order.force => Err(SubmitError::OtherVersion {
                job: name.clone(),
                version: foreign.version,
            }),
            _ => Ok(()),
        }
    }

    /// Ends a job that belongs to an output directory which nobody serves, so that it can be begun
    /// anew; the entry of the log that did so.
    async fn free(&self, table: &JobTable) -> Result<Option<Entry>, SubmitError> {
        let name = &self.order.name;
        let owned = table.get(name).filter(|job| job.is_active());
        let Some((job, claim)) = owned.and_then(|job| Some((job, job.claim.as_ref()?))) else {
            return Ok(None);
        };
        let run = job.run();
        if owner::is_served(&self.worker.broker, &run).await {
            return Ok(None);
        }
        warn!(job = %name, "no reducer serves its directory {}: beginning it anew", claim.place);
        self.worker.registry.append(&run, &Event::Cancelled).await?;
        Ok(Some(Entry {
            job: run.job,
            run: run.run,
            at: job.latest,
            event: Event::Cancelled,
        }))
    }

    /// Fails unless the output of a finished job is known to be there.
    async fn still_there(&self, log: &mut Log, job: Option<&Job>) -> Result<(), SubmitError> {
        let Some(job) = job else {
            return Ok(());
        };
        let found = owner::find_output(&self.worker.registry, log, job).await?;
        let (job, claim) = (job.name.clone(), job.claim.as_ref());
        let place = claim.map_or_else(|| "its directory".into(), |claim| claim.place.clone());
        match found {
            Output::There => Ok(()),
            Output::Gone => Err(SubmitError::OutputGone { job, place }),
            Output::Unknown => Err(SubmitError::OutputUnknown { job, place }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::spec;

    #[test]
    fn a_job_has_a_name_of_its_kind() {
        let name = default_name(&spec(), &Plan::default());
        assert!(name.as_str().starts_with(spec().kind.name()), "{name}");
    }
}
