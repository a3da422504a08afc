//! A message in hand, settled by value: acknowledged, given back, or dead-lettered.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::amqp::Held;
use super::faulty::FaultRng;
use super::pipe::Pipe;

/// A message that was handed over and must be settled. Dropped unsettled, it goes back to its
/// queue as one that nobody worked on, so a stop loses nothing.
#[derive(Debug)]
pub struct Delivery {
    hold: Hold,
}

#[derive(Debug)]
enum Hold {
    Pipe(PipeHold),
    // Larger than the other by far, and in hand only a few at a time.
    Broker(Box<Held>),
}

/// What became of a settlement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// The queue took note.
    Done,
    /// The queue had taken the message back before (a lost connection, a consumer time-out): it
    /// will be handed over again, to somebody.
    Lost,
}

impl From<bool> for Settled {
    fn from(done: bool) -> Self {
        if done { Settled::Done } else { Settled::Lost }
    }
}

#[derive(Debug)]
struct PipeHold {
    payload: Bytes,
    redelivered: bool,
    pipe: Arc<Pipe>,
    rng: Option<FaultRng>,
    settled: bool,
}

impl Drop for PipeHold {
    fn drop(&mut self) {
        if !self.settled {
            self.pipe.give_back(self.payload.clone());
        }
    }
}

impl Delivery {
    pub(super) fn new(payload: Bytes, redelivered: bool, pipe: Arc<Pipe>) -> Self {
        Self {
            hold: Hold::Pipe(PipeHold {
                payload,
                redelivered,
                pipe,
                rng: None,
                settled: false,
            }),
        }
    }

    pub(super) fn of_broker(held: Held) -> Self {
        Self {
            hold: Hold::Broker(Box::new(held)),
        }
    }

    pub(super) fn with_rng(mut self, rng: FaultRng) -> Self {
        if let Hold::Pipe(hold) = &mut self.hold {
            hold.rng = Some(rng);
        }
        self
    }

    /// The message's bytes; a clone shares them.
    #[must_use]
    pub fn payload(&self) -> &Bytes {
        match &self.hold {
            Hold::Pipe(hold) => &hold.payload,
            Hold::Broker(held) => held.payload(),
        }
    }

    /// Whether the message was handed over before.
    #[must_use]
    pub fn redelivered(&self) -> bool {
        match &self.hold {
            Hold::Pipe(hold) => hold.redelivered,
            Hold::Broker(held) => held.redelivered(),
        }
    }

    /// How often the message has come back to its queue after a failure, where the queue counts it.
    #[must_use]
    pub fn delivery_count(&self) -> Option<u64> {
        match &self.hold {
            Hold::Pipe(_) => None,
            Hold::Broker(held) => held.delivery_count(),
        }
    }

    /// How long ago the message was sent over a broker, for people: by the sender's clock.
    #[must_use]
    pub fn age(&self) -> Option<Duration> {
        match &self.hold {
            Hold::Pipe(_) => None,
            Hold::Broker(held) => held.age(),
        }
    }

    /// Why the message was dead-lettered, for one that lies in the dead letters.
    #[must_use]
    pub fn reason(&self) -> Option<String> {
        match &self.hold {
            Hold::Pipe(_) => None,
            Hold::Broker(held) => held.reason(),
        }
    }

    /// Whether the queue has taken the message back meanwhile: whatever is done now, it will be
    /// handed over again.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        match &self.hold {
            Hold::Pipe(_) => false,
            Hold::Broker(held) => held.is_stale(),
        }
    }

    /// The work is done and its results are safe: the queue may forget the message.
    pub async fn ack(self) -> Settled {
        match self.hold {
            Hold::Pipe(mut hold) => {
                hold.settled = true;
                if hold.rng.as_ref().is_some_and(FaultRng::loses_ack) {
                    hold.pipe.give_back(hold.payload.clone());
                    return Settled::Lost;
                }
                hold.pipe.forget(hold.payload.len());
                Settled::Done
            }
            Hold::Broker(held) => held.ack().await,
        }
    }

    /// The work failed here: the message is handed over again, to anybody.
    ///
    /// A broker counts it, and a chunk that comes back too often becomes a suspect. A message that
    /// was not worked on is dropped instead.
    pub async fn retry(self) -> Settled {
        match self.hold {
            Hold::Pipe(mut hold) => {
                hold.settled = true;
                hold.pipe.give_back(hold.payload.clone());
                Settled::Done
            }
            Hold::Broker(held) => held.retry().await,
        }
    }

    /// As [`Delivery::retry`], without waiting: for whoever has a message in hand while it panics.
    pub fn drop_failed(self) {
        match self.hold {
            Hold::Pipe(hold) => drop(hold),
            Hold::Broker(held) => held.drop_failed(),
        }
    }

    /// The message can never be worked on: it goes to the dead letters with the reason.
    pub async fn dead_letter(self, reason: String) -> Settled {
        match self.hold {
            Hold::Pipe(mut hold) => {
                hold.settled = true;
                hold.pipe.dead_letter(hold.payload.len(), reason);
                Settled::Done
            }
            Hold::Broker(held) => held.dead_letter(&reason).await,
        }
    }
}
