//! A sorter of entries of which many begin alike and many end alike.
//!
//! A key is a head, a number (8 bytes, big-endian) and a tail. Heads and tails are kept once each,
//! and entries are compared by their ranks: nearly always as integers. No head may begin with
//! another, nor a tail with another, or keys would not come in the order of their bytes.

use std::collections::HashMap;
use std::path::Path;

use super::merge::MemoryRun;
use super::run::{Spill, buffer_within};
use super::sorter::{Sorted, grown};
use crate::engine::error::FileError;

/// What a head or a tail takes beside its bytes, in bytes.
const NAME: usize = 96;

/// Collects entries and gives them back sorted by key, then payload.
#[derive(Debug)]
pub(crate) struct SharedSorter {
    heads: Names,
    tails: Names,
    run: SharedRun,
    budget: usize,
    spill: Spill,
}

/// Heads or tails, numbered as they come.
#[derive(Debug, Default)]
struct Names {
    numbers: HashMap<Vec<u8>, u32>,
    bytes: usize,
}

impl Names {
    fn number(&mut self, name: &[u8]) -> u32 {
        if let Some(&number) = self.numbers.get(name) {
            return number;
        }
        let number = self.numbers.len() as u32;
        self.numbers.insert(name.to_vec(), number);
        self.bytes += name.len() + NAME;
        number
    }

    /// Empties it: the names in order, and the rank of each number.
    fn rank(&mut self) -> (Vec<Vec<u8>>, Vec<u32>) {
        let mut all: Vec<_> = self.numbers.drain().collect();
        all.sort_unstable();
        self.bytes = 0;
        let mut ranks = vec![0; all.len()];
        for (rank, (_, number)) in all.iter().enumerate() {
            ranks[*number as usize] = rank as u32;
        }
        (all.into_iter().map(|(name, _)| name).collect(), ranks)
    }
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    head: u32,
    tail: u32,
    number: u64,
    start: u64,
    len: u32,
}

impl Entry {
    /// The key, once head and tail are ranks.
    fn order(&self) -> u128 {
        u128::from(self.head) << 96 | u128::from(self.number) << 32 | u128::from(self.tail)
    }

    fn payload(self, payloads: &[u8]) -> &[u8] {
        &payloads[self.start as usize..][..self.len as usize]
    }
}

impl SharedSorter {
    /// A sorter that keeps within `budget` bytes, if it is emptied when it has no room, and spills
    /// into `tmp`.
    pub(crate) fn new(budget: usize, tmp: &Path) -> Self {
        Self {
            heads: Names::default(),
            tails: Names::default(),
            run: SharedRun::default(),
            budget,
            spill: Spill::new(tmp),
        }
    }

    /// Whether there is room for an entry, if its head and tail of `names` bytes are new.
    pub(crate) fn has_room(&self, names: usize, payload: usize) -> bool {
        let entries = grown(self.run.entries.len(), self.run.entries.capacity(), 1);
        let payloads = grown(
            self.run.payloads.len(),
            self.run.payloads.capacity(),
            payload,
        );
        let names = self.heads.bytes + self.tails.bytes + names + 2 * NAME;
        self.run.entries.is_empty()
            || payloads + entries * size_of::<Entry>() + names <= self.budget
    }

    /// The number of a head, the same until the next [`SharedSorter::spill`].
    pub(crate) fn head(&mut self, head: &[u8]) -> u32 {
        self.heads.number(head)
    }

    /// The number of a tail, as of a head.
    pub(crate) fn tail(&mut self, tail: &[u8]) -> u32 {
        self.tails.number(tail)
    }

    /// Takes an entry.
    pub(crate) fn push(&mut self, head: u32, number: u64, tail: u32, payload: &[u8]) {
        self.run.entries.push(Entry {
            head,
            tail,
            number,
            start: self.run.payloads.len() as u64,
            len: payload.len() as u32,
        });
        self.run.payloads.extend_from_slice(payload);
    }

    /// Moves all entries to disk, and forgets the numbers of heads and tails.
    pub(crate) fn spill(&mut self) -> Result<(), FileError> {
        self.sort();
        let mut writer = self.spill.begin(buffer_within(self.budget / 8))?;
        while let Some((key, payload)) = self.run.head() {
            writer.push(key, payload)?;
            self.run.advance();
        }
        writer.end()?;
        self.run.clear();
        Ok(())
    }

    /// Ends the intake.
    pub(crate) fn finish(mut self) -> Sorted {
        self.sort();
        Sorted::new(self.spill, MemoryRun::Shared(self.run))
    }

    fn sort(&mut self) {
        let (heads, head_ranks) = self.heads.rank();
        let (tails, tail_ranks) = self.tails.rank();
        let SharedRun {
            entries, payloads, ..
        } = &mut self.run;
        for entry in entries.iter_mut() {
            entry.head = head_ranks[entry.head as usize];
            entry.tail = tail_ranks[entry.tail as usize];
        }
        // Stable and run-aware: chunks bring their entries in order.
        entries.sort_by(|a, b| {
            let payloads = || a.payload(payloads).cmp(b.payload(payloads));
            a.order().cmp(&b.order()).then_with(payloads)
        });
        (self.run.heads, self.run.tails) = (heads, tails);
        self.run.set_key();
    }
}

/// A sorted run in memory.
#[derive(Debug, Default)]
pub(crate) struct SharedRun {
    heads: Vec<Vec<u8>>,
    tails: Vec<Vec<u8>>,
    entries: Vec<Entry>,
    payloads: Vec<u8>,
    at: usize,
    /// Of the entry in hand.
    key: Vec<u8>,
}

impl SharedRun {
    pub(crate) fn head(&self) -> Option<(&[u8], &[u8])> {
        let payload = self.entries.get(self.at)?.payload(&self.payloads);
        Some((&self.key, payload))
    }

    pub(crate) fn advance(&mut self) {
        self.at += 1;
        self.set_key();
    }

    fn set_key(&mut self) {
        if let Some(entry) = self.entries.get(self.at) {
            self.key.clear();
            self.key.extend_from_slice(&self.heads[entry.head as usize]);
            self.key.extend_from_slice(&entry.number.to_be_bytes());
            self.key.extend_from_slice(&self.tails[entry.tail as usize]);
        }
    }

    fn clear(&mut self) {
        self.heads.clear();
        self.tails.clear();
        self.entries.clear();
        self.payloads.clear();
        self.at = 0;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn entries_come_in_the_order_of_their_keys_and_payloads(
            all in prop::collection::vec((0_u8..3, 0_u64..4, 0_u8..3, 0_u8..3, 0_usize..40), 0..80),
            budget in 0_usize..3000,
        ) {
            let dir = tempfile::tempdir().unwrap();
            let mut sorter = SharedSorter::new(budget, dir.path());
            let mut expected = Vec::new();
            for &(head, number, tail, payload, len) in &all {
                let (names, payload) = ([[b'h', head], [b't', tail]], vec![payload; len]);
                if !sorter.has_room(4, payload.len()) {
                    sorter.spill().unwrap();
                }
                let (head, tail) = (sorter.head(&names[0]), sorter.tail(&names[1]));
                sorter.push(head, number, tail, &payload);
                let key = [&names[0][..], &number.to_be_bytes(), &names[1]].concat();
                expected.push((key, payload));
            }
            expected.sort();
            let mut spilled = 0;
            let mut merger = Sorted::merge(vec![sorter.finish()], 1 << 16, &mut spilled).unwrap();
            let mut found = Vec::new();
            while let Some((key, payload)) = merger.head() {
                found.push((key.to_vec(), payload.to_vec()));
                merger.advance().unwrap();
            }
            prop_assert_eq!(found, expected);
        }
    }
}
