//! Putting entries together that travelled in parts. Bounded: a hostile or broken writer cannot
//! make a reader hold more than a few unfinished entries.

use std::collections::VecDeque;

use bytes::Bytes;

use super::event::{Entry, LogHead};
use crate::job::JobName;
use crate::wire::{MAX_EVENT, WireError, decode_event, decode_log_part};

/// How many unfinished entries are kept; past it the oldest goes.
const MAX_UNFINISHED: usize = 4;

#[derive(Debug, Default)]
pub(super) struct Assembly {
    unfinished: VecDeque<Unfinished>,
}

#[derive(Debug)]
struct Unfinished {
    key: (JobName, u64, u64),
    parts: u32,
    bytes: Vec<u8>,
    next: u32,
}

impl Assembly {
    /// Takes one message of the log; gives the entry that it completes, if it does.
    pub(super) fn take(&mut self, message: &Bytes) -> Result<Option<Entry>, WireError> {
        let (head, body) = decode_log_part(message)?;
        if head.parts == 1 {
            return entry(&head, &body).map(Some);
        }
        let key = (head.job.clone(), head.run, head.entry);
        let at = self.unfinished.iter().position(|one| one.key == key);
        let mut one = match at.and_then(|at| self.unfinished.remove(at)) {
            Some(one) => one,
            None => Unfinished {
                key,
                parts: head.parts,
                bytes: Vec::new(),
                next: 0,
            },
        };
        if head.part < one.next {
            // A part that was published twice.
            self.unfinished.push_back(one);
            return Ok(None);
        }
        // One writer publishes the parts in order, so a gap means that its start is lost.
        if head.part != one.next || head.parts != one.parts {
            return Err(WireError::Malformed(format!(
                "part {} of {} where {} was expected",
                head.part, head.parts, one.next
            )));
        }
        if one.bytes.len() + body.len() > MAX_EVENT {
            return Err(WireError::Oversized(one.bytes.len() + body.len()));
        }
        one.bytes.extend_from_slice(&body);
        one.next += 1;
        if one.next == one.parts {
            return entry(&head, &one.bytes).map(Some);
        }
        if self.unfinished.len() >= MAX_UNFINISHED {
            self.unfinished.pop_front();
        }
        self.unfinished.push_back(one);
        Ok(None)
    }
}

fn entry(head: &LogHead, bytes: &[u8]) -> Result<Entry, WireError> {
    Ok(Entry {
        job: head.job.clone(),
        run: head.run,
        at: head.at,
        event: decode_event(bytes)?,
    })
}
