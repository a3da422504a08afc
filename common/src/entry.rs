//! Something that was set aside, borrowed from whoever holds it.

use crate::chunk::{Quarantined, Stretch};

/// What an entry takes beside its texts, at most, in bytes.
const ENTRY_COST: usize = 128;

/// One entry, borrowed; its fields are those of [`Quarantined`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Number of the source in the job's plan summary.
    pub source: u32,
    /// Name of the document.
    pub document: &'a [u8],
    /// Offset of the stretch in the (decompressed) document, in bytes.
    pub offset: u64,
    /// Why, in words.
    pub reason: &'a str,
    /// The first bytes of it.
    pub sample: &'a [u8],
    /// How much it is, where it is not one record.
    pub stretch: Option<Stretch>,
    /// The last that the user's program wrote to stderr.
    pub stderr: &'a [u8],
}

impl Entry<'_> {
    /// How many records of the account it stands for.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.stretch.map_or(1, |stretch| stretch.records)
    }

    /// What it takes in a message, at most, in bytes.
    #[must_use]
    pub fn cost(&self) -> usize {
        let texts = self.document.len() + self.reason.len() + self.sample.len() + self.stderr.len();
        ENTRY_COST + texts
    }
}

impl<'a> From<&'a Quarantined> for Entry<'a> {
    fn from(entry: &'a Quarantined) -> Self {
        Self {
            source: entry.source,
            document: &entry.document,
            offset: entry.offset,
            reason: &entry.reason,
            sample: &entry.sample,
            stretch: entry.stretch,
            stderr: &entry.stderr,
        }
    }
}

impl From<Entry<'_>> for Quarantined {
    fn from(entry: Entry<'_>) -> Self {
        Self {
            source: entry.source,
            document: entry.document.to_vec(),
            offset: entry.offset,
            reason: entry.reason.to_owned(),
            sample: entry.sample.to_vec(),
            stretch: entry.stretch,
            stderr: entry.stderr.to_vec(),
        }
    }
}
