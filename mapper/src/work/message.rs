//! What the messages of a job's chunk queue say.

use bytes::Bytes;
use gristmill_common::chunk::Chunk;
use gristmill_common::split_task::SplitTask;
use gristmill_common::wire::{self, Message};

use crate::work::assignment::Assignment;

/// What a message asks for.
pub(super) enum Work {
    Chunk(Chunk),
    /// With the bytes of the sources that came with it.
    Split(SplitTask, Bytes),
}

/// Reads a message; the reason if it is none of this job's.
pub(super) fn decode(payload: &Bytes, job: &Assignment) -> Result<Work, String> {
    let Assignment { splits, sent, .. } = *job;
    match wire::decode(payload, job.check) {
        // Where mappers read splits, chunks come too: of what somebody else has read.
        Ok(Message::Chunk(chunk)) if chunk.head.id.split < splits => Ok(Work::Chunk(chunk)),
        Ok(Message::SplitTask(task, attached)) if sent.has_accounts() && task.split < splits => {
            Ok(Work::Split(task, attached))
        }
        Ok(Message::Chunk(chunk)) => Err(format!(
            "chunk {} of a job of {splits} splits",
            chunk.head.id
        )),
        Ok(Message::SplitTask(task, _)) => Err(format!(
            "split {} of a job of {splits} splits, sent as {sent:?}",
            task.split
        )),
        Ok(_) => Err("not a chunk".into()),
        Err(error) => Err(error.to_string()),
    }
}
