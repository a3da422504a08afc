//! A range of an object as a stream that blocks: parts are asked for ahead, within a bound.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

use gristmill_common::shutdown::Shutdown;
use gristmill_input::{ObjectError, ObjectStream};
use tokio::task::AbortHandle;

use crate::object::StoredObject;
use crate::runtime;

/// How much is asked for at once, in bytes.
const PART: u64 = 2 << 20;
/// How many parts are on their way or waiting, beside the one that is read.
const AHEAD: usize = 3;
/// How often a waiting reader looks whether a stop was asked for.
const LOOK: Duration = Duration::from_millis(100);

/// A range as a stream.
pub(crate) struct Ranges {
    object: Arc<StoredObject>,
    /// What is not asked for yet.
    left: Range<u64>,
    flying: VecDeque<Flight>,
    /// The part at hand, and how much of it was given.
    part: Vec<u8>,
    given: usize,
}

/// A part on its way.
struct Flight {
    answer: Receiver<Result<Vec<u8>, ObjectError>>,
    task: AbortHandle,
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Ranges {
    pub(crate) fn new(object: Arc<StoredObject>, range: Range<u64>) -> Self {
        Self {
            object,
            left: range,
            flying: VecDeque::new(),
            part: Vec::new(),
            given: 0,
        }
    }

    fn ask_ahead(&mut self) -> Result<(), ObjectError> {
        while self.flying.len() < AHEAD && !self.left.is_empty() {
            let end = (self.left.start + PART).min(self.left.end);
            let range = std::mem::replace(&mut self.left.start, end)..end;
            let (send, answer) = sync_channel(1);
            let object = Arc::clone(&self.object);
            let task = runtime::handle()?.spawn(async move {
                // Whoever asked may have gone.
                let _ = send.send(object.part(range).await);
            });
            self.flying.push_back(Flight {
                answer,
                task: task.abort_handle(),
            });
        }
        Ok(())
    }
}

impl ObjectStream for Ranges {
    fn pull(
        &mut self,
        out: &mut Vec<u8>,
        max: usize,
        stop: &Shutdown,
    ) -> Result<usize, ObjectError> {
        if stop.is_stopping() {
            return Err(ObjectError::Stopped);
        }
        if self.given == self.part.len() {
            self.ask_ahead()?;
            let Some(next) = self.flying.pop_front() else {
                return Ok(0);
            };
            self.part = loop {
                match next.answer.recv_timeout(LOOK) {
                    Ok(part) => break part?,
                    Err(RecvTimeoutError::Timeout) if stop.is_stopping() => {
                        return Err(ObjectError::Stopped);
                    }
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => {
                        return Err(ObjectError::Failed("its reader has failed".into()));
                    }
                }
            };
            self.given = 0;
            self.ask_ahead()?;
        }
        let take = max.min(self.part.len() - self.given);
        out.extend_from_slice(&self.part[self.given..self.given + take]);
        self.given += take;
        Ok(take)
    }
}
