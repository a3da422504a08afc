//! What a reducer says in the log about its directory: which jobs belong to it, which it still has,
//! and whether a finished one's output is there. It must not know how jobs are worked on.

use gristmill_common::job::JobRun;
use gristmill_common::progress::{Cause, Trouble};
use gristmill_jobs::declare::queue_depth;
use gristmill_jobs::queue::Queue;
use gristmill_jobs::registry::{Event, Phase};
use tracing::warn;

use super::{RETRY, ServeError, Service};
use crate::engine::output_dir::OutputDir;

impl Service {
    /// Claims a job for this directory, unless its output would be in the way.
    pub(super) async fn claim(&mut self, run: JobRun) -> Result<(), ServeError> {
        let output = self.state_dir.output(&run.job);
        let job = self.table.active(&run);
        let replace = job.is_some_and(|job| job.submission.replace);
        let in_the_way = match replace {
            // Only what an earlier job wrote is ever replaced.
            true => OutputDir::open(&output, true)
                .err()
                .map(|error| error.to_string()),
            false => output.exists().then(|| {
                let output = output.display();
                format!("{output} exists: move it away, or replace it with `produce --force`")
            }),
        };
        if let Some(reason) = in_the_way {
            warn!(job = %run.job, "left alone: {reason}");
            let cause = Cause::LeftAlone;
            self.rest_because(run, 12 * RETRY, Trouble { cause, reason });
            return Ok(());
        }
        self.claimed.insert(run.clone());
        self.claim_again(&run).await
    }

    /// Somebody asks whether a finished job's output is still there: whoever serves its directory
    /// says so, and so does whoever serves another one in the same place.
    pub(super) async fn look_for_output(&self, run: &JobRun) -> Result<(), ServeError> {
        let Some(job) = self.table.of_run(run) else {
            return Ok(());
        };
        let (Phase::Finished(_), Some(claim)) = (&job.phase, &job.claim) else {
            return Ok(());
        };
        let here = claim.directory == self.state_dir.id();
        if here || claim.place == self.state_dir.place() {
            let there = here && self.state_dir.has_output(&run.job);
            self.worker
                .registry
                .append(run, &Event::Output { there })
                .await?;
        }
        Ok(())
    }

    /// Announces the runs whose ledgers lie here and that the log does not know any more.
    pub(super) async fn announce_forgotten(&mut self) -> Result<(), ServeError> {
        for run in self.state_dir.runs()? {
            let Some(event) = self.state_dir.load_submission(&run) else {
                continue;
            };
            let name = &run.job;
            if self.table.get(name).is_some() {
                continue;
            }
            let depth = queue_depth(&self.worker.broker, &run, Queue::Chunks).await;
            if !matches!(depth, Ok(Some(_))) {
                warn!(job = %name, "neither the log nor the broker knows it: `produce` it again");
                continue;
            }
            warn!(job = %name, "the log of jobs does not know it any more; announcing it again");
            self.worker.registry.append(&run, &event).await?;
            self.claim_again(&run).await?;
        }
        Ok(())
    }

    /// Announces the jobs that are at work here, for those who did not hear of them.
    pub(super) async fn announce_again(&mut self) -> Result<(), ServeError> {
        for working in self.working.values() {
            let run = &working.run;
            let Some(job) = self.table.active(run) else {
                continue;
            };
            let event = Event::Submitted(Box::new(job.submission.clone()));
            self.worker.registry.append(run, &event).await?;
            self.claim_again(run).await?;
            if let Some(chunks) = job.sealed {
                let sealed = Event::Sealed { chunks };
                self.worker.registry.append(run, &sealed).await?;
            }
        }
        Ok(())
    }

    pub(super) async fn claim_again(&self, run: &JobRun) -> Result<(), ServeError> {
        let claim = Event::Claimed {
            directory: self.state_dir.id().to_owned(),
            place: self.state_dir.place().to_owned(),
        };
        Ok(self.worker.registry.append(run, &claim).await?)
    }
}
