//! The bytes to come of the document that is being cut.

use crate::stream::{Damage, Pull};

/// The document's bytes to come.
pub(super) struct Feed<'a> {
    pub(super) input: &'a mut dyn Pull,
    /// How they ended, once they did.
    pub(super) ended: Option<Option<Damage>>,
}

impl Feed<'_> {
    /// Pulls until `body` has `goal` bytes or there are no more.
    pub(super) fn fill(&mut self, body: &mut Vec<u8>, goal: usize) {
        while body.len() < goal && self.ended.is_none() {
            let max = goal - body.len();
            match self.input.pull(body, max) {
                Ok(0) => self.ended = Some(None),
                Ok(_) => {}
                Err(damage) => self.ended = Some(Some(damage)),
            }
        }
    }

    /// The document ended where its last byte is, not in damage.
    pub(super) fn ended_well(&self) -> bool {
        match &self.ended {
            Some(damage) => damage.as_ref().is_none_or(|damage| damage.after_end),
            None => false,
        }
    }
}
