//! The seam between the roles: queues of encoded messages, with few verbs.
//!
//! A closed enum: in one process the queues are in memory ([`Embedded`]), on many machines they are
//! on a broker ([`Amqp`]), and tests wrap those in memory to misbehave ([`Faulty`]). It must not
//! know what the messages say.

mod amqp;
mod delivery;
mod embedded;
mod faulty;
mod pipe;

use bytes::Bytes;

use crate::queue::Queue;

pub use amqp::{Amqp, Prefetch, REASON_HEADER};
pub use delivery::{Delivery, Settled};
pub use embedded::{Capacity, Embedded};
pub use faulty::Faulty;

/// The queues of one job. Clones share them.
#[derive(Clone, Debug)]
pub enum Transport {
    /// In this process's memory, bounded in bytes.
    Embedded(Embedded),
    /// On a RabbitMQ broker.
    Amqp(Amqp),
    /// In memory, with seeded duplicates, reorderings and redeliveries.
    Faulty(Faulty),
}

/// Why a message was not taken.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PublishError {
    /// The job was stopped: nothing is taken any more.
    #[error("the job was stopped")]
    Stopped,
    /// There is no such queue.
    #[error("no such queue: {0:?}")]
    NoQueue(Queue),
    /// The broker does not allow it.
    #[error("the broker refuses: {0}")]
    Refused(String),
}

impl Transport {
    /// Publishes a message; resolves when the queue has taken responsibility for it, which may wait
    /// for room (the back-pressure).
    ///
    /// # Errors
    /// When the job was stopped or the queue does not exist; the message was not taken then.
    pub async fn publish(&self, to: Queue, message: Bytes) -> Result<(), PublishError> {
        match self {
            Transport::Embedded(queues) => queues.publish(to, message).await,
            Transport::Amqp(queues) => queues.publish(to, message).await,
            Transport::Faulty(queues) => queues.publish(to, message).await,
        }
    }

    /// The next message of a queue. `None` when the queue is finished and every message of it
    /// settled, or when the job was stopped. Any number of callers may wait on one queue; each
    /// message goes to one of them.
    ///
    /// # Errors
    /// When the queue does not exist.
    pub async fn next(&self, from: Queue) -> Result<Option<Delivery>, PublishError> {
        match self {
            Transport::Embedded(queues) => queues.next(from).await,
            Transport::Amqp(queues) => queues.next(from).await,
            Transport::Faulty(queues) => queues.next(from).await,
        }
    }

    /// Says that nothing more will be published to a queue, so that its consumers can end. Over a
    /// broker it speaks for this process only: consumers here end when the queue is empty.
    pub fn finish(&self, queue: Queue) {
        match self {
            Transport::Embedded(queues) => queues.finish(queue),
            Transport::Amqp(queues) => queues.finish(queue),
            Transport::Faulty(queues) => queues.inner().finish(queue),
        }
    }

    /// Takes no further message of a queue: what was already handed to this process still comes out
    /// of [`Transport::next`], then `None`. Nothing is given back, which a broker would count
    /// against the messages. Queues in memory are never left half-way: nothing happens.
    pub fn leave(&self, queue: Queue) {
        if let Transport::Amqp(queues) = self {
            queues.leave(queue);
        }
    }

    /// Of a partition's results: from now on what the queue holds is to come here. Where a node of
    /// a broker holds some and delivers none, another node is tried.
    pub fn expect(&self, queue: Queue) {
        if let Transport::Amqp(queues) = self {
            queues.expect(queue);
        }
    }

    /// Subscribes to a queue of a broker anew, over another node if there is one: what it counts as
    /// handed over and never delivered goes back.
    pub fn renew(&self, queue: Queue) {
        if let Transport::Amqp(queues) = self {
            queues.renew(queue);
        }
    }

    /// How many messages of a broker's queue nobody has taken yet; `None` where that is not known.
    pub async fn waiting(&self, queue: Queue) -> Option<u32> {
        match self {
            Transport::Amqp(queues) => queues.waiting(queue).await,
            Transport::Embedded(_) | Transport::Faulty(_) => None,
        }
    }

    /// Stops everything: waiting publishers get [`PublishError::Stopped`], consumers `None`.
    pub fn stop(&self) {
        match self {
            Transport::Embedded(queues) => queues.stop(),
            Transport::Amqp(queues) => queues.stop(),
            Transport::Faulty(queues) => queues.inner().stop(),
        }
    }

    /// The reasons of the messages that were dead-lettered so far (by this process).
    #[must_use]
    pub fn dead_letter_reasons(&self) -> Vec<String> {
        match self {
            Transport::Embedded(queues) => queues.dead_letter_reasons(),
            Transport::Amqp(queues) => queues.dead_letter_reasons(),
            Transport::Faulty(queues) => queues.inner().dead_letter_reasons(),
        }
    }
}

#[cfg(test)]
mod conformance;
#[cfg(test)]
mod tests;
