//! Outcomes that come in parts: held until one attempt is whole; attempts are never mixed.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use gristmill_common::id::ChunkId;
use gristmill_common::outcome::OutcomeHead;

use crate::engine::reduce_error::ReduceError;
use crate::engine::spill_buffer::{Held, SpillBuffer};

/// The most parts that an outcome may have: 4 GiB of them.
pub(crate) const MAX_PARTS: u32 = 4096;

/// The parts that came so far, of outcomes that are not whole.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    waiting: HashMap<ChunkId, Pending>,
}

#[derive(Debug)]
struct Pending {
    hash: u64,
    /// The parts of each attempt, by their numbers.
    attempts: BTreeMap<u64, Attempt>,
}

#[derive(Debug)]
struct Attempt {
    parts: u32,
    have: BTreeMap<u32, Held>,
}

/// What a part leads to.
#[derive(Debug)]
pub(crate) enum Joined {
    /// The attempt is whole: its messages in order.
    Whole(Vec<Held>),
    /// More must come.
    Waiting,
    /// The part was there already.
    Duplicate,
}

impl Parts {
    /// Takes one part, as the message that it came in.
    pub(crate) fn join(
        &mut self,
        head: &OutcomeHead,
        message: Bytes,
        spill: &mut SpillBuffer,
    ) -> Result<Joined, ReduceError> {
        let id = head.id;
        let pending = self.waiting.entry(id).or_insert_with(|| Pending {
            hash: head.hash,
            attempts: BTreeMap::new(),
        });
        if pending.hash != head.hash {
            return Err(ReduceError::InputChanged { id });
        }
        let attempt = pending.attempts.entry(head.attempt).or_insert(Attempt {
            parts: head.parts,
            have: BTreeMap::new(),
        });
        if attempt.parts != head.parts {
            return Err(ReduceError::Malformed(format!(
                "an outcome of chunk {id} in {} and in {} parts",
                attempt.parts, head.parts
            )));
        }
        if attempt.have.contains_key(&head.part) {
            return Ok(Joined::Duplicate);
        }
        attempt.have.insert(head.part, spill.put(message)?);
        if attempt.have.len() < attempt.parts as usize {
            return Ok(Joined::Waiting);
        }
        let Some(mut whole) = self.waiting.remove(&id) else {
            return Ok(Joined::Waiting);
        };
        let mut messages = Vec::new();
        if let Some(attempt) = whole.attempts.remove(&head.attempt) {
            messages.extend(attempt.have.into_values());
        }
        // What other attempts left behind is of no use any more.
        for attempt in whole.attempts.into_values() {
            for held in attempt.have.into_values() {
                spill.take(held)?;
            }
        }
        Ok(Joined::Whole(messages))
    }

    /// Forgets the parts of a chunk whose outcome came whole another way.
    pub(crate) fn forget(
        &mut self,
        id: ChunkId,
        spill: &mut SpillBuffer,
    ) -> Result<(), ReduceError> {
        for attempt in self
            .waiting
            .remove(&id)
            .into_iter()
            .flat_map(|pending| pending.attempts.into_values())
        {
            for held in attempt.have.into_values() {
                spill.take(held)?;
            }
        }
        Ok(())
    }

    /// Whether this very part waits.
    pub(crate) fn has(&self, head: &OutcomeHead) -> bool {
        self.waiting
            .get(&head.id)
            .and_then(|pending| pending.attempts.get(&head.attempt))
            .is_some_and(|attempt| attempt.have.contains_key(&head.part))
    }

    /// The hash of the chunk whose parts wait, if there are any.
    pub(crate) fn hash_of(&self, id: ChunkId) -> Option<u64> {
        self.waiting.get(&id).map(|pending| pending.hash)
    }
}
