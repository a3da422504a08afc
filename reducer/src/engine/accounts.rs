//! The account per source: records in, mapped, set aside (I7).

use gristmill_common::outcome::SourceCount;

/// The account of one source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Records in, as the producer counted them.
    pub records: u64,
    /// Records that went through the processor.
    pub mapped: u64,
    /// Records set aside.
    pub quarantined: u64,
}

impl Account {
    /// Adds another account; sums stay at the largest number rather than wrap.
    pub(crate) fn add(&mut self, other: Account) {
        self.records = self.records.saturating_add(other.records);
        self.mapped = self.mapped.saturating_add(other.mapped);
        self.quarantined = self.quarantined.saturating_add(other.quarantined);
    }

    /// Whether records in = mapped + set aside.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.mapped.checked_add(self.quarantined) == Some(self.records)
    }
}

/// Adds a chunk's counts, whose sources were checked, to the accounts of the sources.
pub(crate) fn add(accounts: &mut [Account], counts: &[SourceCount]) {
    for count in counts {
        accounts[count.source as usize].add(Account {
            records: count.records,
            mapped: count.mapped,
            quarantined: count.quarantined,
        });
    }
}
