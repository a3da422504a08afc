//! Queues that the broker does not serve: the jobs that they are of say so in reports.

use std::sync::Arc;

use gristmill_common::progress::{Cause, JobCounters, Progress, Trouble};
use gristmill_jobs::queue::is_of;
use gristmill_rabbitmq::{BrokerEvent, BrokerOptions};

/// Has a worker's reports say which of its jobs stands still for a queue without a leader, on
/// connections that are made with these options.
pub fn report(options: &mut BrokerOptions, progress: &Arc<Progress>) {
    let (tell, progress) = (Arc::clone(&options.listener), Arc::clone(progress));
    options.listener = Arc::new(move |event| {
        match event {
            BrokerEvent::Unserved { queue, .. } => {
                for job in of(&progress, queue) {
                    job.is_held_up(Trouble {
                        cause: Cause::LeftAlone,
                        reason: format!(
                            "the broker does not serve {queue}, which may have no leader; a restart of its \
                             node may mend it, else cancel the job"
                        ),
                    });
                }
            }
            BrokerEvent::Served { queue } => {
                of(&progress, queue).for_each(|job| job.goes_on());
            }
            _ => {}
        }
        tell(event);
    });
}

/// What this worker counts of the job that a queue is of.
fn of(progress: &Progress, queue: &str) -> impl Iterator<Item = Arc<JobCounters>> {
    let jobs = progress.jobs.all().into_iter();
    jobs.filter(move |job| is_of(queue, job.run()))
}
