//! Consuming one queue, again and again: lost connections, channels that the broker closed and
//! consumers that it cancelled are made anew; a queue that is gone ends it.
//!
//! It must not know what the messages say.

use std::sync::Arc;

use tokio::sync::watch;

use super::connection::ManagedConnection;
use super::consumer::{Consumers, End, Mode, Shared, Worker};
use super::delivered::Delivered;
use super::lull::Lull;
use super::state::ConnectionState;

/// One queue's messages. Dropped, the channel is closed and unsettled messages go back.
#[derive(Debug)]
pub struct Subscription {
    shared: Arc<Shared>,
    mode: watch::Sender<Mode>,
    renewals: watch::Sender<()>,
    end: watch::Receiver<Option<End>>,
}

impl Subscription {
    pub(super) fn start(
        connection: ManagedConnection,
        state: Arc<ConnectionState>,
        queue: String,
        prefetch: u16,
    ) -> Self {
        let prefetch = prefetch.max(1);
        let shared = Arc::<Shared>::default();
        let (mode, modes) = watch::channel(Mode::Go);
        let (renewals, renewal) = watch::channel(());
        let (say_end, end) = watch::channel(None);
        let consumer = Worker {
            connection,
            state,
            queue,
            prefetch,
            modes,
            renewal,
            lull: Lull::default(),
            shared: Arc::clone(&shared),
        };
        tokio::spawn(async move {
            let end = consumer.run().await;
            say_end.send_replace(Some(end));
        });
        Self {
            shared,
            mode,
            renewals,
            end,
        }
    }

    /// The next message, or why there will be none.
    pub async fn next(&self) -> Result<Delivered, End> {
        let mut end = self.end.clone();
        loop {
            let news = self.shared.news.notified();
            tokio::pin!(news);
            news.as_mut().enable();
            let (found, more) = {
                let mut buffer = self.shared.buffer.lock();
                let found = buffer.pop_front();
                (found, !buffer.is_empty())
            };
            if let Some(message) = found {
                if more {
                    // Another waiter's wake-up may have been spent on this one.
                    self.shared.news.notify_one();
                }
                // After a lost connection the library still hands over what it had buffered.
                if message.is_stale() {
                    continue;
                }
                return Ok(message);
            }
            tokio::select! {
                () = news => {}
                ended = end.wait_for(Option::is_some) => {
                    let end = ended.ok().and_then(|end| end.clone());
                    return Err(end.unwrap_or(End::Closed));
                }
            }
        }
    }

    /// From now on what the queue holds is to come here: where nothing does and nothing is in hand,
    /// it is subscribed to over another node. Not for whoever stands by behind another consumer.
    ///
    /// One of several consumers subscribes anew now and then although the queue looks empty. What a
    /// leader handed over while its cluster broke in two is lost, and counts as in hand until the
    /// channel ends.
    pub fn expect(&self, consumers: Consumers) {
        let _ = self.shared.consumers.set(consumers);
    }

    /// Subscribes anew, over another node if there is one: what the broker counts as handed over
    /// and never delivered goes back.
    pub fn renew(&self) {
        self.renewals.send_replace(());
    }

    /// Ends the subscription once the queue is empty and nothing of it is in hand here.
    pub fn finish(&self) {
        self.mode.send_if_modified(|mode| raise(mode, Mode::Finish));
    }

    /// Takes no further message from the broker; those that were prefetched are still
    /// delivered.
    pub fn leave(&self) {
        self.mode.send_if_modified(|mode| raise(mode, Mode::Leave));
    }
}

fn raise(mode: &mut Mode, to: Mode) -> bool {
    let higher = to > *mode;
    if higher {
        *mode = to;
    }
    higher
}
