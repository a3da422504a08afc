//! The summary of a job's plan that every role needs: its sources' names and how many splits there
//! are.

use serde::{Deserialize, Serialize};

/// The summary of a job's plan, for mapper and reducer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanSummary {
    /// Names of the sources in input order; bytes, because file names are.
    pub sources: Vec<serde_bytes::ByteBuf>,
    /// Number of splits.
    pub splits: u32,
}
