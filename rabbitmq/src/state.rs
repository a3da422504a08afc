//! The state of the broker's connections, as this process sees it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use parking_lot::Mutex;

use super::event::{BrokerEvent, Listener};
use super::unserved::Unserved;

/// The state of all connections, so that each change is said once.
pub(super) struct ConnectionState {
    listener: Listener,
    broker: String,
    state: Mutex<Health>,
    gone: Mutex<Option<Gone>>,
    counts: Counts,
    unserved: Unserved,
}

/// Since when a connection is down, and why.
#[derive(Clone, Debug)]
pub(super) struct Gone {
    pub(super) since: Instant,
    pub(super) reason: String,
}

/// What happened to messages that were published, since the start.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// Messages that a queue refused (`basic.nack`); each is sent again.
    pub(super) refused: AtomicU64,
    /// Channels that were opened anew because a queue refused everything on the one before, or
    /// nothing was answered on it.
    pub(super) renewed: AtomicU64,
}

impl Counts {
    pub(super) fn add_to(count: &AtomicU64, more: u64) {
        count.fetch_add(more, Ordering::Relaxed);
    }
}

/// How the broker is doing, as this process sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// How many of the connections are down.
    pub down: u8,
    /// Why the broker takes no messages, while it is in alarm.
    pub blocked: Option<String>,
}

impl ConnectionState {
    pub(super) fn new(listener: Listener, broker: String) -> Self {
        Self {
            listener,
            broker,
            state: Mutex::default(),
            gone: Mutex::default(),
            counts: Counts::default(),
            unserved: Unserved::default(),
        }
    }

    /// Queues that the broker does not serve.
    pub(super) fn unserved(&self) -> &Unserved {
        &self.unserved
    }

    pub(super) fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Since when a connection is down without a pause, if one is.
    pub(super) fn gone(&self) -> Option<Gone> {
        let gone = self.gone.lock();
        gone.clone()
    }

    fn set_gone(&self, gone: Option<Gone>) {
        *self.gone.lock() = gone;
    }

    pub(super) fn health(&self) -> Health {
        self.state.lock().clone()
    }

    pub(super) fn down(&self, reason: String) {
        let mut state = self.state.lock();
        state.down += 1;
        let first = state.down == 1;
        drop(state);
        if first {
            self.set_gone(Some(Gone {
                since: Instant::now(),
                reason: reason.clone(),
            }));
            let broker = self.broker.clone();
            self.say(&BrokerEvent::Gone { broker, reason });
        }
    }

    pub(super) fn up(&self) {
        let mut state = self.state.lock();
        state.down = state.down.saturating_sub(1);
        let last = state.down == 0;
        drop(state);
        if last {
            self.set_gone(None);
            let broker = self.broker.clone();
            self.say(&BrokerEvent::Back { broker });
        }
    }

    pub(super) fn blocked(&self, reason: Option<String>) {
        let mut state = self.state.lock();
        let changed = state.blocked.is_some() != reason.is_some();
        state.blocked.clone_from(&reason);
        drop(state);
        if changed {
            self.say(&match reason {
                Some(reason) => BrokerEvent::Blocked { reason },
                None => BrokerEvent::Unblocked,
            });
        }
    }

    pub(super) fn say(&self, event: &BrokerEvent) {
        (self.listener)(event);
    }
}
