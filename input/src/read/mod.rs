//! Reading one split: opening its sources and cutting what is in them.

mod all;
mod spool;
mod tar;
mod walker;
mod zip;

#[cfg(test)]
mod archive_tests;
#[cfg(test)]
mod damage_tests;

use std::path::PathBuf;

use gristmill_common::progress::Progress;
use gristmill_common::shutdown::Shutdown;
use gristmill_common::spec::{JobSpec, Limits};

use crate::cut::{Account, ChunkSink, Cutter, Rules, capacity_for};
use crate::error::Halt;
use crate::plan::{Plan, SourceKind};
pub use all::read_all;
use walker::Walker;

/// What reading a job's splits needs beside the plan.
#[derive(Clone, Debug)]
pub struct Reading<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) rules: Rules,
    pub(crate) limits: Limits,
    pub(crate) tmp: PathBuf,
    pub(crate) progress: &'a Progress,
    pub(crate) shutdown: &'a Shutdown,
}

impl<'a> Reading<'a> {
    /// Prepares reading; `tmp` is the folder for nested archives that need seeking.
    ///
    /// # Errors
    /// When the `--record-start` pattern is not a regular expression.
    pub fn new(
        plan: &'a Plan,
        spec: &JobSpec,
        tmp: PathBuf,
        progress: &'a Progress,
        shutdown: &'a Shutdown,
    ) -> Result<Self, regex::Error> {
        Ok(Self {
            plan,
            rules: Rules::new(spec, plan.chunk_size())?,
            limits: spec.limits,
            tmp,
            progress,
            shutdown,
        })
    }

    /// The capacity of a buffer for one chunk.
    #[must_use]
    pub fn buffer_size(&self) -> usize {
        capacity_for(self.rules.target)
    }

    /// A split need not be read: it counts as read for people.
    pub(crate) fn pass(&self, split: u32) {
        let Some(planned) = self.plan.splits().get(split as usize) else {
            return;
        };
        if planned
            .members
            .as_ref()
            .is_some_and(|members| members.start > 0)
        {
            return;
        }
        for number in planned.sources.clone() {
            if let SourceKind::File { size } = self.plan.sources()[number as usize].kind {
                Progress::add(&self.progress.bytes_read, size);
            }
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
    let mut cutter = Cutter::new(&reading.rules, split, sink);
    let plan = reading.plan;
    let Some(planned) = plan.splits().get(split as usize) else {
        return cutter.finish();
    };
    for number in planned.sources.clone() {
        let source = &plan.sources()[number as usize];
        let mut walker = Walker::new(reading, &mut cutter, number, source);
        walker.source(planned.members.clone())?;
        if planned
            .members
            .as_ref()
            .is_none_or(|members| members.end == u64::MAX)
        {
            Progress::add(&reading.progress.sources_done, 1);
        }
    }
    cutter.finish()
}
