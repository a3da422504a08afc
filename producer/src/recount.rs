//! Counting the records of the inputs again, to check an output against them.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use gristmill_common::chunk::ChunkHead;
use gristmill_common::progress::Progress;
use gristmill_common::seal::SplitEnd;
use gristmill_common::shutdown::Shutdown;
use gristmill_common::spec::JobSpec;

use crate::cut::ChunkSink;
use crate::error::{Halt, ProduceError};
use crate::plan::Plan;
use crate::produce::{Afresh, FallibleSink, Settings, read_all};
use crate::read::Reading;

/// The records of each source, as [`crate::produce`] would count them, without publishing.
///
/// # Errors
/// [`ProduceError::Stopped`] after a stop, or when the job is to fail on damage.
pub fn recount(
    plan: &Plan,
    spec: &JobSpec,
    settings: &Settings,
    progress: &Progress,
    shutdown: &Shutdown,
) -> Result<Vec<u64>, ProduceError> {
    if let Some(total) = plan.total_bytes() {
        Progress::add(&progress.bytes_total, total);
    }
    let (threads, tmp): (NonZeroUsize, PathBuf) = (settings.threads, settings.tmp.clone());
    let reading = Reading::new(plan, spec, tmp, progress, shutdown)?;
    Ok(read_all(&reading, threads, &Afresh, Nowhere::default)?.records)
}

/// Drops the chunks: only their account is wanted.
#[derive(Default)]
struct Nowhere {
    spare: Vec<u8>,
}

impl ChunkSink for Nowhere {
    fn take(&mut self, _: ChunkHead, body: Vec<u8>) -> Result<(), Halt> {
        self.spare = body;
        Ok(())
    }

    fn buffer(&mut self, capacity: usize) -> Vec<u8> {
        let mut spare = std::mem::take(&mut self.spare);
        spare.clear();
        spare.reserve(capacity);
        spare
    }
}

impl FallibleSink for Nowhere {
    fn failed(&mut self) -> Option<ProduceError> {
        None
    }

    fn ended(&mut self, _: SplitEnd, _: Vec<(u32, u64)>) -> Result<(), ProduceError> {
        Ok(())
    }

    fn finish(&mut self) -> Result<(), ProduceError> {
        Ok(())
    }
}
