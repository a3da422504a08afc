//! What one of several threads does: it merges the rows of its shards and gives them out in order.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Receiver;

use gristmill_common::spec::TableShape;

use super::backlog::Batch;
use super::malformed;
use crate::engine::reduce_error::ReduceError;
use crate::engine::render::Renderer;
use crate::engine::sort::{Gone, Sorted, StreamWriter};
use crate::engine::table::{Groups, Table, Top, put_values};

/// What a thread is told.
pub(super) enum Told {
    /// To merge the rows of bodies that are its own.
    Take(Arc<Batch>),
    /// That there are no more.
    Finish,
}

/// The work of one thread.
pub(super) struct ShardMerge {
    pub(super) shape: Arc<TableShape>,
    pub(super) table: Table,
    pub(super) end: ShardEnd,
    pub(super) told: Receiver<Told>,
    /// Bytes that all threads have on disk.
    pub(super) spilled: Arc<AtomicU64>,
}

/// What becomes of a thread's rows.
pub(super) enum ShardEnd {
    /// Each is finished by itself, and leaves as a line.
    Lines(Box<Renderer>, StreamWriter),
    /// They leave as they are: several make one finished row, or a line depends on others.
    Rows(StreamWriter),
    /// The first of them are kept.
    Top(Top),
}

/// What a thread ended with.
#[derive(Default)]
pub(super) struct Ended {
    /// Its first rows, where those are asked for.
    pub(super) top: Option<Sorted>,
    /// Bytes that it wrote to disk.
    pub(super) spilled: u64,
}

impl ShardMerge {
    /// Works until it is told to finish, or nobody is there to tell.
    pub(super) fn run(mut self) -> Result<Ended, ReduceError> {
        let mut shown = 0;
        loop {
            match self.told.recv() {
                Ok(Told::Take(batch)) => {
                    for (id, body) in &batch.bodies {
                        let taken = self.table.take(body);
                        taken.map_err(|error| malformed(*id, error))?;
                    }
                    let now = self.table.spilled();
                    self.spilled.fetch_add(now - shown, Ordering::Relaxed);
                    shown = now;
                }
                Ok(Told::Finish) => return self.finish(),
                Err(_) => return Ok(Ended::default()),
            }
        }
    }

    fn finish(self) -> Result<Ended, ReduceError> {
        let mut ended = Ended::default();
        let (table, shape) = (self.table, self.shape);
        let spilled = &mut ended.spilled;
        match self.end {
            ShardEnd::Lines(mut renderer, mut to) => {
                let mut groups = Groups::new(&shape, |key: &[u8], values: &[u128]| {
                    Ok(to.push(key, renderer.line(key, values)?)?)
                })?;
                table.finish(spilled, |key, member, values| {
                    groups.row(key, member, values)
                })?;
                groups.close()?;
                to.end()?;
            }
            ShardEnd::Rows(mut to) => {
                let mut payload = Vec::new();
                table.finish(spilled, |key, _, values| -> Result<(), ReduceError> {
                    put_values(values, &mut payload);
                    Ok(to.push(key, &payload)?)
                })?;
                to.end()?;
            }
            ShardEnd::Top(mut top) => {
                let mut groups = Groups::new(&shape, |key: &[u8], values: &[u128]| {
                    Ok(top.row(key, values)?)
                })?;
                table.finish(spilled, |key, member, values| {
                    groups.row(key, member, values)
                })?;
                groups.close()?;
                let sorted = top.finish();
                *spilled += sorted.spilled();
                ended.top = Some(sorted);
            }
        }
        Ok(ended)
    }
}

impl From<Gone> for ReduceError {
    fn from(_: Gone) -> Self {
        ReduceError::Unable("a merge that nobody wants any more".into())
    }
}
