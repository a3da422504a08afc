//! What was set aside, sorted as `quarantine.jsonl` wants it, within a bound of memory and disk.
//!
//! It must not know queues. Lines are rendered when they come in, so their size is known at once.

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use gristmill_common::chunk::Quarantined;
use gristmill_common::key::push_field;
use gristmill_common::outline::Outline;

use crate::error::FileError;
use crate::out_file::OutFile;
use crate::reduce_error::{QuarantineFull, ReduceError};
use crate::render::json::push_string;
use crate::sort::{Sorted, Sorter};

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
    /// A collection of at most `limit` bytes of lines that keeps within `budget` bytes of memory and
    /// spills into `tmp`.
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
        }
    }

    /// Takes an entry.
    pub(crate) fn take(
        &mut self,
        entry: &Quarantined,
        outline: &Outline,
    ) -> Result<(), ReduceError> {
        let source = entry.source as usize;
        let (Some(name), Some(count)) =
            (outline.sources.get(source), self.by_source.get_mut(source))
        else {
            return Err(ReduceError::Malformed(format!(
                "a quarantined record of source {source}, and there are {}",
                outline.sources.len()
            )));
        };
        *count += 1;
        self.key.clear();
        self.key.extend_from_slice(&entry.source.to_be_bytes());
        push_field(&mut self.key, &entry.document);
        self.key.extend_from_slice(&entry.offset.to_be_bytes());
        push_field(&mut self.key, entry.reason.as_bytes());
        self.line.clear();
        push_line(&mut self.line, entry, name);
        self.entries += 1;
        self.bytes += self.line.len() as u64;
        self.reasons.count(&entry.reason, 1);
        if self.bytes > self.limit {
            return Err(self.reasons.overflow(self.limit, self.entries).into());
        }
        Ok(self.sorter.push(&self.key, &self.line)?)
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

/// Writes what all partitions set aside to one file, sorted.
pub(crate) fn write(
    all: Vec<Sorted>,
    budget: usize,
    spilled: &mut u64,
    out: &mut OutFile,
) -> Result<(), FileError> {
    let mut merger = Sorted::merge(all, budget, spilled)?;
    let (mut key, mut line) = (Vec::new(), Vec::new());
    while merger.next(&mut key, &mut line)? {
        out.write(&line)?;
    }
    Ok(())
}

fn push_line(line: &mut Vec<u8>, entry: &Quarantined, source: &[u8]) {
    line.extend_from_slice(b"{\"source\":");
    push_string(line, source);
    line.extend_from_slice(b",\"document\":");
    push_string(line, &entry.document);
    line.extend_from_slice(format!(",\"offset\":{},\"reason\":", entry.offset).as_bytes());
    push_string(line, entry.reason.as_bytes());
    if std::str::from_utf8(&entry.sample).is_ok() {
        line.extend_from_slice(b",\"text\":");
        push_string(line, &entry.sample);
    } else {
        line.extend_from_slice(b",\"base64\":\"");
        line.extend_from_slice(STANDARD.encode(&entry.sample).as_bytes());
        line.push(b'"');
    }
    line.extend_from_slice(b"}\n");
}
