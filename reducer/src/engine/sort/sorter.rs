//! A sorter of entries with a budget in bytes: past it, sorted runs go to disk.

use std::path::Path;

use super::merge::{Combine, MemoryRun, Merger};
use super::run::{Spill, buffer_within};
use crate::engine::error::FileError;

/// Collects entries and gives them back sorted by key, then payload.
#[derive(Debug)]
pub(crate) struct Sorter {
    entries: Vec<Entry>,
    bytes: Vec<u8>,
    budget: usize,
    spill: Spill,
}

/// Where an entry's bytes are: key and payload, one after the other.
#[derive(Clone, Copy, Debug)]
struct Entry {
    start: u64,
    key: u32,
    payload: u32,
}

impl Entry {
    fn parts(self, bytes: &[u8]) -> (&[u8], &[u8]) {
        let whole = &bytes[self.start as usize..][..self.key as usize + self.payload as usize];
        whole.split_at(self.key as usize)
    }
}

impl Sorter {
    /// A sorter that keeps within `budget` bytes and spills into `tmp`.
    pub(crate) fn new(budget: usize, tmp: &Path) -> Self {
        Self {
            entries: Vec::new(),
            bytes: Vec::new(),
            budget,
            spill: Spill::new(tmp),
        }
    }

    /// Takes an entry.
    pub(crate) fn push(&mut self, key: &[u8], payload: &[u8]) -> Result<(), FileError> {
        let size = key.len() + payload.len();
        if !self.entries.is_empty() && self.footprint_with(size) > self.budget {
            self.spill()?;
        }
        self.entries.push(Entry {
            start: self.bytes.len() as u64,
            key: key.len() as u32,
            payload: payload.len() as u32,
        });
        self.bytes.extend_from_slice(key);
        self.bytes.extend_from_slice(payload);
        Ok(())
    }

    /// Bytes on disk so far.
    pub(crate) fn spilled(&self) -> u64 {
        self.spill.len()
    }

    /// How many entries are in memory.
    pub(crate) fn held(&self) -> usize {
        self.entries.len()
    }

    /// What memory would be taken with one more entry, if vectors must grow (they double).
    fn footprint_with(&self, size: usize) -> usize {
        let bytes = grown(self.bytes.len(), self.bytes.capacity(), size);
        let entries = grown(self.entries.len(), self.entries.capacity(), 1);
        bytes + entries * size_of::<Entry>()
    }

    /// Forgets all but the first `keep` entries in order; for sorters that want only the first few.
    pub(crate) fn truncate(&mut self, keep: usize) {
        self.sort();
        self.entries.truncate(keep);
        let mut packed = Vec::with_capacity(self.bytes.len().min(self.budget / 2));
        for entry in &mut self.entries {
            let (key, payload) = entry.parts(&self.bytes);
            let start = packed.len() as u64;
            packed.extend_from_slice(key);
            packed.extend_from_slice(payload);
            entry.start = start;
        }
        self.bytes = packed;
    }

    /// The key of the last entry in memory, which is the largest right after [`Self::truncate`].
    pub(crate) fn last_key(&self) -> Option<&[u8]> {
        Some(self.entries.last()?.parts(&self.bytes).0)
    }

    /// Ends the intake.
    pub(crate) fn finish(mut self) -> Sorted {
        self.sort();
        let run = SorterRun {
            entries: self.entries,
            bytes: self.bytes,
            at: 0,
        };
        Sorted::new(self.spill, MemoryRun::Own(run))
    }

    fn sort(&mut self) {
        let bytes = &self.bytes;
        // Stable and run-aware: chunks bring their entries in order.
        self.entries
            .sort_by(|a, b| a.parts(bytes).cmp(&b.parts(bytes)));
    }

    fn spill(&mut self) -> Result<(), FileError> {
        self.sort();
        let mut writer = self.spill.begin(buffer_within(self.budget / 8))?;
        for entry in &self.entries {
            let (key, payload) = entry.parts(&self.bytes);
            writer.push(key, payload)?;
        }
        writer.end()?;
        self.entries.clear();
        self.bytes.clear();
        Ok(())
    }
}

/// The capacity of a vector of `len` elements with `more` of them, if it must grow: it doubles.
pub(super) fn grown(len: usize, capacity: usize, more: usize) -> usize {
    match len + more <= capacity {
        true => capacity,
        false => (capacity * 2).max(len + more),
    }
}

/// What a sorter collected: runs on disk and the rest in memory.
#[derive(Debug)]
pub(crate) struct Sorted {
    spill: Spill,
    memory: MemoryRun,
}

impl Sorted {
    /// Of runs on disk and one in memory.
    pub(super) fn new(spill: Spill, memory: MemoryRun) -> Self {
        Self { spill, memory }
    }

    /// Bytes on disk.
    pub(crate) fn spilled(&self) -> u64 {
        self.spill.len()
    }

    /// Merges what several sorters collected.
    pub(crate) fn merge(
        all: Vec<Sorted>,
        budget: usize,
        spilled: &mut u64,
    ) -> Result<Merger, FileError> {
        let (spills, memory) = all.into_iter().map(|one| (one.spill, one.memory)).unzip();
        Merger::new(spills, memory, Combine::Keep, budget, spilled)
    }
}

/// A sorted run in memory.
#[derive(Debug)]
pub(crate) struct SorterRun {
    entries: Vec<Entry>,
    bytes: Vec<u8>,
    at: usize,
}

impl SorterRun {
    pub(crate) fn head(&self) -> Option<(&[u8], &[u8])> {
        Some(self.entries.get(self.at)?.parts(&self.bytes))
    }

    pub(crate) fn advance(&mut self) {
        self.at += 1;
    }
}
