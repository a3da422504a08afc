//! Where a processor puts its results: ordered bytes, table rows or pairs, and what it set aside.

use std::borrow::Cow;

use gristmill_common::chunk::{Piece, Stretch, sample_of};
use gristmill_common::counters::Counters;
use gristmill_common::entries::{Entries, Entry};
use gristmill_common::record::content;
use gristmill_common::shards::TableBody;
use gristmill_common::spec::Shape;

use crate::engine::grouped::Grouped;
use crate::engine::processor::ProcessError;
use crate::engine::table::Table;

/// The longest table key, in bytes: a row travels in one message, and so does the quarantine entry
/// that takes its place.
const MAX_KEY: usize = 1 << 20;

/// The longest name of a document in a quarantine entry.
const MAX_NAME: usize = 64 << 10;

/// The most memory that is kept for the next outcome, in bytes.
const KEEP: usize = 4 << 20;

/// The results of one call of a processor.
#[derive(Debug)]
pub struct Output {
    /// Results of a kind whose shape is [`Shape::Ordered`], in input order.
    pub bytes: Vec<u8>,
    /// Results of a kind whose shape is [`Shape::Table`].
    pub table: Table,
    /// Results of a kind whose shape is [`Shape::Grouped`].
    pub grouped: Grouped,
    pub(crate) quarantined: Entries,
    /// What the user's programs counted.
    pub(crate) counters: Counters,
    /// Records of the batch's parts, as far as the processor said.
    pub(crate) counts: Vec<u64>,
    /// Empty bodies, whose memory the next outcome uses.
    pub(crate) bodies: Vec<TableBody>,
    shape: Filled,
}

/// Which of an output's places may be filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Filled {
    Bytes,
    Table,
    Grouped,
}

impl Output {
    /// An empty output for results of this shape.
    #[must_use]
    pub fn new(shape: &Shape) -> Self {
        let merges = match shape {
            Shape::Ordered | Shape::Grouped => Vec::new(),
            Shape::Table(table) => table.columns.iter().map(|(_, merge)| *merge).collect(),
        };
        Self {
            bytes: Vec::new(),
            table: Table::new(merges),
            grouped: Grouped::default(),
            quarantined: Entries::default(),
            counters: Counters::default(),
            counts: Vec::new(),
            bodies: Vec::new(),
            shape: match shape {
                Shape::Ordered => Filled::Bytes,
                Shape::Table(_) => Filled::Table,
                Shape::Grouped => Filled::Grouped,
            },
        }
    }

    /// Sets a record aside: `bytes` are the record's, at `offset` in the piece's document.
    pub fn quarantine(
        &mut self,
        piece: &Piece,
        offset: u64,
        reason: impl AsRef<str>,
        bytes: &[u8],
    ) {
        self.set_aside(piece, offset, reason.as_ref(), bytes, None, &[]);
    }

    /// As [`Output::quarantine`], for a stretch of records, or with what a program wrote to stderr.
    pub(crate) fn set_aside(
        &mut self,
        piece: &Piece,
        offset: u64,
        reason: &str,
        bytes: &[u8],
        stretch: Option<Stretch>,
        stderr: &[u8],
    ) {
        self.quarantined.push(Entry {
            source: piece.source,
            document: &piece.document[..piece.document.len().min(MAX_NAME)],
            offset,
            reason,
            sample: sample_of(content(bytes)),
            stretch,
            stderr,
        });
    }

    /// Says how many records the next part of the batch held, the quarantined ones included.
    ///
    /// For a processor that meets every record anyway: a call for each part, in order, spares the
    /// driver a pass over the bytes. It is the mapper's side of the account (invariant I7), so it
    /// must be counted, never taken from what the producer said.
    pub fn counted(&mut self, records: u64) {
        self.counts.push(records);
    }

    /// What was set aside so far.
    #[must_use]
    pub fn quarantined(&self) -> &Entries {
        &self.quarantined
    }

    /// Which of the places results are in.
    pub(crate) fn filled(&self) -> Filled {
        self.shape
    }

    /// Keeps empty bodies for the next outcome, unless they are large.
    pub(crate) fn keep(&mut self, bodies: Vec<TableBody>) {
        if bodies.iter().map(TableBody::capacity).sum::<usize>() <= KEEP {
            self.bodies = bodies;
        }
    }

    /// About how much memory the results take, in bytes.
    pub(crate) fn size(&self) -> usize {
        self.bytes.len() + self.table.size() + self.grouped.size()
    }

    /// Takes everything out again.
    pub(crate) fn clear(&mut self) {
        self.clear_results();
        self.quarantined.clear();
        self.counts.clear();
    }

    /// Takes the results out again, and keeps what was set aside.
    pub(crate) fn clear_results(&mut self) {
        self.bytes.clear();
        self.table.clear();
        self.grouped.clear();
        self.counters.clear();
    }

    /// Adds what another output of the same shape holds.
    pub(crate) fn append(&mut self, other: &Output) {
        self.bytes.extend_from_slice(&other.bytes);
        self.table.append(&other.table);
        self.grouped.append(&other.grouped);
        self.counters.append(&other.counters);
        self.quarantined.append(&other.quarantined);
    }

    /// Whether the results can travel as the shape says.
    pub(crate) fn check(&self) -> Result<(), ProcessError> {
        let misplaced = [
            (Filled::Bytes, self.bytes.is_empty()),
            (Filled::Table, self.table.is_empty()),
            (Filled::Grouped, self.grouped.is_empty()),
        ];
        if (misplaced.iter()).any(|(place, is_empty)| *place != self.shape && !is_empty) {
            return Err(ProcessError(Cow::Borrowed(
                "the processor's results are not of its kind's shape",
            )));
        }
        let longest = self.table.longest_key();
        if longest > MAX_KEY {
            return Err(ProcessError(Cow::Owned(format!(
                "a key of {longest} bytes, more than {MAX_KEY}"
            ))));
        }
        Ok(())
    }
}
