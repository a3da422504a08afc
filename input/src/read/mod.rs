//! Reading one split: opening its sources and cutting what is in them.

mod all;
mod ar;
mod around;
mod copied;
mod cpio;
mod expanded;
mod extents;
mod lines;
mod objects_ahead;
mod packed;
mod salvage;
mod source;
mod spool;
mod stretch;
mod tar;
mod walk_error;
mod walker;
mod zip;
mod zip_file;

#[cfg(test)]
mod archive_tests;
#[cfg(test)]
mod attached_tests;
#[cfg(test)]
mod damage_tests;
#[cfg(test)]
mod format_tests;
#[cfg(test)]
mod lines_tests;
#[cfg(test)]
mod object_tests;
#[cfg(test)]
mod objects_ahead_tests;
#[cfg(test)]
mod packed_tests;
#[cfg(test)]
mod tar_tests;
#[cfg(test)]
mod zip_tests;

use std::path::PathBuf;
use std::sync::Arc;

use gristmill_common::large::LargeDocuments;
use gristmill_common::progress::Progress;
use gristmill_common::shutdown::Shutdown;
use gristmill_common::spec::{JobSpec, Limits};

use crate::cut::{Account, ChunkSink, Cutter, Rules, capacity_for};
use crate::error::Halt;
use crate::plan::{Globs, Plan, Source};
use crate::whole::Whole;
pub use all::read_all;
use expanded::Bound;
use objects_ahead::{ObjectsAhead, ReaderAhead};
pub(crate) use walker::MAX_DEPTH;
use walker::Walker;
pub(crate) use zip_file::{ByEnd, by_end};

/// What reading a job's splits needs beside the plan.
#[derive(Clone, Debug)]
pub struct Reading<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) rules: Rules,
    pub(crate) whole: Whole,
    pub(crate) limits: Limits,
    pub(crate) tmp: PathBuf,
    pub(crate) progress: &'a Progress,
    pub(crate) shutdown: &'a Shutdown,
    globs: Globs,
    expanded: Option<Arc<Bound>>,
}

impl<'a> Reading<'a> {
    /// Prepares reading; `tmp` is the folder for nested archives that need seeking.
    ///
    /// # Errors
    /// When the `--record-start` pattern is not a regular expression, or a glob is malformed.
    pub fn new(
        plan: &'a Plan,
        spec: &JobSpec,
        tmp: PathBuf,
        progress: &'a Progress,
        shutdown: &'a Shutdown,
    ) -> Result<Self, Halt> {
        Ok(Self {
            globs: Globs::new(&spec.include, &spec.exclude)?,
            expanded: None,
            plan,
            rules: Rules::new(spec, plan.chunk_size())?,
            // A plan of this job was made, so its globs are sound.
            whole: Whole::new(spec).unwrap_or_default(),
            limits: spec.limits,
            tmp,
            progress,
            shutdown,
        })
    }

    /// Bounds the bytes of text that all splits together may unfold to.
    #[must_use]
    pub fn bounded(self, most: Option<u64>) -> Self {
        Self {
            expanded: most.map(|most| Arc::new(Bound::new(most))),
            ..self
        }
    }

    /// The capacity of a buffer for one chunk.
    #[must_use]
    pub fn buffer_size(&self) -> usize {
        capacity_for(self.rules.target)
    }

    /// Documents too large for a chunk go to a place that the mapper knows too.
    #[must_use]
    pub fn with_large(mut self, place: Option<Arc<LargeDocuments>>) -> Self {
        self.rules.large = place;
        self
    }

    /// A split need not be read: it counts as read for people.
    pub(crate) fn pass(&self, split: u32) {
        let Some(planned) = self.plan.split(split) else {
            return;
        };
        if !planned.extent.is_first() {
            return;
        }
        for number in planned.sources.clone() {
            let size = self.plan.source(number).and_then(Source::size);
            Progress::add(&self.progress.bytes_read, size.unwrap_or(0));
            Progress::add(&self.progress.sources_done, 1);
        }
    }
}

/// Reads the split number `split` and gives its chunks to `sink`, in order. Splits are independent
/// of each other: any may be read at any time, on any thread.
///
/// # Errors
/// When a stop was asked for, the sink wants no more, the job is to fail on damage, or a temporary
/// file cannot be written.
pub fn read_split(
    reading: &Reading<'_>,
    split: u32,
    sink: &mut dyn ChunkSink,
) -> Result<Account, Halt> {
    let ahead = ObjectsAhead::alone(reading.plan);
    read_ahead(reading, split, &mut ahead.reader(0), sink)
}

/// As [`read_split`], on a thread that asks for objects ahead.
fn read_ahead(
    reading: &Reading<'_>,
    split: u32,
    ahead: &mut ReaderAhead<'_>,
    sink: &mut dyn ChunkSink,
) -> Result<Account, Halt> {
    ahead.begin(split);
    let mut cutter = Cutter::new(&reading.rules, split, sink);
    let plan = reading.plan;
    let Some(planned) = plan.split(split) else {
        return cutter.finish();
    };
    for number in planned.sources.clone() {
        let Some(source) = plan.source(number) else {
            continue;
        };
        let mut walker = Walker::new(reading, &mut cutter, number, source);
        walker.source(planned.extent.clone(), ahead)?;
        if planned.extent.is_last() {
            Progress::add(&reading.progress.sources_done, 1);
        }
    }
    cutter.finish()
}
