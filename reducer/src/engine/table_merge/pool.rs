//! The threads that merge one table, each the rows of its shards.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

use bytes::Bytes;
use gristmill_common::id::ChunkId;
use gristmill_common::spec::{Format, TableShape};

use super::backlog::{Backlog, OVERHEAD};
use super::shard_merge::{Ended, ShardEnd, ShardMerge, Told};
use crate::engine::reduce_error::ReduceError;
use crate::engine::render::Renderer;
use crate::engine::sort::{BLOCKS, Merger, Sorted, StreamReader, stream};
use crate::engine::table::{Table, Top};

/// The largest batch in which bodies go to the threads.
const MAX_BATCH: usize = 256 << 10;
/// The largest block in which sorted rows leave a thread.
const MAX_BLOCK: usize = 64 << 10;
/// And the smallest.
const MIN_BLOCK: usize = 1 << 10;

/// How a table's merge is shared out.
#[derive(Clone, Copy)]
pub(super) struct Plan<'a> {
    pub(super) partition: u32,
    pub(super) threads: usize,
    pub(super) format: Format,
    /// Bytes of memory of all threads' rows.
    pub(super) rows: usize,
    /// Bytes of memory for the first rows, where those are asked for.
    pub(super) top: usize,
    /// Bytes on their way to the threads, and later from them.
    pub(super) backlog: usize,
    pub(super) tmp: &'a Path,
}

/// The threads.
pub(super) struct Pool {
    threads: Vec<Thread>,
    /// Bodies that are handed over together, and what they cost.
    batch: Vec<(ChunkId, Bytes)>,
    cost: usize,
    /// A batch of so many bytes is handed over: waking all threads costs more than a small body.
    full: usize,
    backlog: Backlog,
    spilled: Arc<AtomicU64>,
    /// What each gives out in the end, unless it keeps first rows.
    streams: Vec<StreamReader>,
    /// Whether those are lines.
    lines: bool,
}

struct Thread {
    tell: Sender<Told>,
    handle: JoinHandle<Result<Ended, ReduceError>>,
}

/// What the threads give out.
pub(super) enum Merged {
    /// Lines, by key.
    Lines(Merger),
    /// Rows, by key.
    Rows(Merger),
    /// The first rows, which are in [`Ended`].
    Top,
}

impl Pool {
    /// Starts the threads.
    ///
    /// # Errors
    /// When one cannot be started.
    pub(super) fn start(shape: &Arc<TableShape>, plan: Plan<'_>) -> io::Result<Self> {
        let Plan { threads, tmp, .. } = plan;
        let whole = shape.has_members() || shape.has_buckets() || plan.format == Format::Table;
        let block = plan.backlog / (BLOCKS * threads);
        let block = block.clamp(MIN_BLOCK, MAX_BLOCK);
        let mut pool = Self {
            threads: Vec::with_capacity(threads),
            batch: Vec::new(),
            cost: 0,
            full: (plan.backlog / 4).min(MAX_BATCH),
            backlog: Backlog::new(plan.backlog / 4 * 3),
            spilled: Arc::default(),
            streams: Vec::new(),
            lines: !whole,
        };
        for number in 0..threads {
            let mut writer = || {
                let (writer, reader) = stream(block, tmp);
                pool.streams.push(reader);
                writer
            };
            let end = match shape.top {
                _ if whole => ShardEnd::Rows(writer()),
                None => ShardEnd::Lines(Box::new(Renderer::new(shape, plan.format)), writer()),
                Some(keep) => ShardEnd::Top(Top::new(keep, shape.rank(), plan.top / threads, tmp)),
            };
            let (tell, told) = channel();
            let merge = ShardMerge {
                shape: Arc::clone(shape),
                table: Table::of_shards(shape, plan.rows / threads, tmp, number, threads),
                end,
                told,
                spilled: Arc::clone(&pool.spilled),
            };
            let handle = std::thread::Builder::new()
                .name(format!("merge-{}-{number}", plan.partition))
                .spawn(move || merge.run())?;
            pool.threads.push(Thread { tell, handle });
        }
        Ok(pool)
    }

    /// Hands a body to the threads, together with others.
    ///
    /// # Errors
    /// When one of them has failed.
    pub(super) fn take(&mut self, id: ChunkId, body: Bytes) -> Result<(), ReduceError> {
        if body.is_empty() {
            return Ok(());
        }
        self.cost += body.len() + OVERHEAD;
        self.batch.push((id, body));
        match self.cost > self.full {
            true => self.hand_over(),
            false => Ok(()),
        }
    }

    fn hand_over(&mut self) -> Result<(), ReduceError> {
        self.cost = 0;
        let batch = self.backlog.admit(std::mem::take(&mut self.batch));
        let failed = self
            .threads
            .iter()
            .position(|thread| thread.tell.send(Told::Take(Arc::clone(&batch))).is_err());
        match failed {
            None => Ok(()),
            Some(at) => Err(self.threads.swap_remove(at).failure()),
        }
    }

    /// Bytes on disk so far.
    pub(super) fn spilled(&self) -> u64 {
        self.spilled.load(Ordering::Relaxed)
    }

    /// Lets the threads finish: what they give out goes through `with`, and their first rows come
    /// back. `spilled` grows by what they wrote to disk.
    pub(super) fn finish(
        mut self,
        spilled: &mut u64,
        with: impl FnOnce(Merged) -> Result<(), ReduceError>,
    ) -> Result<Vec<Sorted>, ReduceError> {
        self.hand_over()?;
        for thread in &self.threads {
            // One that has failed says so when it is joined.
            let _ = thread.tell.send(Told::Finish);
        }
        let streams = std::mem::take(&mut self.streams);
        let merged = match (streams.is_empty(), self.lines) {
            (true, _) => with(Merged::Top),
            (false, lines) => Merger::of_streams(streams)
                .map_err(ReduceError::from)
                .and_then(|merger| match lines {
                    true => with(Merged::Lines(merger)),
                    false => with(Merged::Rows(merger)),
                }),
        };
        let mut tops = Vec::new();
        let mut failed = None;
        for thread in self.threads.drain(..) {
            match thread.join() {
                Ok(ended) => {
                    tops.extend(ended.top);
                    *spilled += ended.spilled;
                }
                // They suffer from a merge that failed; the cause is its error.
                Err(ReduceError::Unable(_)) if merged.is_err() => {}
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        match failed {
            Some(error) => Err(error),
            None => merged.map(|()| tops),
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        // Without anyone to tell them more, and to read what they give out, they end.
        self.streams.clear();
        for Thread { tell, handle } in self.threads.drain(..) {
            drop(tell);
            let _ = handle.join();
        }
    }
}

impl Thread {
    fn join(self) -> Result<Ended, ReduceError> {
        drop(self.tell);
        match self.handle.join() {
            Ok(ended) => ended,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }

    /// Why it has ended before its time.
    fn failure(self) -> ReduceError {
        match self.join() {
            Err(error) => error,
            Ok(_) => ReduceError::Unable("a thread that merges ended early".into()),
        }
    }
}
