//! The account of a chunk, per source: records in, mapped, set aside (I7).

use gristmill_common::chunk::{ChunkHead, Quarantined};
use gristmill_common::outcome::SourceCount;

use crate::Part;

/// Adds up the account of one chunk: `parts` are all its records as the mapper counted them,
/// `own` what the mapper set aside.
pub(crate) fn account(
    head: &ChunkHead,
    parts: &[Part<'_>],
    own: &[Quarantined],
) -> Vec<SourceCount> {
    let mut counts = Counts::default();
    for piece in &head.pieces {
        counts.of(piece.source).records += u64::from(piece.records);
    }
    for part in parts {
        counts.of(part.piece.source).mapped += part.records;
    }
    for fault in &head.faults {
        let count = counts.of(fault.source);
        count.records += 1;
        count.quarantined += 1;
    }
    for entry in own {
        let count = counts.of(entry.source);
        count.mapped = count.mapped.saturating_sub(1);
        count.quarantined += 1;
    }
    counts.all
}

/// Counts by source, in order of first appearance.
#[derive(Default)]
struct Counts {
    all: Vec<SourceCount>,
    last: usize,
}

impl Counts {
    fn of(&mut self, source: u32) -> &mut SourceCount {
        // Neighbours mostly share their source.
        if self.all.get(self.last).is_none_or(|c| c.source != source) {
            self.last = match self.all.iter().position(|c| c.source == source) {
                Some(at) => at,
                None => {
                    self.all.push(SourceCount {
                        source,
                        records: 0,
                        mapped: 0,
                        quarantined: 0,
                    });
                    self.all.len() - 1
                }
            };
        }
        &mut self.all[self.last]
    }
}
