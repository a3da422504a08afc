//! A job's queues on a RabbitMQ broker.
//!
//! Publishing resolves when the broker has confirmed; a full queue is the back-pressure; whatever
//! is lost on the way is sent or delivered over again. It must not know what the messages say.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::watch;

use super::{Delivery, PublishError, Settled};
use crate::declare::queue_depth;
use crate::queue::Queue;
use crate::queue::queue_name;
use gristmill_common::job::JobRun;
use gristmill_common::prefix::prefix;
use gristmill_rabbitmq::{
    Broker, Consumers, Delivered, End, FieldTable, PublishFault, Publisher, Subscription, header,
};

/// The header of a dead letter that holds the reason.
pub const REASON_HEADER: &str = "gristmill-reason";
/// The longest reason kept, in bytes; headers count against a frame.
const MAX_REASON: usize = 1024;
/// How many reasons one process remembers for its own report.
const MAX_REMEMBERED: usize = 1000;

/// How many unsettled messages the broker hands to this process, per queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefetch {
    /// Chunks: the number of threads, and one or two.
    pub chunks: u16,
    /// Results of one partition.
    pub results: u16,
}

impl Default for Prefetch {
    fn default() -> Self {
        Self {
            chunks: 4,
            results: 16,
        }
    }
}

/// The queues of one job on a broker. Clones share them.
#[derive(Clone)]
pub struct Amqp {
    inner: Arc<Inner>,
}

struct Inner {
    broker: Broker,
    job: JobRun,
    prefetch: Prefetch,
    publisher: Publisher,
    subscriptions: Mutex<HashMap<Queue, Arc<Subscription>>>,
    stopped: watch::Sender<bool>,
    dead_letters: Mutex<Vec<String>>,
}

impl Amqp {
    /// The queues of a run that exists; nothing is declared.
    #[must_use]
    pub fn new(broker: &Broker, job: JobRun, prefetch: Prefetch) -> Self {
        Self {
            inner: Arc::new(Inner {
                publisher: broker.publisher(),
                broker: broker.clone(),
                job,
                prefetch,
                subscriptions: Mutex::default(),
                stopped: watch::Sender::new(false),
                dead_letters: Mutex::default(),
            }),
        }
    }

    /// The run of the job.
    #[must_use]
    pub fn job(&self) -> &JobRun {
        &self.inner.job
    }

    pub(super) async fn publish(&self, to: Queue, message: Bytes) -> Result<(), PublishError> {
        self.inner.publish(to, message, FieldTable::default()).await
    }

    pub(super) async fn next(&self, from: Queue) -> Result<Option<Delivery>, PublishError> {
        if *self.inner.stopped.borrow() {
            return Ok(None);
        }
        if from == Queue::Files {
            let reason = "nothing is taken from a stream, it is read";
            return Err(PublishError::Refused(reason.into()));
        }
        let subscription = self.inner.subscription(from);
        tokio::select! {
            biased;
            () = self.inner.until_stopped() => Ok(None),
            next = subscription.next() => match next {
                Ok(delivered) => Ok(Some(Delivery::of_broker(Held {
                    delivered,
                    job: Arc::clone(&self.inner),
                }))),
                Err(End::Finished | End::Closed) => Ok(None),
                Err(End::Gone) => Err(PublishError::NoQueue(from)),
                Err(End::Refused(reason)) => Err(PublishError::Refused(reason)),
            },
        }
    }

    pub(super) async fn waiting(&self, queue: Queue) -> Option<u32> {
        let asked = queue_depth(&self.inner.broker, &self.inner.job, queue).await;
        asked.ok().flatten()
    }

    pub(super) fn finish(&self, queue: Queue) {
        if let Some(subscription) = self.inner.subscribed(queue) {
            subscription.finish();
        }
    }

    pub(super) fn leave(&self, queue: Queue) {
        if let Some(subscription) = self.inner.subscribed(queue) {
            subscription.leave();
        }
    }

    pub(super) fn expect(&self, queue: Queue) {
        let consumers = Consumers::SingleActive;
        self.inner.subscription(queue).expect(consumers);
    }

    pub(super) fn renew(&self, queue: Queue) {
        if let Some(subscription) = self.inner.subscribed(queue) {
            subscription.renew();
        }
    }

    pub(super) fn stop(&self) {
        self.inner.stopped.send_replace(true);
    }

    pub(super) fn dead_letter_reasons(&self) -> Vec<String> {
        self.inner.dead_letters.lock().clone()
    }
}

impl Inner {
    async fn publish(
        &self,
        to: Queue,
        message: Bytes,
        headers: FieldTable,
    ) -> Result<(), PublishError> {
        let queue = queue_name(&self.job, to);
        tokio::select! {
            biased;
            () = self.until_stopped() => Err(PublishError::Stopped),
            done = self.publisher.publish(&queue, message, headers) => done.map_err(|fault| match fault {
                PublishFault::NoQueue => PublishError::NoQueue(to),
                PublishFault::Refused(reason) => PublishError::Refused(reason),
                PublishFault::Closed => PublishError::Stopped,
            }),
        }
    }

    fn remember(&self, reason: &str) {
        let mut reasons = self.dead_letters.lock();
        if reasons.len() < MAX_REMEMBERED {
            reasons.push(reason.to_owned());
        }
    }

    async fn until_stopped(&self) {
        // The sender lives as long as `self`, so waiting cannot fail.
        let _ = self.stopped.subscribe().wait_for(|stopped| *stopped).await;
    }

    /// The subscription to a queue, made at the first call.
    fn subscription(&self, queue: Queue) -> Arc<Subscription> {
        let mut subscriptions = self.subscriptions.lock();
        Arc::clone(subscriptions.entry(queue).or_insert_with(|| {
            let prefetch = match queue {
                Queue::Chunks => self.prefetch.chunks,
                Queue::Results(_) => self.prefetch.results,
                // One poison chunk must not count against its neighbours.
                Queue::Suspect => 1,
                Queue::Dead | Queue::Files => 1,
            };
            let name = queue_name(&self.job, queue);
            let subscription = self.broker.subscribe(name, prefetch);
            // Of a partition's consumers only one is active.
            if !matches!(queue, Queue::Results(_)) {
                subscription.expect(Consumers::Competing);
            }
            Arc::new(subscription)
        }))
    }

    fn subscribed(&self, queue: Queue) -> Option<Arc<Subscription>> {
        self.subscriptions.lock().get(&queue).cloned()
    }
}

/// A message of a broker in hand.
#[derive(Debug)]
pub(super) struct Held {
    delivered: Delivered,
    /// Keeps the subscription, and with it the channel, until the message is settled.
    job: Arc<Inner>,
}

impl Held {
    pub(super) fn payload(&self) -> &Bytes {
        &self.delivered.payload
    }

    pub(super) fn redelivered(&self) -> bool {
        self.delivered.redelivered
    }

    pub(super) fn delivery_count(&self) -> Option<u64> {
        self.delivered.delivery_count()
    }

    pub(super) fn age(&self) -> Option<Duration> {
        self.delivered.age()
    }

    pub(super) fn reason(&self) -> Option<String> {
        self.delivered.text_header(REASON_HEADER)
    }

    pub(super) fn is_stale(&self) -> bool {
        self.delivered.is_stale()
    }

    pub(super) async fn ack(mut self) -> Settled {
        Settled::from(self.delivered.ack().await)
    }

    pub(super) async fn retry(mut self) -> Settled {
        Settled::from(self.delivered.reject().await)
    }

    pub(super) fn drop_failed(self) {
        self.delivered.drop_failed();
    }

    /// Publishes the message to the dead letters and then acknowledges it; when that fails, it goes
    /// back to its queue.
    pub(super) async fn dead_letter(mut self, reason: &str) -> Settled {
        let reason = prefix(reason, MAX_REASON);
        let headers = header(REASON_HEADER, reason);
        let message = self.delivered.payload.clone();
        // A dead letter too: it goes behind the others, and whoever looks at them once sees each.
        let published = self.job.publish(Queue::Dead, message, headers).await;
        if published.is_err() {
            self.delivered.reject().await;
            return Settled::Lost;
        }
        self.job.remember(reason);
        Settled::from(self.delivered.ack().await)
    }
}

impl fmt::Debug for Amqp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Amqp")
            .field("job", &self.job)
            .field("prefetch", &self.prefetch)
            .finish_non_exhaustive()
    }
}
