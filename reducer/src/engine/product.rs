//! The kinds of result of a partition while they merge: ordered bytes, a table, or pairs.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use gristmill_common::counters::Counters;
use gristmill_common::id::{ChunkId, partition_of_key};
use gristmill_common::plan_summary::PlanSummary;
use gristmill_common::reduce_program::ReduceProgram;
use gristmill_common::spec::{JobSpec, KeyedBy, Shape, TableShape};

use crate::engine::arrivals::Arrivals;
use crate::engine::destination::Destination;
use crate::engine::grouped::Grouped;
use crate::engine::ordered::Ordered;
use crate::engine::out_file::{Finished, OutFile};
use crate::engine::reduce_error::ReduceError;
use crate::engine::render::Renderer;
use crate::engine::room::Room;
use crate::engine::sort::Sorted;
use crate::engine::table::{Groups, Table, TableError, Top};

/// What one partition may use.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Bytes of memory for one partition's state; past it, it spills.
    pub memory: usize,
    /// Where temporary data goes.
    pub tmp: PathBuf,
    /// Runs the reduce program of a job that has one.
    pub program: Option<Arc<dyn ReduceProgram>>,
}

/// Bytes of memory for a table of documents.
const DOCUMENT_ROWS: usize = 1 << 20;

/// A partition's result while outcomes come in.
pub(crate) enum Merging {
    Ordered(Box<Ordered>),
    Table(Box<TableMerge>),
    Grouped(Box<Grouped>),
}

/// A table, and how it ends.
pub(crate) struct TableMerge {
    table: Table,
    shape: TableShape,
    end: End,
    /// A table without key fields has one row, even if no record came.
    lone_row: bool,
}

/// What becomes of a table's finished rows.
enum End {
    Print(Box<Renderer>, OutFile),
    Top(Top),
}

/// A partition's finished result.
#[derive(Debug)]
pub(crate) enum Product {
    /// Its part file.
    Part(Finished),
    /// Its first rows, to be merged with those of the others.
    Top(Sorted),
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
                let out = destination.part(partition, spec)?;
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
                let out = destination.part(partition, spec)?;
                let grouped = Grouped::new(partition, budget, &settings.tmp, program, out);
                return Ok(Merging::Grouped(Box::new(grouped)));
            }
            Shape::Table(shape) => shape,
        };
        let end = match shape.top {
            Some(keep) => End::Top(Top::new(
                keep,
                shape.rank(),
                settings.memory / 8,
                &settings.tmp,
            )),
            None => {
                let renderer = Renderer::new(&shape, spec.format);
                let mut out = destination.part(partition, spec)?;
                out.write(&renderer.header())?;
                End::Print(Box::new(renderer), out)
            }
        };
        let share = if shape.top.is_some() { 5 } else { 6 };
        let budget = settings.memory / 8 * share;
        // Such keys come once and nearly in order: memory saves nothing, it would only grow with
        // the number of documents.
        let budget = match shape.keyed_by {
            KeyedBy::Document => budget.min(DOCUMENT_ROWS),
            KeyedBy::Fields(_) => budget,
        };
        let lone_row = matches!(&shape.keyed_by, KeyedBy::Fields(names) if names.is_empty())
            && partition_of_key(b"", spec.partitions) == partition;
        Ok(Merging::Table(Box::new(TableMerge {
            table: Table::new(&shape, budget, &settings.tmp),
            shape,
            end,
            lone_row,
        })))
    }

    /// Takes a chunk's bodies, new and whole.
    pub(crate) fn take(
        &mut self,
        id: ChunkId,
        bodies: Vec<Bytes>,
        room: &mut Room,
        arrivals: &Arrivals,
    ) -> Result<(), ReduceError> {
        match self {
            Merging::Ordered(ordered) => {
                ordered.take(id, bodies, room, |split| arrivals.chunks_of(split))?;
            }
            Merging::Grouped(grouped) => grouped.take(id, &bodies)?,
            Merging::Table(merge) => {
                for body in bodies {
                    merge.table.take(&body).map_err(|error| match error {
                        TableError::Malformed(what) => {
                            ReduceError::Malformed(format!("chunk {id}: {what}"))
                        }
                        TableError::File(error) => error.into(),
                    })?;
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
                .table
                .check_body(body)
                .map_err(|error| ReduceError::Malformed(error.to_string())),
        }
    }

    /// More is known of how many chunks splits have.
    pub(crate) fn advance(
        &mut self,
        room: &mut Room,
        arrivals: &Arrivals,
    ) -> Result<(), ReduceError> {
        if let Merging::Ordered(ordered) = self {
            ordered.advance(room, |split| arrivals.chunks_of(split))?;
        }
        Ok(())
    }

    /// Bytes on disk so far.
    pub(crate) fn spilled(&self) -> u64 {
        match self {
            Merging::Ordered(_) => 0,
            Merging::Grouped(grouped) => grouped.spilled(),
            Merging::Table(merge) => merge.table.spilled(),
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

impl TableMerge {
    fn finish(self, spilled: &mut u64) -> Result<Product, ReduceError> {
        let Self {
            table,
            shape,
            mut end,
            lone_row,
        } = self;
        // Of the table, not of what is printed: a row that a condition drops was there.
        let mut empty = true;
        let mut groups = Groups::new(&shape, |key: &[u8], values: &[u128]| end.row(key, values))?;
        table.finish(spilled, |key, member, values| {
            empty = false;
            groups.row(key, member, values)
        })?;
        if empty && lone_row {
            let neutral = shape.columns.iter().map(|(_, merge)| merge.neutral());
            groups.row(b"", false, &neutral.collect::<Vec<_>>())?;
        }
        groups.close()?;
        match end {
            End::Print(mut renderer, mut out) => {
                out.write(renderer.rest())?;
                Ok(Product::Part(out.finish()?))
            }
            End::Top(top) => {
                let sorted = top.finish();
                *spilled += sorted.spilled();
                Ok(Product::Top(sorted))
            }
        }
    }
}

impl End {
    fn row(&mut self, key: &[u8], values: &[u128]) -> Result<(), ReduceError> {
        match self {
            End::Print(renderer, out) => Ok(out.write(renderer.line(key, values)?)?),
            End::Top(top) => Ok(top.row(key, values)?),
        }
    }
}
