//! What was set aside, sorted as `quarantine.jsonl` wants it, within a bound of memory and disk.
//!
//! It must not know queues. Lines are rendered when they come in, so their size is known at once.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::mpsc;
use std::thread;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use gristmill_common::chunk::Quarantined;
use gristmill_common::key::push_field;
use gristmill_common::plan_summary::PlanSummary;

use crate::engine::error::FileError;
use crate::engine::out_file::OutFile;
use crate::engine::reduce_error::{QuarantineFull, ReduceError};
use crate::engine::render::json::{push_name, push_string};
use crate::engine::render::push_number;
use crate::engine::sort::{Merger, Sorted, Sorter};

/// How many different reasons are counted; what comes later counts as none of them.
const MAX_REASONS: usize = 1000;

/// How often each reason was given.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reasons(BTreeMap<String, u64>);

impl Reasons {
    fn count(&mut self, reason: &str, times: u64) {
        if let Some(count) = self.0.get_mut(reason) {
            *count += times;
        } else if self.0.len() < MAX_REASONS {
            self.0.insert(reason.to_owned(), times);
        }
    }

    pub(crate) fn add(&mut self, other: &Reasons) {
        for (reason, times) in &other.0 {
            self.count(reason, *times);
        }
    }

    /// The reasons, the commonest first.
    pub(crate) fn by_count(&self) -> Vec<(String, u64)> {
        let mut all: Vec<_> = self.0.clone().into_iter().collect();
        all.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        all
    }

    /// The error that says that `limit` is passed.
    pub(crate) fn overflow(&self, limit: u64, entries: u64) -> QuarantineFull {
        let (reason, count) = self.by_count().into_iter().next().unwrap_or_default();
        QuarantineFull {
            limit,
            entries,
            reason,
            count,
        }
    }
}

/// Collects what was set aside.
#[derive(Debug)]
pub(crate) struct Quarantine {
    sorter: Sorter,
    limit: u64,
    bytes: u64,
    entries: u64,
    by_source: Vec<u64>,
    reasons: Reasons,
    key: Vec<u8>,
    line: Vec<u8>,
    begun: Begun,
}

/// What the entries of one document begin with: many of them come one after the other.
#[derive(Debug, Default)]
struct Begun {
    document: Option<(u32, Vec<u8>)>,
    key: Vec<u8>,
    line: Vec<u8>,
}

impl Begun {
    /// Sets key and line for the document of `entry`, which is of the source named `source`.
    fn set(&mut self, entry: &Quarantined, source: &[u8]) {
        if self
            .document
            .as_ref()
            .is_some_and(|(source, name)| *source == entry.source && *name == entry.document)
        {
            return;
        }
        self.document = Some((entry.source, entry.document.clone()));
        self.key.clear();
        self.key.extend_from_slice(&entry.source.to_be_bytes());
        push_field(&mut self.key, &entry.document);
        self.line.clear();
        self.line.extend_from_slice(b"{\"source\":");
        push_name(&mut self.line, source);
        self.line.extend_from_slice(b",\"document\":");
        push_name(&mut self.line, &entry.document);
        self.line.extend_from_slice(b",\"offset\":");
    }
}

/// What was set aside in one partition, sorted.
#[derive(Debug)]
pub(crate) struct SetAside {
    pub(crate) sorted: Sorted,
    pub(crate) bytes: u64,
    pub(crate) entries: u64,
    pub(crate) by_source: Vec<u64>,
    pub(crate) reasons: Reasons,
}

impl Quarantine {
    /// A collection of at most `limit` bytes of lines that keeps within `budget` bytes of memory
    /// and spills into `tmp`.
    pub(crate) fn new(sources: usize, limit: u64, budget: usize, tmp: &Path) -> Self {
        Self {
            sorter: Sorter::new(budget, tmp),
            limit,
            bytes: 0,
            entries: 0,
            by_source: vec![0; sources],
            reasons: Reasons::default(),
            key: Vec::new(),
            line: Vec::new(),
            begun: Begun::default(),
        }
    }

    /// Takes an entry.
    pub(crate) fn take(
        &mut self,
        entry: &Quarantined,
        plan_summary: &PlanSummary,
    ) -> Result<(), ReduceError> {
        let source = entry.source as usize;
        let count = &mut self.by_source[source];
        *count = count.saturating_add(entry.records());
        self.begun.set(entry, &plan_summary.sources[source]);
        self.key.clone_from(&self.begun.key);
        self.key.extend_from_slice(&entry.offset.to_be_bytes());
        push_field(&mut self.key, entry.reason.as_bytes());
        self.line.clone_from(&self.begun.line);
        push_rest(&mut self.line, entry);
        self.entries += 1;
        self.bytes += self.line.len() as u64;
        self.reasons.count(&entry.reason, 1);
        if self.bytes > self.limit {
            return Err(self.reasons.overflow(self.limit, self.entries).into());
        }
        Ok(self.sorter.push(&self.key, &self.line)?)
    }

    /// How many entries were taken.
    pub(crate) fn entries(&self) -> u64 {
        self.entries
    }

    /// Ends the intake.
    pub(crate) fn finish(self) -> SetAside {
        SetAside {
            sorted: self.sorter.finish(),
            bytes: self.bytes,
            entries: self.entries,
            by_source: self.by_source,
            reasons: self.reasons,
        }
    }
}

/// How many bytes of lines go from one thread to the other at once.
const BLOCK: usize = 256 << 10;
/// Blocks that are filled, written or on their way.
const BLOCKS: usize = 4;

/// Writes what all partitions set aside to one file, sorted. Nothing else is left to do then, so
/// another thread hashes and writes what this one merges.
pub(crate) fn write(
    all: Vec<Sorted>,
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
        let merged = merge(&mut merger, &empty, &to_writer);
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
    empty: &mpsc::Receiver<Vec<u8>>,
    full: &mpsc::SyncSender<Vec<u8>>,
) -> Result<(), FileError> {
    let (mut key, mut line) = (Vec::new(), Vec::new());
    let mut more = true;
    while more && let Ok(mut block) = empty.recv() {
        while block.len() < BLOCK {
            more = merger.next(&mut key, &mut line)?;
            if !more {
                break;
            }
            block.extend_from_slice(&line);
        }
        if full.send(block).is_err() {
            break;
        }
    }
    Ok(())
}

/// Appends what follows the offset's name.
fn push_rest(line: &mut Vec<u8>, entry: &Quarantined) {
    push_number(line, entry.offset.into());
    line.extend_from_slice(b",\"reason\":");
    push_string(line, entry.reason.as_bytes());
    if std::str::from_utf8(&entry.sample).is_ok() {
        line.extend_from_slice(b",\"text\":");
        push_string(line, &entry.sample);
    } else {
        line.extend_from_slice(b",\"base64\":\"");
        line.extend_from_slice(STANDARD.encode(&entry.sample).as_bytes());
        line.push(b'"');
    }
    if let Some(stretch) = entry.stretch {
        line.extend_from_slice(b",\"records\":");
        push_number(line, stretch.records.into());
        line.extend_from_slice(b",\"bytes\":");
        push_number(line, stretch.bytes.into());
    }
    if !entry.stderr.is_empty() {
        line.extend_from_slice(b",\"stderr\":");
        push_string(line, &entry.stderr);
    }
    line.extend_from_slice(b"}\n");
}
