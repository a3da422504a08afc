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
    range: Range<u64>,
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
            let flight = Flight::ask(&self.object, self.left.start..end)?;
            self.left.start = end;
            self.flying.push_back(flight);
        }
        Ok(())
    }

    /// Waits for a part.
    fn wait_for(&self, mut flight: Flight, stop: &Shutdown) -> Result<Vec<u8>, ObjectError> {
        // All tries may have gone while nobody waited: it is asked for as if now were the first
        // time.
        if let Ok(answer) = flight.answer.try_recv() {
            match answer {
                Err(ObjectError::Failed(_)) => {
                    flight = Flight::ask(&self.object, flight.range.clone())?
                }
                other => return other,
            }
        }
        loop {
            match flight.answer.recv_timeout(LOOK) {
                Ok(part) => return part,
                Err(RecvTimeoutError::Timeout) if stop.is_stopping() => {
                    return Err(ObjectError::Stopped);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(ObjectError::Failed("its reader has failed".into()));
                }
            }
        }
    }
}

impl Flight {
    /// Asks for a part.
    ///
    /// # Errors
    /// When there are no threads for it.
    fn ask(object: &Arc<StoredObject>, range: Range<u64>) -> Result<Self, ObjectError> {
        let (send, answer) = sync_channel(1);
        let (object, part) = (Arc::clone(object), range.clone());
        let task = runtime::handle()?.spawn(async move {
            // Whoever asked may have gone.
            let _ = send.send(object.part(part).await);
        });
        Ok(Self {
            range,
            answer,
            task: task.abort_handle(),
        })
    }
}

impl ObjectStream for Ranges {
    fn begin(&mut self) {
        // The first pull asks again, and says why it cannot be.
        let _ = self.ask_ahead();
    }

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
            self.part = self.wait_for(next, stop)?;
            self.given = 0;
            self.ask_ahead()?;
        }
        let take = max.min(self.part.len() - self.given);
        out.extend_from_slice(&self.part[self.given..self.given + take]);
        self.given += take;
        Ok(take)
    }
}

#[cfg(test)]
mod tests {
    use gristmill_teststore::{KEY, SECRET, Server};

    use super::*;
    use crate::find::Stores;
    use crate::url::Named;

    #[test]
    fn what_failed_while_nobody_waited_is_asked_for_again() {
        let server = Server::start("logs");
        server.put("logs", "a.log", "text");
        let endpoint = server.endpoint();
        let variables = [
            ("AWS_ACCESS_KEY_ID", KEY),
            ("AWS_SECRET_ACCESS_KEY", SECRET),
            ("AWS_ENDPOINT_URL", &endpoint),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let named = Named::parse("s3://logs/a.log").unwrap();
        let bucket = Stores::with(variables).bucket(&named).unwrap();
        let object = runtime::wait(StoredObject::find(&bucket, "a.log"));
        let mut stream = Ranges::new(Arc::new(object.unwrap().unwrap()), 0..4);
        stream.begin();
        let before = |answer| {
            let (send, receive) = sync_channel(1);
            send.send(answer).unwrap();
            receive
        };
        let pull = |stream: &mut Ranges| {
            let mut got = Vec::new();
            (stream.pull(&mut got, 9, &Shutdown::new())).map(|_| got)
        };
        stream.flying[0].answer = before(Err(ObjectError::Failed("no answer".into())));
        assert_eq!(pull(&mut stream).unwrap(), b"text");
        // What has changed does not change back.
        let mut stream = Ranges::new(Arc::clone(&stream.object), 0..4);
        stream.begin();
        let changed = ObjectError::Changed("another version".into());
        stream.flying[0].answer = before(Err(changed.clone()));
        assert_eq!(pull(&mut stream), Err(changed));
    }
}
