//! A message in hand, settled by value: acknowledged, given back, or buried.

use std::sync::Arc;

use bytes::Bytes;

use super::faulty::Dice;
use super::pipe::Pipe;

/// A message that was handed over and must be settled. Dropped unsettled, it goes back to its
/// queue, so a panic loses nothing.
#[derive(Debug)]
pub struct Delivery {
    payload: Bytes,
    redelivered: bool,
    pipe: Arc<Pipe>,
    dice: Option<Dice>,
    settled: bool,
}

impl Delivery {
    pub(super) fn new(payload: Bytes, redelivered: bool, pipe: Arc<Pipe>) -> Self {
        Self {
            payload,
            redelivered,
            pipe,
            dice: None,
            settled: false,
        }
    }

    pub(super) fn with_dice(mut self, dice: Dice) -> Self {
        self.dice = Some(dice);
        self
    }

    /// The message's bytes; a clone shares them.
    #[must_use]
    pub fn payload(&self) -> &Bytes {
        &self.payload
    }

    /// Whether the message was handed over before.
    #[must_use]
    pub fn redelivered(&self) -> bool {
        self.redelivered
    }

    /// The work is done and its results are safe: the queue may forget the message.
    pub async fn ack(mut self) {
        self.settled = true;
        if self.dice.as_ref().is_some_and(Dice::loses_ack) {
            self.pipe.give_back(self.payload.clone());
        } else {
            self.pipe.forget(self.payload.len());
        }
    }

    /// The work could not be done now: somebody shall have the message again.
    pub async fn retry(mut self) {
        self.settled = true;
        self.pipe.give_back(self.payload.clone());
    }

    /// The message can never be worked on: it is set aside with the reason.
    pub async fn bury(mut self, reason: String) {
        self.settled = true;
        self.pipe.bury(self.payload.len(), reason);
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        if !self.settled {
            self.pipe.give_back(self.payload.clone());
        }
    }
}
