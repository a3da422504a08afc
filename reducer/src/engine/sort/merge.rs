//! The k-way merge of sorted runs, in passes of at most 128.

use std::cmp::Ordering;

use gristmill_common::table::{Merge, push_uvarint, take_uvarint};

use super::run::{Run, RunReader, Spill, buffer_within};
use super::shared::SharedRun;
use super::sorter::SorterRun;
use super::stream::StreamReader;
use crate::engine::error::FileError;

/// The most runs that are merged at once.
const MAX_FAN_IN: usize = 128;

/// What becomes of entries with equal keys.
#[derive(Clone, Debug)]
pub(crate) enum Combine {
    /// All are kept, in the order of their payloads.
    Keep,
    /// Payloads are columns (uvarints) that merge; empty payloads stay empty.
    Columns(Vec<Merge>),
}

/// Entries of many runs in order.
#[derive(Debug)]
pub(crate) struct Merger {
    cursors: Vec<Cursor>,
    /// A binary heap of cursor numbers, the smallest head first.
    heap: Vec<usize>,
    combine: Combine,
}

/// A sorted run in memory.
#[derive(Debug)]
pub(crate) enum MemoryRun {
    /// Of a [`Sorter`](super::Sorter).
    Own(SorterRun),
    /// Of a [`SharedSorter`](super::SharedSorter).
    Shared(SharedRun),
}

/// A run that is being read.
#[derive(Debug)]
enum Cursor {
    File(RunReader),
    Memory(MemoryRun),
    Stream(StreamReader),
}

impl Cursor {
    fn head(&self) -> Option<(&[u8], &[u8])> {
        match self {
            Cursor::File(reader) => reader.head(),
            Cursor::Memory(MemoryRun::Own(run)) => run.head(),
            Cursor::Memory(MemoryRun::Shared(run)) => run.head(),
            Cursor::Stream(stream) => stream.head(),
        }
    }

    fn advance(&mut self) -> Result<(), FileError> {
        match self {
            Cursor::File(reader) => reader.advance(),
            Cursor::Memory(run) => {
                match run {
                    MemoryRun::Own(run) => run.advance(),
                    MemoryRun::Shared(run) => run.advance(),
                }
                Ok(())
            }
            Cursor::Stream(stream) => stream.advance(),
        }
    }
}

impl Merger {
    /// Merges the runs of spills and of memory, in as many passes as `budget` bytes of read buffers
    /// need. `spilled` grows by what further passes write.
    pub(crate) fn new(
        spills: Vec<Spill>,
        memory: Vec<MemoryRun>,
        combine: Combine,
        budget: usize,
        spilled: &mut u64,
    ) -> Result<Self, FileError> {
        let mut runs: Vec<Run> = spills.into_iter().flat_map(Spill::into_runs).collect();
        while runs.len() > fan_in(&runs, budget) {
            let width = fan_in(&runs, budget);
            let mut pass = runs[0].sibling();
            let mut rest = runs.into_iter().peekable();
            while rest.peek().is_some() {
                let group: Vec<Run> = rest.by_ref().take(width).collect();
                let mut merger = Self::over(group, vec![], combine.clone(), budget)?;
                let mut writer = pass.begin(buffer_within(budget / width))?;
                let (mut key, mut payload) = (Vec::new(), Vec::new());
                while merger.next(&mut key, &mut payload)? {
                    writer.push(&key, &payload)?;
                }
                writer.end()?;
            }
            *spilled += pass.len();
            runs = pass.into_runs();
        }
        Self::over(runs, memory, combine, budget)
    }

    fn over(
        runs: Vec<Run>,
        memory: Vec<MemoryRun>,
        combine: Combine,
        budget: usize,
    ) -> Result<Self, FileError> {
        let buffer = buffer_within(budget / runs.len().max(1));
        let mut cursors = memory.into_iter().map(Cursor::Memory).collect::<Vec<_>>();
        for run in runs {
            cursors.push(Cursor::File(RunReader::open(run, buffer)?));
        }
        Ok(Self::of_cursors(cursors, combine))
    }

    /// Merges what other threads sort; waits for the first entry of each.
    pub(crate) fn of_streams(streams: Vec<StreamReader>) -> Result<Self, FileError> {
        let mut cursors: Vec<_> = streams.into_iter().map(Cursor::Stream).collect();
        for cursor in &mut cursors {
            cursor.advance()?;
        }
        Ok(Self::of_cursors(cursors, Combine::Keep))
    }

    fn of_cursors(cursors: Vec<Cursor>, combine: Combine) -> Self {
        let heap = (0..cursors.len())
            .filter(|&at| cursors[at].head().is_some())
            .collect();
        let mut merger = Self {
            cursors,
            heap,
            combine,
        };
        for at in (0..merger.heap.len() / 2).rev() {
            merger.sift_down(at);
        }
        merger
    }

    /// Takes the next entry; false at the end.
    pub(crate) fn next(
        &mut self,
        key: &mut Vec<u8>,
        payload: &mut Vec<u8>,
    ) -> Result<bool, FileError> {
        let Some((head, value)) = self.head() else {
            return Ok(false);
        };
        key.clear();
        key.extend_from_slice(head);
        payload.clear();
        payload.extend_from_slice(value);
        self.advance()?;
        let Combine::Columns(columns) = &self.combine else {
            return Ok(true);
        };
        let columns = columns.clone();
        let (mut totals, mut new) = (Vec::new(), Vec::new());
        while let Some((head, value)) = self.head() {
            if head != &key[..] {
                break;
            }
            take_values(value, columns.len(), &mut new);
            if totals.is_empty() {
                take_values(payload, columns.len(), &mut totals);
            }
            for (at, merge) in columns.iter().enumerate() {
                merge.apply(&mut totals[at], new[at]);
            }
            self.advance()?;
        }
        if !totals.is_empty() && !payload.is_empty() {
            payload.clear();
            for &total in &totals {
                push_uvarint(payload, total);
            }
        }
        Ok(true)
    }

    /// The next entry, not combined with others; none at the end.
    pub(crate) fn head(&self) -> Option<(&[u8], &[u8])> {
        self.cursors[*self.heap.first()?].head()
    }

    /// Goes on behind [`Merger::head`].
    pub(crate) fn advance(&mut self) -> Result<(), FileError> {
        let Some(&first) = self.heap.first() else {
            return Ok(());
        };
        self.cursors[first].advance()?;
        if self.cursors[first].head().is_none() {
            self.heap.swap_remove(0);
        }
        self.sift_down(0);
        Ok(())
    }

    fn sift_down(&mut self, mut at: usize) {
        loop {
            let mut least = at;
            for child in [2 * at + 1, 2 * at + 2] {
                if child < self.heap.len() && self.order(child, least) == Ordering::Less {
                    least = child;
                }
            }
            if least == at {
                return;
            }
            self.heap.swap(at, least);
            at = least;
        }
    }

    /// Compares the heads of two heap places; a drained cursor is never in the heap.
    fn order(&self, a: usize, b: usize) -> Ordering {
        let (a, b) = (self.heap[a], self.heap[b]);
        self.cursors[a]
            .head()
            .cmp(&self.cursors[b].head())
            .then(a.cmp(&b))
    }
}

/// How many runs may be read at once so that their buffers stay within the budget.
fn fan_in(runs: &[Run], budget: usize) -> usize {
    let longest = runs.iter().map(|run| run.longest).max().unwrap_or(0);
    (budget / buffer_within(0).max(longest)).clamp(2, MAX_FAN_IN)
}

/// Puts the columns of a payload into `values`; missing ones are zero.
pub(crate) fn take_values(mut payload: &[u8], columns: usize, values: &mut Vec<u128>) {
    values.clear();
    values.extend((0..columns).map(|_| take_uvarint(&mut payload).unwrap_or(0)));
}
