//! The summary of a job's plan that every role needs: its sources' names, how many splits there
//! are, and how they travel.

use serde::{Deserialize, Serialize};

/// The summary of a job's plan, for mapper and reducer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanSummary {
    /// Names of the sources in input order; bytes, because file names are.
    pub sources: Vec<serde_bytes::ByteBuf>,
    /// Number of splits.
    pub splits: u32,
    /// How they travel.
    pub sent: Sent,
}

/// How splits travel from the producer to mappers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Sent {
    /// The producer reads them and sends their text in chunks.
    #[default]
    Chunks,
    /// Mappers read them ([`crate::split_task::SplitTask`]).
    Splits,
    /// Small compressed files and archives travel as they are, and mappers read them; the producer
    /// reads all others and sends their text in chunks.
    Files,
}

impl Sent {
    /// Whether whoever reads a split says what it gave ([`crate::split_task::SplitAccount`]); else
    /// one seal of the producer's says it of all.
    #[must_use]
    pub fn has_accounts(self) -> bool {
        self != Sent::Chunks
    }
}
