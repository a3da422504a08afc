//! What a reducer knows of the program that reduces a partition's pairs: it gets lines and writes
//! bytes.
//!
//! Who runs programs stands behind it; a reducer that may run none has none.

use std::fmt::Debug;
use std::io::{Read, Write};

use crate::counters::Counter;

/// Why a partition was not reduced.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReduceFault {
    /// The program failed: how, and the last that it wrote to stderr. It would fail elsewhere, too.
    #[error("{0}")]
    Program(String),
    /// It could not be run here and now, or was stopped.
    #[error("{0}")]
    Here(String),
    /// What stands between us and the program was ended while it ran, perhaps by it.
    #[error("{0}")]
    Lost(String),
}

/// A program that reduces sorted pairs, once for each partition.
pub trait ReduceProgram: Debug + Send + Sync {
    /// Runs the program: `pairs` are lines of `key TAB value`, sorted by key; what it writes goes
    /// to `output`. Returns what it counted.
    ///
    /// # Errors
    /// When the program fails or cannot be run. Also when `pairs` or `output` fail.
    fn reduce(
        &self,
        partition: u32,
        pairs: &mut dyn Read,
        output: &mut dyn Write,
    ) -> Result<Vec<Counter>, ReduceFault>;
}
