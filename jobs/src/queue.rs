//! The queues of a job, and what they are called on a broker.

use gristmill_common::job::JobRun;

/// A queue of one job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Queue {
    /// Chunks for the mappers.
    Chunks,
    /// Outcomes and the seal for the reducer of one partition.
    Results(u32),
    /// Chunks that came back too often, perhaps because they kill their mappers. Only on a broker.
    Suspect,
    /// Messages that nobody can work on. Only on a broker.
    Dead,
    /// What the job needs besides its chunks, in parts. Only on a broker, and a stream: every
    /// mapper reads all of it ([`crate::file`]); nothing is taken from it.
    Files,
}

/// A queue's name on the broker, which names the run: a queue of an earlier run can be deleted at
/// any time, by anybody, without harm to a later one.
#[must_use]
pub fn queue_name(job: &JobRun, queue: Queue) -> String {
    match queue {
        Queue::Chunks => format!("gristmill.{job}.chunks"),
        Queue::Suspect => format!("gristmill.{job}.suspect"),
        Queue::Dead => format!("gristmill.{job}.dead"),
        Queue::Results(partition) => format!("gristmill.{job}.results.{partition}"),
        Queue::Files => format!("gristmill.{job}.files"),
    }
}

/// Whether a broker's queue of this name is one of a run's.
#[must_use]
pub fn is_of(queue: &str, job: &JobRun) -> bool {
    let rest = queue.strip_prefix("gristmill.");
    let rest = rest.and_then(|rest| rest.strip_prefix(&job.to_string()));
    rest.is_some_and(|rest| rest.starts_with('.'))
}

/// The queues of a job with `partitions` partitions; a job that needs files has a stream too.
pub fn queues_of(partitions: u32) -> impl Iterator<Item = Queue> {
    [Queue::Dead, Queue::Suspect]
        .into_iter()
        .chain((0..partitions).map(Queue::Results))
        // The one that work comes from is made last.
        .chain([Queue::Chunks])
}
