//! What a broker's connections have to say to people: once, not once per attempt.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Something that people should know about the broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The broker cannot be reached; it is tried again until it can.
    Gone {
        /// Its URL, without the password.
        broker: String,
        /// What happened.
        reason: String,
    },
    /// The broker is back.
    Back {
        /// Its URL, without the password.
        broker: String,
    },
    /// The broker is in alarm (memory or disk) and takes no messages until it ends.
    Blocked {
        /// What the broker says.
        reason: String,
    },
    /// The alarm is over.
    Unblocked,
    /// The broker is connected and not in alarm, but has not confirmed a message for long: the queue
    /// may have lost its leader.
    Silent {
        /// The queue's name.
        queue: String,
    },
    /// The broker is connected but cannot serve a queue: it is starting, or the queue's leader is
    /// gone.
    Unready {
        /// The queue's name.
        queue: String,
        /// What the broker says.
        reason: String,
    },
    /// A queue has taken none of many messages for long, although the broker is well.
    Refusing {
        /// The queue's name.
        queue: String,
        /// How long.
        waited: Duration,
        /// How many messages it holds, where the broker says so.
        messages: Option<u32>,
    },
    /// The broker took a subscription away; it is made again.
    Resubscribed {
        /// The queue's name.
        queue: String,
        /// What the broker says.
        reason: String,
    },
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Notice::Gone { broker, reason } => {
                write!(
                    f,
                    "the broker at {broker} is gone, waiting for it: {reason}"
                )
            }
            Notice::Back { broker } => write!(f, "the broker at {broker} is back"),
            Notice::Blocked { reason } => write!(
                f,
                "the broker is in alarm and takes no messages, waiting for it to end: {reason}"
            ),
            Notice::Unblocked => write!(f, "the broker's alarm is over"),
            Notice::Silent { queue } => write!(
                f,
                "the broker does not confirm messages to {queue}: the queue may have no leader"
            ),
            Notice::Unready { queue, reason } => {
                write!(
                    f,
                    "the broker does not have {queue} ready, waiting for it: {reason}"
                )
            }
            Notice::Refusing {
                queue,
                waited,
                messages,
            } => {
                let seconds = waited.as_secs();
                write!(f, "{queue} has taken no message for {seconds} s ")?;
                match messages {
                    Some(0) => f.write_str("and is empty: its leader may be gone")?,
                    Some(1) => f.write_str("and holds 1: it may be full")?,
                    Some(count) => write!(f, "and holds {count}: it may be full")?,
                    None => f.write_str("and the broker does not say how many it holds")?,
                }
                f.write_str("; trying on, on a new channel every few seconds")
            }
            Notice::Resubscribed { queue, reason } => {
                write!(f, "subscribed to {queue} again: {reason}")
            }
        }
    }
}

/// Who is told.
pub type Listener = Arc<dyn Fn(&Notice) + Send + Sync>;

/// The state of all connections, so that each change is said once.
pub(super) struct Board {
    listener: Listener,
    broker: String,
    state: Mutex<Health>,
    gone: Mutex<Option<Gone>>,
    counts: Counts,
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
    /// Channels that were opened anew because a queue refused everything on the one before.
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

impl Board {
    pub(super) fn new(listener: Listener, broker: String) -> Self {
        Self {
            listener,
            broker,
            state: Mutex::default(),
            gone: Mutex::default(),
            counts: Counts::default(),
        }
    }

    pub(super) fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Since when a connection is down without a pause, if one is.
    pub(super) fn gone(&self) -> Option<Gone> {
        let gone = self.gone.lock().unwrap_or_else(PoisonError::into_inner);
        gone.clone()
    }

    fn set_gone(&self, gone: Option<Gone>) {
        *self.gone.lock().unwrap_or_else(PoisonError::into_inner) = gone;
    }

    pub(super) fn health(&self) -> Health {
        self.lock().clone()
    }

    pub(super) fn down(&self, reason: String) {
        let mut state = self.lock();
        state.down += 1;
        let first = state.down == 1;
        drop(state);
        if first {
            self.set_gone(Some(Gone {
                since: Instant::now(),
                reason: reason.clone(),
            }));
            let broker = self.broker.clone();
            self.say(&Notice::Gone { broker, reason });
        }
    }

    pub(super) fn up(&self) {
        let mut state = self.lock();
        state.down = state.down.saturating_sub(1);
        let last = state.down == 0;
        drop(state);
        if last {
            self.set_gone(None);
            let broker = self.broker.clone();
            self.say(&Notice::Back { broker });
        }
    }

    pub(super) fn blocked(&self, reason: Option<String>) {
        let mut state = self.lock();
        let changed = state.blocked.is_some() != reason.is_some();
        state.blocked.clone_from(&reason);
        drop(state);
        if changed {
            self.say(&match reason {
                Some(reason) => Notice::Blocked { reason },
                None => Notice::Unblocked,
            });
        }
    }

    pub(super) fn say(&self, notice: &Notice) {
        (self.listener)(notice);
    }

    fn lock(&self) -> MutexGuard<'_, Health> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
