//! Events of the broker's connections that a person should know: each is told once, not once per
//! attempt.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// A change of the broker's state that a person should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BrokerEvent {
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
    /// The broker is connected and not in alarm, but has not confirmed a message for long: the
    /// queue may have lost its leader.
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
    /// Nothing of a queue comes over this connection, although something should: another node is
    /// tried.
    Undelivered {
        /// The queue's name.
        queue: String,
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
    /// The broker ends the connection whenever a queue is subscribed to: the queue has no leader.
    /// It is tried more and more seldom, since that disturbs all other queues.
    Unserved {
        /// The queue's name.
        queue: String,
        /// What the broker says.
        reason: String,
    },
    /// Such a queue is subscribed to after all.
    Served {
        /// The queue's name.
        queue: String,
    },
    /// The broker took a subscription away; it is made again.
    Resubscribed {
        /// The queue's name.
        queue: String,
        /// What the broker says.
        reason: String,
    },
}

impl fmt::Display for BrokerEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BrokerEvent::Gone { broker, reason } => {
                write!(
                    f,
                    "the broker at {broker} is gone, waiting for it: {reason}"
                )
            }
            BrokerEvent::Back { broker } => write!(f, "the broker at {broker} is back"),
            BrokerEvent::Blocked { reason } => write!(
                f,
                "the broker is in alarm and takes no messages, waiting for it to end: {reason}"
            ),
            BrokerEvent::Unblocked => write!(f, "the broker's alarm is over"),
            BrokerEvent::Silent { queue } => write!(
                f,
                "the broker does not confirm messages to {queue}: the queue may have no leader; sending them over a new channel"
            ),
            BrokerEvent::Unready { queue, reason } => {
                write!(
                    f,
                    "the broker does not have {queue} ready, waiting for it: {reason}"
                )
            }
            BrokerEvent::Undelivered { queue } => write!(
                f,
                "nothing of {queue} comes from this node of the broker, whose replica may stand still; trying another"
            ),
            BrokerEvent::Refusing {
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
            BrokerEvent::Unserved { queue, reason } => write!(
                f,
                "the broker ends the connection whenever {queue} is subscribed to, whose leader may be gone; trying at times (a restart of the broker's node may mend it): {reason}"
            ),
            BrokerEvent::Served { queue } => write!(f, "{queue} is served again"),
            BrokerEvent::Resubscribed { queue, reason } => {
                write!(f, "subscribed to {queue} again: {reason}")
            }
        }
    }
}

/// A callback that hears of every [`BrokerEvent`]; it must not block.
pub type Listener = Arc<dyn Fn(&BrokerEvent) + Send + Sync>;
