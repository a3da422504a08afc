//! The one open trait: what is done with the records of a chunk.

use std::borrow::Cow;

use crate::engine::batch::Batch;
use crate::engine::output::Output;

/// Maps the records of a chunk. One per thread, called once per chunk, never per record.
///
/// The result must be a pure function of the records and of what their parts say (invariant I2):
/// no state may cross a record, because chunks are cut anywhere between two of them. A processor
/// may be called with any share of a chunk's records, in a second attempt too; it is thrown away
/// when it panics.
pub trait Processor: Send {
    /// Processes the records of `batch` and adds the results to `out`.
    ///
    /// # Errors
    /// When some record cannot be processed and the processor does not say which. What it added is
    /// dropped, the batch is cut in halves and tried again, until the record that fails is alone
    /// and is quarantined with this error as its reason. A processor that knows the record calls
    /// [`Output::quarantine`] and goes on: that costs nothing.
    fn process(&mut self, batch: &Batch<'_>, out: &mut Output) -> Result<(), ProcessError>;
}

/// Why records could not be processed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ProcessError(pub Cow<'static, str>);
