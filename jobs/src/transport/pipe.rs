//! One queue in memory, bounded in bytes: ready messages and those handed over but not settled.

use std::collections::VecDeque;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::Notify;

/// A bounded queue in memory.
#[derive(Debug)]
pub(super) struct Pipe {
    state: Mutex<State>,
    capacity: usize,
    /// Rung when there may be room.
    room: Notify,
    /// Rung when there may be a message, or no more ever.
    news: Notify,
}

#[derive(Debug, Default)]
struct State {
    ready: VecDeque<(Bytes, bool)>,
    /// Bytes of all messages that are ready or in hand.
    held: usize,
    /// Messages handed over and not settled.
    in_hand: usize,
    finished: bool,
    stopped: bool,
    dead_letters: Vec<String>,
}

/// What a consumer finds.
pub(super) enum Found {
    /// A message, and whether it was handed over before.
    Message(Bytes, bool),
    /// Nothing more will come.
    End,
}

impl Pipe {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            state: Mutex::default(),
            capacity,
            room: Notify::new(),
            news: Notify::new(),
        }
    }

    /// Takes a message at `place(ready messages)` once there is room. A message larger than the
    /// whole bound goes in alone. False when the pipe was stopped.
    pub(super) async fn push(&self, message: &Bytes, place: impl Fn(usize) -> usize) -> bool {
        loop {
            let room = self.room.notified();
            tokio::pin!(room);
            room.as_mut().enable();
            {
                let mut state = self.state.lock();
                if state.stopped {
                    return false;
                }
                if state.held == 0 || state.held + message.len() <= self.capacity {
                    state.held += message.len();
                    let at = place(state.ready.len()).min(state.ready.len());
                    state.ready.insert(at, (message.clone(), false));
                    drop(state);
                    self.news.notify_one();
                    return true;
                }
            }
            room.await;
        }
    }

    /// Waits for a message.
    pub(super) async fn pop(&self) -> Found {
        loop {
            let news = self.news.notified();
            tokio::pin!(news);
            news.as_mut().enable();
            {
                let mut state = self.state.lock();
                if state.stopped {
                    return Found::End;
                }
                if let Some((message, redelivered)) = state.ready.pop_front() {
                    state.in_hand += 1;
                    let more = !state.ready.is_empty();
                    drop(state);
                    if more {
                        // Another waiter's wake-up may have been spent on this one.
                        self.news.notify_one();
                    }
                    return Found::Message(message, redelivered);
                }
                if state.finished && state.in_hand == 0 {
                    drop(state);
                    self.news.notify_waiters();
                    return Found::End;
                }
            }
            news.await;
        }
    }

    /// A message in hand is done with.
    pub(super) fn forget(&self, len: usize) {
        let mut state = self.state.lock();
        state.held -= len;
        state.in_hand -= 1;
        let drained = state.finished && state.in_hand == 0 && state.ready.is_empty();
        drop(state);
        self.room.notify_waiters();
        if drained {
            self.news.notify_waiters();
        }
    }

    /// A message in hand comes back to be handed over again.
    pub(super) fn give_back(&self, message: Bytes) {
        let mut state = self.state.lock();
        state.in_hand -= 1;
        state.ready.push_back((message, true));
        drop(state);
        self.news.notify_one();
    }

    /// A message in hand is set aside for good.
    pub(super) fn dead_letter(&self, len: usize, reason: String) {
        self.state.lock().dead_letters.push(reason);
        self.forget(len);
    }

    /// Puts in a message regardless of room: a duplicate that the network made.
    pub(super) fn force(&self, message: Bytes, place: impl Fn(usize) -> usize) {
        let mut state = self.state.lock();
        state.held += message.len();
        let at = place(state.ready.len()).min(state.ready.len());
        state.ready.insert(at, (message, true));
        drop(state);
        self.news.notify_one();
    }

    pub(super) fn finish(&self) {
        self.state.lock().finished = true;
        self.news.notify_waiters();
    }

    pub(super) fn stop(&self) {
        self.state.lock().stopped = true;
        self.news.notify_waiters();
        self.room.notify_waiters();
    }

    pub(super) fn dead_letter_reasons(&self) -> Vec<String> {
        self.state.lock().dead_letters.clone()
    }
}
