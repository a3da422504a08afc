//! Producing a job by reference: a message for each split, which names its sources. Mappers read
//! them.

use std::path::Path;

use gristmill_common::crash;
use gristmill_common::progress::Progress;
use gristmill_common::seal::SplitEnd;
use gristmill_common::wire;
use gristmill_input::Plan;
use gristmill_jobs::environment::Environment;
use gristmill_jobs::publish_window::PublishWindow;
use gristmill_jobs::queue::Queue;

use crate::error::ProduceError;
use crate::produce::Resume;

/// Messages on their way at a time.
const WINDOW: usize = 64;

/// Publishes a message for each split of the plan that `resume` does not know as published;
/// relative names begin at `folder`. There is no seal: what the splits hold is known when they are
/// read. Blocks; not to be called on a runtime's thread.
///
/// # Errors
/// [`ProduceError::Stopped`] after a stop; [`ProduceError::Unnamed`] when a source is a stream;
/// else when the queue cannot be had.
pub(crate) fn send_splits(
    plan: &Plan,
    folder: &Path,
    env: Environment<'_>,
    resume: &dyn Resume,
) -> Result<(), ProduceError> {
    let progress = env.progress;
    Progress::add(&progress.bytes_total, plan.total_bytes().unwrap_or(0));
    let mut sending = Sending {
        resume,
        flying: PublishWindow::new(env.runtime, env.shutdown),
    };
    for split in 0..plan.splits().len() as u32 {
        let task = plan.task(split, folder).ok_or(ProduceError::Unnamed)?;
        // A source that is cut into splits counts with the first of them.
        let (bytes, sources) = match task.extent.is_first() {
            true => (task.size(), task.sources.len() as u64),
            false => (0, 0),
        };
        if resume.done(split).is_none() {
            let message =
                wire::encode_split_task(&task, Vec::new()).map_err(ProduceError::Chunk)?;
            sending.land(WINDOW - 1)?;
            let transport = env.transport.clone();
            sending.flying.begin(async move {
                let published = transport.publish(Queue::Chunks, message).await;
                published.map(|()| split)
            });
            crash::point("chunk-published");
        }
        Progress::add(&progress.chunks_cut, 1);
        Progress::add(&progress.bytes_read, bytes);
        Progress::add(&progress.sources_done, sources);
    }
    sending.land(0)
}

/// Messages on their way, each of a split.
struct Sending<'a> {
    resume: &'a dyn Resume,
    flying: PublishWindow<'a, u32>,
}

impl Sending<'_> {
    /// Waits until at most `most` messages are on their way, and notes those that are taken.
    fn land(&mut self, most: usize) -> Result<(), ProduceError> {
        while let Some(split) = self.flying.land(most)? {
            let end = SplitEnd {
                split,
                chunks: 0,
                passed_over: 0,
            };
            self.resume.complete(end, Vec::new())?;
        }
        Ok(())
    }
}
