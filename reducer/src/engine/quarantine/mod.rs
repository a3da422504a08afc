//! What was set aside, sorted as `quarantine.jsonl` wants it, within a bound of memory and disk.
//!
//! It must not know queues. The part of a line that is an entry's own is rendered when it comes in,
//! so the line's size is known at once; documents and reasons, which many entries share, are
//! rendered when the file is written.

mod lines;
mod reasons;
mod write;

use std::path::Path;

use gristmill_common::entries::{Entries, Entry};
use gristmill_common::plan_summary::PlanSummary;

use crate::engine::reduce_error::ReduceError;
use crate::engine::sort::{SharedSorter, Sorted};

pub(crate) use reasons::Reasons;
pub(crate) use write::write;

/// Collects what was set aside.
#[derive(Debug)]
pub(crate) struct Quarantine {
    sorter: SharedSorter,
    limit: u64,
    bytes: u64,
    entries: u64,
    by_source: Vec<u64>,
    reasons: Reasons,
    /// By their numbers in the sorter, how long the lines' part of each document is.
    documents: Vec<usize>,
    /// By their numbers in the sorter.
    given: Vec<Given>,
    key: Vec<u8>,
    payload: Vec<u8>,
}

/// A reason that was given.
#[derive(Clone, Copy, Debug)]
struct Given {
    /// How long the lines' part of it is.
    len: usize,
    /// Its number in [`Reasons`].
    number: Option<usize>,
}

/// What was set aside in one partition, sorted.
#[derive(Debug)]
pub(crate) struct SetAside {
    pub(crate) sorted: Sorted,
    pub(crate) bytes: u64,
    pub(crate) entries: u64,
    pub(crate) by_source: Vec<u64>,
    pub(crate) reasons: Reasons,
}

impl Quarantine {
    /// A collection of at most `limit` bytes of lines that keeps within `budget` bytes of memory
    /// and spills into `tmp`.
    pub(crate) fn new(sources: usize, limit: u64, budget: usize, tmp: &Path) -> Self {
        Self {
            sorter: SharedSorter::new(budget, tmp),
            limit,
            bytes: 0,
            entries: 0,
            by_source: vec![0; sources],
            reasons: Reasons::default(),
            documents: Vec::new(),
            given: Vec::new(),
            key: Vec::new(),
            payload: Vec::new(),
        }
    }

    /// Takes entries, whose sources were checked.
    pub(crate) fn take(
        &mut self,
        entries: &Entries,
        plan_summary: &PlanSummary,
    ) -> Result<(), ReduceError> {
        // By their places in the entries, the numbers of documents and reasons in the sorter.
        let mut documents = vec![None; entries.documents()];
        let mut reasons = vec![None; entries.reasons()];
        for (places, entry) in entries.places() {
            let count = &mut self.by_source[entry.source as usize];
            *count = count.saturating_add(entry.records());
            self.payload.clear();
            lines::push_payload(&mut self.payload, &entry);
            let names = entry.document.len() + entry.reason.len();
            if !self.sorter.has_room(names, self.payload.len()) {
                self.sorter.spill()?;
                self.documents.clear();
                self.given.clear();
                documents.fill(None);
                reasons.fill(None);
            }
            let document = *documents[places.document]
                .get_or_insert_with(|| self.document(&entry, plan_summary));
            let reason = *reasons[places.reason].get_or_insert_with(|| self.reason(entry.reason));
            let given = self.given[reason as usize];
            let shared = self.documents[document as usize] + given.len;
            self.entries += 1;
            self.bytes += (shared + lines::digits(entry.offset) + self.payload.len()) as u64;
            self.reasons.count(given.number, 1);
            if self.bytes > self.limit {
                return Err(self.reasons.overflow(self.limit, self.entries).into());
            }
            self.sorter
                .push(document, entry.offset, reason, &self.payload);
        }
        Ok(())
    }

    /// The number of an entry's document in the sorter.
    fn document(&mut self, entry: &Entry<'_>, plan_summary: &PlanSummary) -> u32 {
        lines::head(&mut self.key, entry.source, entry.document);
        let number = self.sorter.head(&self.key);
        if number as usize == self.documents.len() {
            let source = &plan_summary.sources[entry.source as usize];
            self.key.clear();
            lines::push_document(&mut self.key, source, entry.document);
            self.documents.push(self.key.len());
        }
        number
    }

    /// The number of a reason in the sorter.
    fn reason(&mut self, reason: &str) -> u32 {
        lines::tail(&mut self.key, reason);
        let number = self.sorter.tail(&self.key);
        if number as usize == self.given.len() {
            self.key.clear();
            lines::push_reason(&mut self.key, reason.as_bytes());
            self.given.push(Given {
                len: self.key.len(),
                number: self.reasons.number(reason),
            });
        }
        number
    }

    /// How many entries were taken.
    pub(crate) fn entries(&self) -> u64 {
        self.entries
    }

    /// Why they were, as often as the commonest reasons tell.
    pub(crate) fn reasons(&self) -> &Reasons {
        &self.reasons
    }

    /// Ends the intake.
    pub(crate) fn finish(self) -> SetAside {
        SetAside {
            sorted: self.sorter.finish(),
            bytes: self.bytes,
            entries: self.entries,
            by_source: self.by_source,
            reasons: self.reasons,
        }
    }
}
