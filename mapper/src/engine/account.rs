//! The account of a chunk, per source: records in, mapped, set aside (I7).

use gristmill_common::chunk::ChunkHead;
use gristmill_common::entries::Entries;
use gristmill_common::outcome::SourceCount;

/// Adds up the account of one chunk: `pieces` are the records of each of its pieces as the mapper
/// counted them, `own` what the mapper set aside.
pub(crate) fn account(head: &ChunkHead, pieces: &[u64], own: &Entries) -> Vec<SourceCount> {
    let mut counts = Counts::default();
    for piece in &head.pieces {
        counts.of(piece.source).records += u64::from(piece.records);
    }
    for (piece, records) in head.pieces.iter().zip(pieces) {
        counts.of(piece.source).mapped += records;
    }
    for fault in &head.faults {
        let count = counts.of(fault.source);
        count.records += 1;
        count.quarantined += 1;
    }
    for entry in own.iter() {
        let count = counts.of(entry.source);
        count.mapped = count.mapped.saturating_sub(entry.records());
        count.quarantined += entry.records();
    }
    counts.all
}

/// Counts by source, in order of first appearance. Sources come in input order, once for each of
/// the four lists: nearly always it is the last one again, or the one after it, or a new one.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    all: Vec<SourceCount>,
    last: usize,
    highest: Option<u32>,
}

impl Counts {
    /// Adds another account of a source.
    pub(crate) fn add(&mut self, more: &SourceCount) {
        let count = self.of(more.source);
        count.records += more.records;
        count.mapped += more.mapped;
        count.quarantined += more.quarantined;
    }

    /// The counts of each source, in order of first appearance.
    pub(crate) fn all(&self) -> &[SourceCount] {
        &self.all
    }

    fn of(&mut self, source: u32) -> &mut SourceCount {
        let is_at = |at: usize| self.all.get(at).is_some_and(|count| count.source == source);
        if is_at(self.last) {
            return &mut self.all[self.last];
        }
        self.last = if is_at(self.last + 1) {
            self.last + 1
        } else if self.highest.is_none_or(|highest| source > highest) {
            self.insert(source)
        } else {
            let known = self.all.iter().position(|count| count.source == source);
            known.unwrap_or_else(|| self.insert(source))
        };
        &mut self.all[self.last]
    }

    fn insert(&mut self, source: u32) -> usize {
        self.highest = self.highest.max(Some(source));
        self.all.push(SourceCount {
            source,
            records: 0,
            mapped: 0,
            quarantined: 0,
        });
        self.all.len() - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_found_in_any_order() {
        let mut counts = Counts::default();
        let order = [3, 3, 5, 4, 3, 9, 0, 5, 9, 4, 0, 0];
        for source in order {
            counts.of(source).records += 1;
        }
        let all: Vec<(u32, u64)> = counts.all.iter().map(|c| (c.source, c.records)).collect();
        assert_eq!(all, [(3, 3), (5, 2), (4, 2), (9, 2), (0, 3)]);
    }
}
