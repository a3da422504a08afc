//! A message that the broker delivered, to be settled while the consumer that got it is there.
//!
//! It must not know what the messages say.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicNackOptions, BasicRejectOptions};
use lapin::types::AMQPValue;
use lapin::{Acker, BasicProperties};
use tokio::sync::mpsc;

use super::publisher::age;

/// How often it is looked whether a message went back while it is settled.
const LOOK: Duration = Duration::from_millis(50);

/// A message delivered by the broker, to be settled.
#[derive(Debug)]
pub struct Delivered {
    /// The message's bytes.
    pub payload: Bytes,
    /// Whether it was delivered before.
    pub redelivered: bool,
    properties: BasicProperties,
    acker: Acker,
    epoch: u64,
    /// That of the consumer that there is now.
    now: Arc<AtomicU64>,
    /// Messages of this epoch that are delivered and not settled.
    in_hand: Arc<AtomicUsize>,
    /// Takes messages that were dropped unsettled.
    returns: mpsc::UnboundedSender<Return>,
    settled: bool,
}

/// The consumer that messages are of, as they know it.
#[derive(Debug)]
pub(super) struct Consuming {
    pub(super) epoch: u64,
    /// The epoch that there is now.
    pub(super) now: Arc<AtomicU64>,
    /// Messages of this epoch that are delivered and not settled.
    pub(super) in_hand: Arc<AtomicUsize>,
    /// Takes messages that were dropped unsettled.
    pub(super) returns: mpsc::UnboundedSender<Return>,
}

/// A message that goes back to its queue.
#[derive(Debug)]
pub(super) struct Return {
    acker: Acker,
    /// The work on it failed here, rather than not having begun.
    failed: bool,
}

impl Return {
    /// `basic.reject` for what failed, `basic.nack` for what was not worked on: since 4.3 only the
    /// former raises the queue's count.
    pub(super) async fn send(&self) -> lapin::Result<bool> {
        match self.failed {
            true => {
                let options = BasicRejectOptions { requeue: true };
                self.acker.reject(options).await
            }
            false => {
                let options = BasicNackOptions {
                    multiple: false,
                    requeue: true,
                };
                self.acker.nack(options).await
            }
        }
    }
}

impl Delivered {
    /// A message that the consumer of an epoch got, counted as in its hand.
    pub(super) fn new(message: Delivery, consumer: &Consuming) -> Self {
        consumer.in_hand.fetch_add(1, Ordering::AcqRel);
        Self {
            payload: Bytes::from(message.data),
            redelivered: message.redelivered,
            properties: message.properties,
            acker: message.acker,
            epoch: consumer.epoch,
            now: Arc::clone(&consumer.now),
            in_hand: Arc::clone(&consumer.in_hand),
            returns: consumer.returns.clone(),
            settled: false,
        }
    }

    /// Whether the broker has taken the message back meanwhile, to hand it to somebody.
    pub fn is_stale(&self) -> bool {
        self.now.load(Ordering::Acquire) != self.epoch || !self.acker.usable()
    }

    /// How often the message came back before, as far as the queue counts it: every version counts
    /// a message that was rejected, or whose consumer's connection was lost. Before 4.3, RabbitMQ
    /// also counts one that was returned or whose time was over. Of a dead-lettered message, 4.3
    /// goes on counting where the queue that it comes from ended.
    pub fn delivery_count(&self) -> Option<u64> {
        let headers = self.properties.headers().as_ref()?;
        match headers.inner().get("x-delivery-count")? {
            AMQPValue::LongLongInt(count) => u64::try_from(*count).ok(),
            AMQPValue::LongInt(count) => u64::try_from(*count).ok(),
            AMQPValue::LongUInt(count) => Some((*count).into()),
            _ => None,
        }
    }

    /// How long ago it was sent, as far as clocks and senders can be trusted.
    pub fn age(&self) -> Option<Duration> {
        age(&self.properties)
    }

    /// A header's text, made valid UTF-8: whoever published it is not trusted.
    pub fn text_header(&self, name: &str) -> Option<String> {
        match self.properties.headers().as_ref()?.inner().get(name)? {
            AMQPValue::LongString(text) => Some(String::from_utf8_lossy(text.as_bytes()).into()),
            _ => None,
        }
    }

    /// Acknowledges; false when the message had gone back before, and will come again.
    pub async fn ack(&mut self) -> bool {
        if self.is_stale() {
            return false;
        }
        self.settled = true;
        let done = self.acker.ack(BasicAckOptions::default());
        self.unless_stale(done).await
    }

    /// Gives the message back as one that failed here; false when it had gone back before.
    pub async fn reject(&mut self) -> bool {
        if self.is_stale() {
            return false;
        }
        self.settled = true;
        let back = self.back(true);
        self.unless_stale(back.send()).await
    }

    /// The same without waiting.
    pub fn drop_failed(mut self) {
        if !self.settled && !self.is_stale() {
            self.settled = true;
            let _ = self.returns.send(self.back(true));
        }
    }

    fn back(&self, failed: bool) -> Return {
        Return {
            acker: self.acker.clone(),
            failed,
        }
    }

    /// Awaits a settlement, unless the broker takes the message back meanwhile.
    async fn unless_stale(&self, settling: impl Future<Output = lapin::Result<bool>>) -> bool {
        // (An acker that is settling is not usable any more: only the epoch tells.)
        let stale = async {
            while self.now.load(Ordering::Acquire) == self.epoch {
                tokio::time::sleep(LOOK).await;
            }
        };
        tokio::select! {
            biased;
            done = settling => matches!(done, Ok(true)),
            () = stale => false,
        }
    }
}

impl Drop for Delivered {
    fn drop(&mut self) {
        self.in_hand.fetch_sub(1, Ordering::AcqRel);
        if !self.settled && !self.is_stale() {
            // The consumer's task does it; if that has ended, its channel is closed, which gives
            // back everything.
            let _ = self.returns.send(self.back(false));
        }
    }
}
