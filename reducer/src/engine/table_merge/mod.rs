//! The merge of one partition's table, on one thread or on several, and how its rows end.
//!
//! The bytes are the same either way (I6): each key is one thread's, and what the threads give out
//! is merged by key. A table with few rows needs no thread of its own.

mod backlog;
mod pool;
mod shard_merge;

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use gristmill_common::id::{ChunkId, partition_of_key};
use gristmill_common::shards::SHARDS;
use gristmill_common::spec::{Format, JobSpec, KeyedBy, TableShape};

use self::backlog::OVERHEAD;
use self::pool::{Merged, Plan, Pool};
use crate::engine::destination::Destination;
use crate::engine::out_file::OutFile;
use crate::engine::product::{Product, Settings};
use crate::engine::reduce_error::ReduceError;
use crate::engine::render::Renderer;
use crate::engine::sort::{Merger, Sorted, take_values};
use crate::engine::table::{Groups, Layout, Table, TableError, Top};

/// Bytes of memory for a table of documents: such keys come once and nearly in order, so memory
/// saves nothing, it would only grow with the number of documents.
const DOCUMENT_ROWS: usize = 1 << 20;
/// Threads are started once so many bytes of rows have come.
const MANY: usize = 256 << 10;
/// The most bytes on their way to the threads.
const MAX_BACKLOG: usize = 8 << 20;

/// A table, and how it ends.
pub(crate) struct TableMerge {
    partition: u32,
    shape: Arc<TableShape>,
    layout: Layout,
    format: Format,
    /// How many threads may merge.
    threads: usize,
    /// Bytes of memory, in eighths of the partition's.
    eighth: usize,
    tmp: PathBuf,
    rows: RowsSo,
    end: End,
    /// A table without key fields has one row, even if no record came.
    lone_row: bool,
}

/// Where the rows are so far.
enum RowsSo {
    /// In a few bodies, which wait for more.
    Few {
        bodies: Vec<(ChunkId, Bytes)>,
        bytes: usize,
    },
    /// In one table.
    Here(Box<Table>),
    /// In those of several threads.
    Shared(Box<Pool>),
}

/// What becomes of a table's finished rows.
enum End {
    Print(Box<Renderer>, OutFile),
    Top(Top),
}

impl TableMerge {
    pub(crate) fn new(
        partition: u32,
        spec: &JobSpec,
        shape: TableShape,
        settings: &Settings,
        destination: &Destination,
    ) -> Result<Self, ReduceError> {
        let eighth = settings.memory / 8;
        let end = match shape.top {
            Some(keep) => End::Top(Top::new(keep, shape.rank(), eighth, &settings.tmp)),
            None => {
                let renderer = Renderer::new(&shape, spec.format);
                let mut out = settings.part(partition, spec, destination)?;
                out.write(&renderer.header())?;
                End::Print(Box::new(renderer), out)
            }
        };
        let lone = matches!(&shape.keyed_by, KeyedBy::Fields(names) if names.is_empty());
        let few = lone && !shape.has_members() || shape.keyed_by == KeyedBy::Document;
        let mut merge = Self {
            partition,
            layout: Layout::new(&shape),
            format: spec.format,
            threads: if few { 1 } else { settings.threads },
            eighth,
            tmp: settings.tmp.clone(),
            rows: RowsSo::Few {
                bodies: Vec::new(),
                bytes: 0,
            },
            end,
            lone_row: lone && partition_of_key(b"", spec.partitions) == partition,
            shape: Arc::new(shape),
        };
        merge.threads = merge.threads.clamp(1, SHARDS);
        if merge.threads == 1 {
            merge.rows = RowsSo::Here(merge.table());
        }
        Ok(merge)
    }

    /// Whether the rows of a body are rows of this table.
    pub(crate) fn check(&self, body: &[u8]) -> Result<(), TableError> {
        self.layout.check_body(body)
    }

    /// Takes the rows of a chunk's body.
    pub(crate) fn take(&mut self, id: ChunkId, body: Bytes) -> Result<(), ReduceError> {
        match &mut self.rows {
            RowsSo::Here(table) => table.take(&body).map_err(|error| malformed(id, error)),
            RowsSo::Shared(pool) => pool.take(id, body),
            RowsSo::Few { .. } if body.is_empty() => Ok(()),
            RowsSo::Few { bodies, bytes } => {
                *bytes += body.len() + OVERHEAD;
                bodies.push((id, body));
                if *bytes > MANY.min(self.backlog()) {
                    self.begin()?;
                }
                Ok(())
            }
        }
    }

    /// Bytes on disk so far.
    pub(crate) fn spilled(&self) -> u64 {
        match &self.rows {
            RowsSo::Few { .. } => 0,
            RowsSo::Here(table) => table.spilled(),
            RowsSo::Shared(pool) => pool.spilled(),
        }
    }

    /// Writes the rows, or the first of them.
    pub(crate) fn finish(mut self, spilled: &mut u64) -> Result<Product, ReduceError> {
        if let RowsSo::Few { .. } = self.rows {
            self.threads = 1;
            self.begin()?;
        }
        let Self {
            shape,
            rows,
            mut end,
            lone_row,
            ..
        } = self;
        let mut tops = Vec::new();
        match rows {
            RowsSo::Few { .. } => {}
            RowsSo::Here(table) => end.finish_rows(&shape, lone_row, |give| {
                table.finish(spilled, |key, member, values| give(key, member, values))
            })?,
            RowsSo::Shared(pool) => {
                tops = pool.finish(spilled, |merged| match merged {
                    Merged::Lines(lines) => end.lines(lines),
                    Merged::Rows(rows) => {
                        let columns = shape.columns.len();
                        end.finish_rows(&shape, lone_row, |give| each_row(rows, columns, give))
                    }
                    Merged::Top => Ok(()),
                })?;
            }
        }
        end.product(tops, spilled)
    }

    /// Bytes that may be on their way to threads.
    fn backlog(&self) -> usize {
        self.eighth.min(MAX_BACKLOG)
    }

    /// Bytes of memory for rows.
    fn budget(&self) -> usize {
        let share = if self.shape.top.is_some() { 5 } else { 6 };
        let budget = self.eighth * share;
        match self.shape.keyed_by {
            KeyedBy::Document => budget.min(DOCUMENT_ROWS),
            KeyedBy::Fields(_) => budget,
        }
    }

    fn table(&self) -> Box<Table> {
        Box::new(Table::new(&self.shape, self.budget(), &self.tmp))
    }

    /// Merges what has waited, and from now on what comes.
    fn begin(&mut self) -> Result<(), ReduceError> {
        let plan = Plan {
            partition: self.partition,
            threads: self.threads,
            format: self.format,
            rows: self.budget().saturating_sub(self.backlog()),
            top: self.eighth,
            backlog: self.backlog(),
            tmp: &self.tmp,
        };
        let several = (self.threads > 1).then(|| Pool::start(&self.shape, plan));
        let rows = match several {
            Some(Ok(pool)) => RowsSo::Shared(Box::new(pool)),
            // A system that starts no more threads leaves the work to this one.
            Some(Err(_)) | None => RowsSo::Here(self.table()),
        };
        if let RowsSo::Few { bodies, .. } = std::mem::replace(&mut self.rows, rows) {
            for (id, body) in bodies {
                self.take(id, body)?;
            }
        }
        Ok(())
    }
}

/// Gives out a merged row: its key, whether it is a member, its values.
type Give<'a> = dyn FnMut(&[u8], bool, &[u128]) -> Result<(), ReduceError> + 'a;

impl End {
    /// Works out the finished rows of the sorted ones that `rows` gives out.
    fn finish_rows(
        &mut self,
        shape: &TableShape,
        lone_row: bool,
        rows: impl FnOnce(&mut Give<'_>) -> Result<(), ReduceError>,
    ) -> Result<(), ReduceError> {
        // Of the table, not of what is printed: a row that a condition drops was there.
        let mut empty = true;
        let mut groups = Groups::new(shape, |key: &[u8], values: &[u128]| self.row(key, values))?;
        rows(&mut |key, member, values| {
            empty = false;
            groups.row(key, member, values)
        })?;
        if empty && lone_row {
            let neutral = shape.columns.iter().map(|(_, merge)| merge.neutral());
            groups.row(b"", false, &neutral.collect::<Vec<_>>())?;
        }
        groups.close()
    }

    fn row(&mut self, key: &[u8], values: &[u128]) -> Result<(), ReduceError> {
        match self {
            End::Print(renderer, out) => Ok(out.write(renderer.line(key, values)?)?),
            End::Top(top) => Ok(top.row(key, values)?),
        }
    }

    /// Writes lines that are ready.
    fn lines(&mut self, mut lines: Merger) -> Result<(), ReduceError> {
        let End::Print(_, out) = self else {
            return Ok(());
        };
        while let Some((_, line)) = lines.head() {
            out.write(line)?;
            lines.advance()?;
        }
        Ok(())
    }

    fn product(self, mut tops: Vec<Sorted>, spilled: &mut u64) -> Result<Product, ReduceError> {
        match self {
            End::Print(mut renderer, mut out) => {
                out.write(renderer.rest())?;
                Ok(Product::Part(out.finish()?))
            }
            End::Top(top) => {
                let sorted = top.finish();
                *spilled += sorted.spilled();
                tops.push(sorted);
                Ok(Product::Top(tops))
            }
        }
    }
}

/// Gives out the rows that threads have sorted.
fn each_row(mut rows: Merger, columns: usize, give: &mut Give<'_>) -> Result<(), ReduceError> {
    let mut values = Vec::new();
    while let Some((key, payload)) = rows.head() {
        // A table without columns has only members.
        let member = payload.is_empty();
        take_values(payload, if member { 0 } else { columns }, &mut values);
        give(key, member, &values)?;
        rows.advance()?;
    }
    Ok(())
}

fn malformed(id: ChunkId, error: TableError) -> ReduceError {
    match error {
        TableError::Malformed(what) => ReduceError::Malformed(format!("chunk {id}: {what}")),
        TableError::File(error) => error.into(),
    }
}
