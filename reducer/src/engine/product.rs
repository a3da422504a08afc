//! The kinds of result of a partition while they merge: ordered bytes, a table, or pairs.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use gristmill_common::counters::Counters;
use gristmill_common::id::ChunkId;
use gristmill_common::plan_summary::PlanSummary;
use gristmill_common::reduce_program::ReduceProgram;
use gristmill_common::shards::SHARDS;
use gristmill_common::spec::{JobSpec, Shape};

use crate::engine::arrivals::Arrivals;
use crate::engine::destination::Destination;
use crate::engine::error::FileError;
use crate::engine::grouped::Grouped;
use crate::engine::ordered::Ordered;
use crate::engine::out_file::{Finished, OutFile};
use crate::engine::reduce_error::ReduceError;
use crate::engine::sort::Sorted;
use crate::engine::spill_buffer::SpillBuffer;
use crate::engine::table_merge::TableMerge;

/// What one partition may use.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Bytes of memory for one partition's state; past it, it spills.
    pub memory: usize,
    /// Where temporary data goes.
    pub tmp: PathBuf,
    /// Runs the reduce program of a job that has one.
    pub program: Option<Arc<dyn ReduceProgram>>,
    /// Threads that may merge a table together; with more than one, large files are compressed and
    /// hashed beside too. Each has its share of the memory: [`threads_of_partition`].
    pub threads: usize,
}

impl Settings {
    /// Opens the part file of a partition.
    pub(crate) fn part(
        &self,
        partition: u32,
        spec: &JobSpec,
        destination: &Destination,
    ) -> Result<OutFile, FileError> {
        let out = destination.part(partition, spec)?;
        Ok(if self.threads > 1 {
            out.with_help()
        } else {
            out
        })
    }
}

/// The least memory of a partition for each thread that merges it.
const THREAD_MEMORY: usize = 1 << 20;

/// How many threads may merge one partition, in a process with `threads` threads and `partitions`
/// partitions, with `memory` bytes for the partition.
///
/// A merge takes a quarter of a job's processor time, and up to half of it: half of the threads,
/// rounded up, are enough. Shards are dealt out to them, so their number is a power of two. With
/// two threads one merges beside the other, and nothing is handed over.
#[must_use]
pub fn threads_of_partition(threads: usize, partitions: u32, memory: usize) -> usize {
    let most = threads.div_ceil(2).div_ceil(partitions.max(1) as usize);
    let most = (1 << most.ilog2()).min(SHARDS);
    let shares = (memory / THREAD_MEMORY).max(1);
    most.min(1 << shares.ilog2())
}

/// A partition's result while outcomes come in.
pub(crate) enum Merging {
    Ordered(Box<Ordered>),
    Table(Box<TableMerge>),
    Grouped(Box<Grouped>),
}

/// A partition's finished result.
#[derive(Debug)]
pub(crate) enum Product {
    /// Its part file.
    Part(Finished),
    /// Its first rows, in one or more runs, to be merged with those of the others.
    Top(Vec<Sorted>),
}

impl Merging {
    pub(crate) fn new(
        partition: u32,
        spec: &JobSpec,
        shape: Shape,
        plan_summary: &PlanSummary,
        settings: &Settings,
        destination: &Destination,
    ) -> Result<Self, ReduceError> {
        let shape = match shape {
            Shape::Ordered => {
                let out = settings.part(partition, spec, destination)?;
                let ordered = Ordered::new(partition, spec, plan_summary.splits, out);
                return Ok(Merging::Ordered(Box::new(ordered)));
            }
            Shape::Grouped => {
                let Some(program) = settings.program.clone() else {
                    return Err(ReduceError::Program(
                        "the job has a reduce program of its own, and this reducer runs none"
                            .into(),
                    ));
                };
                let budget = settings.memory / 8 * 6;
                let out = settings.part(partition, spec, destination)?;
                let grouped = Grouped::new(partition, budget, &settings.tmp, program, out);
                return Ok(Merging::Grouped(Box::new(grouped)));
            }
            Shape::Table(shape) => shape,
        };
        let merge = TableMerge::new(partition, spec, shape, settings, destination)?;
        Ok(Merging::Table(Box::new(merge)))
    }

    /// Takes a chunk's bodies, new and whole.
    pub(crate) fn take(
        &mut self,
        id: ChunkId,
        bodies: Vec<Bytes>,
        spill: &mut SpillBuffer,
        arrivals: &Arrivals,
    ) -> Result<(), ReduceError> {
        match self {
            Merging::Ordered(ordered) => {
                ordered.take(id, bodies, spill, |split| arrivals.chunks_of(split))?;
            }
            Merging::Grouped(grouped) => grouped.take(id, &bodies)?,
            Merging::Table(merge) => {
                for body in bodies {
                    merge.take(id, body)?;
                }
            }
        }
        Ok(())
    }

    /// Whether a body could be taken.
    pub(crate) fn check(&self, body: &[u8]) -> Result<(), ReduceError> {
        match self {
            Merging::Ordered(_) => Ok(()),
            Merging::Grouped(_) => Grouped::check(body),
            Merging::Table(merge) => merge
                .check(body)
                .map_err(|error| ReduceError::Malformed(error.to_string())),
        }
    }

    /// More is known of how many chunks splits have.
    pub(crate) fn advance(
        &mut self,
        spill: &mut SpillBuffer,
        arrivals: &Arrivals,
    ) -> Result<(), ReduceError> {
        if let Merging::Ordered(ordered) = self {
            ordered.advance(spill, |split| arrivals.chunks_of(split))?;
        }
        Ok(())
    }

    /// Bytes on disk so far.
    pub(crate) fn spilled(&self) -> u64 {
        match self {
            Merging::Ordered(_) => 0,
            Merging::Grouped(grouped) => grouped.spilled(),
            Merging::Table(merge) => merge.spilled(),
        }
    }

    /// Writes the rest; `spilled` grows by what went to disk, `counters` by what a program counted.
    pub(crate) fn finish(
        self,
        spilled: &mut u64,
        counters: &mut Counters,
    ) -> Result<Product, ReduceError> {
        match self {
            Merging::Ordered(ordered) => match ordered.finish()? {
                Some(out) => Ok(Product::Part(out.finish()?)),
                None => Err(ReduceError::Malformed(
                    "a complete partition with chunks left over".into(),
                )),
            },
            Merging::Table(merge) => merge.finish(spilled),
            Merging::Grouped(grouped) => Ok(Product::Part(grouped.finish(spilled, counters)?)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_threads_merge_as_far_as_memory_goes() {
        let plenty = 256 << 20;
        let of = |threads| threads_of_partition(threads, 1, plenty);
        assert_eq!([5, 6, 9, 10].map(of), [2, 2, 4, 4]);
        assert_eq!([1, 2, 3, 4, 8, 16, 64].map(of), [1, 1, 2, 2, 4, 8, 16]);
        assert_eq!(threads_of_partition(16, 4, plenty), 2);
        assert_eq!(threads_of_partition(16, 100, plenty), 1);
        assert_eq!(threads_of_partition(16, 1, 3 << 20), 2);
        assert_eq!(threads_of_partition(16, 1, 1000), 1);
    }
}
