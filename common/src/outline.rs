//! What every role needs to know of a job's plan: its sources' names and how many splits there are.

use serde::{Deserialize, Serialize};

/// The plan of a job as far as mapper and reducer need it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outline {
    /// Names of the sources in input order; bytes, because file names are.
    pub sources: Vec<serde_bytes::ByteBuf>,
    /// Number of splits.
    pub splits: u32,
}
