//! Checkpoints of the log: which one is the newest that this process has seen, and when another is
//! due. It must not know what they hold.

use gristmill_rabbitmq::{AMQPValue, FieldTable};
use parking_lot::Mutex;

use super::assembly::Whole;
use super::event::Event;
use super::table::JobTable;
use gristmill_common::id::unique;

/// The header of every message of the log that says at which offset the newest checkpoint begins of
/// which its writer knew. A header, because the heads of entries are the same in all versions.
pub(super) const HEADER: &str = "gristmill-checkpoint";

/// Whoever starts and had to read so many messages behind a checkpoint writes one. RabbitMQ
/// delivers about 2,000 entries a second (each is a chunk of its own in the stream), so this is 0.2
/// s for whoever starts.
pub(super) const BEHIND: i64 = 400;
/// A checkpoint itself takes time to read, write and keep: so many bytes of it count as one message
/// more.
const BYTES_OF_MESSAGE: i64 = 8 << 10;

/// A checkpoint that was seen whole and could be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    /// The offset of its first part.
    pub(super) first: i64,
    /// The offset that the fold goes on at.
    pub(super) covers: i64,
    /// How many messages it took, and how many bytes.
    parts: u32,
    bytes: usize,
}

impl Seen {
    /// Of an entry that is a checkpoint which can be read, with its table.
    pub(super) fn of(whole: &Whole) -> Option<(Self, JobTable)> {
        let Event::Checkpoint(snapshot) = &whole.entry.event else {
            return None;
        };
        let covers = snapshot.covers();
        if !(0..=whole.first).contains(&covers) {
            return None;
        }
        let table = snapshot.table().ok()?;
        let seen = Self {
            first: whole.first,
            covers,
            parts: whole.parts,
            bytes: whole.bytes,
        };
        Some((seen, table))
    }

    /// How many messages there are behind it for whoever has read up to an offset, less what it
    /// takes itself.
    fn behind(&self, position: i64) -> i64 {
        let size = i64::try_from(self.bytes).unwrap_or(i64::MAX) / BYTES_OF_MESSAGE;
        position - self.covers - i64::from(self.parts) - size
    }
}

/// The newest checkpoint that a process knows: shared by a log's writer and its readers.
#[derive(Debug, Default)]
pub(super) struct Newest(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    seen: Option<Seen>,
    /// Where one was found that cannot be used, although it may be whole: entries behind it are
    /// forgotten.
    unusable: Option<i64>,
}

impl Newest {
    pub(super) fn get(&self) -> Option<Seen> {
        self.0.lock().seen
    }

    /// Whether one at this offset would be newer.
    pub(super) fn is_before(&self, first: i64) -> bool {
        self.get().is_none_or(|newest| newest.first < first)
    }

    /// A checkpoint was seen whole.
    pub(super) fn see(&self, seen: Seen) {
        let mut state = self.0.lock();
        // One that was begun early and written late holds less than others before it.
        let is_newer = (state.seen).is_none_or(|newest| newest.covers < seen.covers);
        if is_newer && state.unusable != Some(seen.first) {
            state.seen = Some(seen);
        }
    }

    /// What is at this offset cannot be used: nobody shall be led there by this process.
    pub(super) fn reject(&self, first: i64) {
        let mut state = self.0.lock();
        state.unusable = Some(first);
        state.seen = state.seen.filter(|newest| newest.first != first);
    }

    /// The log is another one.
    pub(super) fn forget(&self) {
        *self.0.lock() = State::default();
    }

    /// What every message of the log says.
    pub(super) fn headers(&self) -> FieldTable {
        let mut headers = FieldTable::default();
        if let Some(newest) = self.get() {
            headers.insert(HEADER.into(), AMQPValue::LongLongInt(newest.first));
        }
        headers
    }

    /// How many messages lie behind it for whoever has read those from `begin` to `position`.
    pub(super) fn behind(&self, begin: i64, position: i64) -> i64 {
        match self.get() {
            Some(newest) => newest.behind(position),
            None => position - begin,
        }
    }
}

/// How many messages somebody who follows the log lets come before it writes a checkpoint: fewer
/// than whoever starts, so that starts seldom have to, and not the same for all, so that one is
/// first and the others see its checkpoint.
pub(super) fn turn() -> i64 {
    BEHIND / 2 + (unique() % (BEHIND as u64 / 2)) as i64
}
