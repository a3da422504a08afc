//! Counting the records of the inputs again, to check an output against them.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use gristmill_common::chunk::ChunkHead;
use gristmill_common::progress::Progress;
use gristmill_common::shutdown::Shutdown;
use gristmill_common::spec::JobSpec;

use crate::cut::ChunkSink;
use crate::error::Halt;
use crate::plan::Plan;
use crate::read::{Reading, read_all};

/// The records of each source, as reading the splits counts them.
///
/// # Errors
/// [`Halt::Stopped`] after a stop, or when the job is to fail on damage.
pub fn recount(
    plan: &Plan,
    spec: &JobSpec,
    threads: NonZeroUsize,
    tmp: PathBuf,
    progress: &Progress,
    shutdown: &Shutdown,
) -> Result<Vec<u64>, Halt> {
    if let Some(total) = plan.total_bytes() {
        Progress::add(&progress.bytes_total, total);
    }
    let reading = Reading::new(plan, spec, tmp, progress, shutdown)?;
    Ok(read_all(&reading, threads, &|_| None, Nowhere::default)?.records)
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
