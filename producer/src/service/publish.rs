//! Publishing a job that is in the log and has its queues: its chunks or splits, and the seal.

use std::time::Duration;

use gristmill_common::crash;
use gristmill_common::plan_summary::Sent;
use gristmill_common::progress::Role;
use gristmill_jobs::declare::declare_job;
use gristmill_jobs::environment::Environment;
use gristmill_jobs::registry::{Event, Phase};
use gristmill_jobs::transport::{Amqp, Prefetch, PublishError, Transport};
use tokio::time::timeout;
use tracing::warn;

use super::checkpointer::{Checkpoint, Checkpointer};
use super::order::Order;
use super::submit_error::SubmitError;
use super::submitter::Submitter;
use super::wait::Wait;
use crate::error::ProduceError;
use crate::produce::{Resume, produce};
use crate::send_splits::send_splits;

/// How long a producer that ends early tries to write down what it has completed.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// How often lost queues of a job are made anew by one producer.
const REMAKES: u32 = 3;

impl Submitter<'_> {
    /// Publishes what is not confirmed yet, and the seal. A queue that is lost on the way, as with
    /// a broker that is killed while it makes the queue, is made anew, and everything is sent
    /// again.
    ///
    /// Whoever sees a run end deletes its queues, and a producer that was away may come too late:
    /// then there is nothing left to do.
    pub(super) fn publish_all(
        &self,
        mut checkpoint: Checkpoint,
        wait: &mut Wait,
    ) -> Result<(), SubmitError> {
        let order = self.order;
        for remade in 0.. {
            let published = self.publish_once(checkpoint, wait);
            let Err(SubmitError::Produce(ProduceError::Transport(PublishError::NoQueue(queue)))) =
                published
            else {
                return published;
            };
            match self.wait(wait.phase(&self.worker.registry))? {
                Phase::Finished(_) => return Ok(()),
                Phase::Active if remade < REMAKES && order.plan.is_repeatable() => {}
                _ => return Err(ProduceError::from(PublishError::NoQueue(queue)).into()),
            }
            warn!(job = %order.name, "the queue {queue:?} is gone: making it anew and sending everything again");
            let partitions = order.spec.partitions;
            self.wait(declare_job(
                &self.worker.broker,
                &wait.run,
                partitions,
                order.backlog,
            ))?;
            checkpoint = Checkpoint::default();
        }
        Ok(())
    }

    /// Publishes what is not confirmed yet, and the seal.
    fn publish_once(&self, checkpoint: Checkpoint, wait: &Wait) -> Result<(), SubmitError> {
        let (registry, runtime, run) = (&self.worker.registry, &self.worker.runtime, &wait.run);
        let transport = {
            let _entered = runtime.enter();
            Transport::Amqp(Amqp::new(
                &self.worker.broker,
                run.clone(),
                Prefetch::default(),
            ))
        };
        let _reported = self.worker.progress.jobs.of(Role::Produce, run);
        let env = Environment {
            transport: &transport,
            runtime,
            progress: &self.worker.progress,
            shutdown: &self.worker.shutdown,
        };
        let checkpointer = Checkpointer::new(checkpoint, registry, runtime, run);
        let chunks = match self.publish(env, &checkpointer) {
            Ok(chunks) => chunks,
            Err(error) => {
                // So that whoever resumes has less to send; a broker that is gone is not waited
                // for.
                let _ =
                    runtime.block_on(async { timeout(LAST_WORDS, checkpointer.finish()).await });
                return Err(error.into());
            }
        };
        self.until_stopped(checkpointer.finish())?;
        crash::point("before-sealed");
        self.until_stopped(registry.append(run, &Event::Sealed { chunks }))
    }

    /// Publishes the plan's text or its splits; how many messages mappers have to take.
    fn publish(&self, env: Environment<'_>, resume: &dyn Resume) -> Result<u64, ProduceError> {
        let Order {
            plan,
            spec,
            settings,
            folder,
            ..
        } = self.order;
        match plan.sent() {
            Sent::Chunks => {
                let seal = produce(plan, spec, env, settings, resume)?;
                Ok(seal.chunks.iter().map(|&chunks| u64::from(chunks)).sum())
            }
            Sent::Files => {
                let seal = produce(plan, spec, env, settings, resume)?;
                // A split without chunks is one message: it travels as it is. (One that was read
                // and has none is counted too; the number is for people.)
                let messages = seal.chunks.iter().map(|&chunks| u64::from(chunks.max(1)));
                Ok(messages.sum())
            }
            Sent::Splits => {
                send_splits(plan, folder, env, resume)?;
                Ok(plan.splits().len() as u64)
            }
        }
    }
}
