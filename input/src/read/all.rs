//! Reading all splits of a plan, on threads.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use gristmill_common::chunk::ChunkHead;
use gristmill_common::progress::Progress;
use gristmill_common::seal::{Seal, SplitEnd};
use parking_lot::Mutex;

use super::objects_ahead::ObjectsAhead;
use super::{Reading, read_ahead};
use crate::cut::ChunkSink;
use crate::error::Halt;

/// The end and the records (per source) of a split that need not be read again.
type Done<'d> = (SplitEnd, &'d [(u32, u64)]);

/// Reads every split on `threads` threads, in plan order, each into a sink of its thread's own. A
/// split that `done` knows is not read again.
///
/// # Errors
/// When a split cannot be read to its end, a sink halts, or a thread cannot be had.
pub fn read_all<'d, S: ChunkSink>(
    reading: &Reading<'_>,
    threads: NonZeroUsize,
    done: &(dyn Fn(u32) -> Option<Done<'d>> + Sync),
    sink: impl Fn() -> S + Sync,
) -> Result<Seal, Halt> {
    let plan = reading.plan;
    let splits = plan.splits().len() as u32;
    // Those that have nothing to read ask for nothing.
    let threads = threads.min(NonZeroUsize::new(splits as usize).unwrap_or(NonZeroUsize::MIN));
    let wants = |split| done(split).is_none();
    let shared = Shared {
        reading,
        ahead: ObjectsAhead::new(plan, &wants, threads),
        splits,
        done,
        seal: Mutex::new(Seal {
            chunks: vec![0; splits as usize],
            records: vec![0; plan.sources().len()],
            passed_over: 0,
        }),
        next: AtomicU32::new(0),
        failed: AtomicBool::new(false),
    };
    on_threads(threads.get(), &shared, &sink)?;
    Ok(shared.seal.into_inner())
}

/// What the reading threads share.
struct Shared<'a, 'd> {
    reading: &'a Reading<'a>,
    ahead: ObjectsAhead<'a>,
    splits: u32,
    done: &'a (dyn Fn(u32) -> Option<Done<'d>> + Sync),
    seal: Mutex<Seal>,
    /// The split that nobody has taken yet.
    next: AtomicU32,
    /// One thread has failed: the others stop.
    failed: AtomicBool,
}

/// Runs the threads to their end. The first failure is the result, and it ends the others.
fn on_threads<S: ChunkSink>(
    threads: usize,
    shared: &Shared<'_, '_>,
    sink: &(impl Fn() -> S + Sync),
) -> Result<(), Halt> {
    std::thread::scope(|scope| {
        let mut started = Vec::new();
        let mut first = Ok(());
        for number in 0..threads {
            let thread = std::thread::Builder::new().name(format!("reader {number}"));
            match thread.spawn_scoped(scope, move || shared.read(number, sink())) {
                Ok(handle) => started.push(handle),
                Err(error) => {
                    shared.failed.store(true, Ordering::Relaxed);
                    first = Err(Halt::Thread(error.to_string()));
                    break;
                }
            }
        }
        for handle in started {
            let result = handle.join().unwrap_or_else(|_| {
                shared.failed.store(true, Ordering::Relaxed);
                Err(Halt::Thread("panicked".into()))
            });
            // What went wrong says more than that the others stopped for it.
            if first.is_ok() || matches!(first, Err(Halt::Stopped)) && result.is_err() {
                first = result;
            }
        }
        first
    })
}

impl Shared<'_, '_> {
    /// Reads one split after the other, until there is none or one thread has failed.
    fn read(&self, number: usize, mut sink: impl ChunkSink) -> Result<(), Halt> {
        let result = self.read_splits(number, &mut sink);
        if result.is_err() {
            self.failed.store(true, Ordering::Relaxed);
        }
        result
    }

    fn read_splits(&self, number: usize, sink: &mut impl ChunkSink) -> Result<(), Halt> {
        let mut ahead = self.ahead.reader(number);
        while !self.failed.load(Ordering::Relaxed) {
            let split = self.next.fetch_add(1, Ordering::Relaxed);
            if split >= self.splits {
                break;
            }
            if let Some((end, records)) = (self.done)(split) {
                self.enter(end, records);
                Progress::add(&self.reading.progress.chunks_cut, end.chunks.into());
                self.reading.pass(split);
                continue;
            }
            if sink.take_unread(split)? {
                self.reading.pass(split);
                continue;
            }
            let mut guarded = Guarded {
                sink,
                failed: &self.failed,
            };
            let account = read_ahead(self.reading, split, &mut ahead, &mut guarded)?;
            let end = SplitEnd {
                split,
                chunks: account.chunks,
                passed_over: account.passed_over,
            };
            let records: Vec<(u32, u64)> = account.records.into_iter().collect();
            self.enter(end, &records);
            sink.ended(end, records)?;
        }
        match self.failed.load(Ordering::Relaxed) {
            true => Ok(()),
            false => sink.finish(),
        }
    }

    /// Notes a split's end.
    fn enter(&self, end: SplitEnd, records: &[(u32, u64)]) {
        let mut seal = self.seal.lock();
        enter(&mut seal, end, records);
    }
}

/// Ends a split when another thread failed.
struct Guarded<'a, S> {
    sink: &'a mut S,
    failed: &'a AtomicBool,
}

impl<S: ChunkSink> ChunkSink for Guarded<'_, S> {
    fn take(&mut self, head: ChunkHead, body: Vec<u8>) -> Result<(), Halt> {
        if self.failed.load(Ordering::Relaxed) {
            return Err(Halt::Stopped);
        }
        self.sink.take(head, body)
    }

    fn buffer(&mut self, capacity: usize) -> Vec<u8> {
        self.sink.buffer(capacity)
    }
}

fn enter(seal: &mut Seal, end: SplitEnd, records: &[(u32, u64)]) {
    seal.chunks[end.split as usize] = end.chunks;
    seal.passed_over = seal.passed_over.saturating_add(end.passed_over);
    for &(source, records) in records {
        // What an earlier attempt wrote to a log is not trusted to fit.
        if let Some(total) = seal.records.get_mut(source as usize) {
            *total = total.saturating_add(records);
        }
    }
}
