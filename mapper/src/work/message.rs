//! What the messages of a job's chunk queue say.

use bytes::Bytes;
use gristmill_common::chunk::Chunk;
use gristmill_common::plan_summary::Sent;
use gristmill_common::split_task::SplitTask;
use gristmill_common::wire::{self, Message};

use crate::work::assignment::Assignment;

/// What a message asks for.
pub(super) enum Work {
    Chunk(Chunk),
    Split(SplitTask),
}

/// Reads a message; the reason if it is none of this job's.
pub(super) fn decode(payload: &Bytes, job: &Assignment) -> Result<Work, String> {
    let Assignment { splits, sent, .. } = *job;
    match wire::decode(payload, job.check) {
        Ok(Message::Chunk(chunk)) if sent == Sent::Chunks && chunk.head.id.split < splits => {
            Ok(Work::Chunk(chunk))
        }
        Ok(Message::SplitTask(task)) if sent == Sent::Splits && task.split < splits => {
            Ok(Work::Split(task))
        }
        Ok(Message::Chunk(chunk)) => Err(format!(
            "chunk {} of a job of {splits} splits, sent as {sent:?}",
            chunk.head.id
        )),
        Ok(Message::SplitTask(task)) => Err(format!(
            "split {} of a job of {splits} splits, sent as {sent:?}",
            task.split
        )),
        Ok(_) => Err("not a chunk".into()),
        Err(error) => Err(error.to_string()),
    }
}
