//! `quarantine.jsonl`: what all partitions set aside, merged and written.

use std::io;
use std::path::Path;
use std::sync::mpsc;
use std::thread;

use gristmill_common::plan_summary::PlanSummary;

use super::lines::Lines;
use crate::engine::error::FileError;
use crate::engine::out_file::OutFile;
use crate::engine::sort::{Merger, Sorted};

/// How many bytes of lines go from one thread to the other at once.
const BLOCK: usize = 256 << 10;
/// Blocks that are filled, written or on their way.
const BLOCKS: usize = 4;

/// Writes what all partitions set aside to one file, sorted. Nothing else is left to do then, so
/// another thread hashes and writes what this one merges.
pub(crate) fn write(
    all: Vec<Sorted>,
    plan_summary: &PlanSummary,
    budget: usize,
    spilled: &mut u64,
    out: &mut OutFile,
) -> Result<(), FileError> {
    let mut merger = Sorted::merge(all, budget, spilled)?;
    let shown = out.shown().to_owned();
    let (to_writer, full) = mpsc::sync_channel::<Vec<u8>>(BLOCKS);
    let (to_merger, empty) = mpsc::sync_channel::<Vec<u8>>(BLOCKS);
    for _ in 0..BLOCKS {
        // There is room for all.
        let _ = to_merger.send(Vec::new());
    }
    thread::scope(|scope| {
        let write = move || {
            for mut block in full {
                out.write(&block)?;
                block.clear();
                // The last blocks are wanted back by nobody.
                let _ = to_merger.send(block);
            }
            Ok(())
        };
        let writer = thread::Builder::new()
            .name("quarantine".into())
            .spawn_scoped(scope, write)
            .map_err(FileError::new("start a thread to write", &shown))?;
        let mut lines = Lines::new(plan_summary);
        let merged = merge(&mut merger, &mut lines, &empty, &to_writer, &shown);
        drop(to_writer);
        let written = match writer.join() {
            Ok(written) => written,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        written.and(merged)
    })
}

/// Merges into blocks until there is no more, or the writer is gone.
fn merge(
    merger: &mut Merger,
    lines: &mut Lines<'_>,
    empty: &mpsc::Receiver<Vec<u8>>,
    full: &mpsc::SyncSender<Vec<u8>>,
    shown: &Path,
) -> Result<(), FileError> {
    let mut more = true;
    while more && let Ok(mut block) = empty.recv() {
        while block.len() < BLOCK {
            let Some((key, payload)) = merger.head() else {
                more = false;
                break;
            };
            if !lines.push(key, payload, &mut block) {
                let torn = io::Error::other("temporary data does not hold what was written");
                return Err(FileError::new("write", shown)(torn));
            }
            merger.advance()?;
        }
        if full.send(block).is_err() {
            break;
        }
    }
    Ok(())
}
