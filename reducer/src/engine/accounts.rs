//! The account per source: records in, mapped, set aside (I7).

use gristmill_common::outcome::SourceCount;

use crate::engine::reduce_error::ReduceError;

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

/// Adds a chunk's counts to the accounts of the sources.
pub(crate) fn add(accounts: &mut [Account], counts: &[SourceCount]) -> Result<(), ReduceError> {
    for count in counts {
        let Some(account) = accounts.get_mut(count.source as usize) else {
            return Err(ReduceError::Malformed(format!(
                "the account of source {}, and there are {}",
                count.source,
                accounts.len()
            )));
        };
        account.add(Account {
            records: count.records,
            mapped: count.mapped,
            quarantined: count.quarantined,
        });
    }
    Ok(())
}
