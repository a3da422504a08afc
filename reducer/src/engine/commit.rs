//! From finished partitions to a complete output: accounts checked, files named, manifest last.
//!
//! The order of steps makes every crash harmless: all files are complete and synced under temporary
//! names, then the new manifest under its temporary name (the journal), then an earlier manifest
//! steps aside, then files get their names, and the manifest last. No manifest = no output; a later
//! run finds the journal and knows which files a crashed commit had already named.

use std::collections::BTreeSet;

use gristmill_common::counters::Counters;
use gristmill_common::name::shown;
use gristmill_common::plan_summary::PlanSummary;
use gristmill_common::spec::{JobSpec, Shape};

use crate::engine::accounts::Account;
use crate::engine::commit_error::CommitError;
use crate::engine::destination::{Destination, SideFiles};
use crate::engine::error::FileError;
use crate::engine::files::{self, TempFile};
use crate::engine::manifest::{
    self, FORMAT, FileEntry, MANIFEST, Manifest, QUARANTINE, SOURCES, Totals,
};
use crate::engine::out_file::{Finished, OutFile};
use crate::engine::output_dir::{OutputDir, REPLACED};
use crate::engine::product::{Product, Settings};
use crate::engine::quarantine::{self, Reasons};
use crate::engine::reduce::PartitionResult;
use crate::engine::reduce_error::ReduceError;
use crate::engine::render::Renderer;
use crate::engine::render::json::push_name;
use crate::engine::sort::Sorted;
use crate::engine::table::Top;

/// What a finished job did.
#[derive(Clone, Debug)]
pub struct Report {
    /// The account over all sources.
    pub totals: Totals,
    /// Why records were set aside and how often, the commonest first; at most 1,000 reasons.
    pub reasons: Vec<(String, u64)>,
    /// What the user's programs counted.
    pub counters: Counters,
    /// Outcomes that came more than once and were dropped.
    pub duplicates: u64,
    /// Bytes that went to temporary files.
    pub spilled: u64,
    /// The files that the manifest lists.
    pub files: Vec<FileEntry>,
}

/// Commits the finished partitions of a job as one output. `dead_letters` are the messages that
/// were set aside on the broker: each skipped chunk, and what was no message of the job.
///
/// # Errors
/// When the accounts do not hold, too much is set aside, or files cannot be written; then there is
/// no manifest, and an earlier output is untouched unless renaming had begun.
pub fn commit(
    destination: Destination,
    spec: &JobSpec,
    plan_summary: &PlanSummary,
    mut results: Vec<PartitionResult>,
    dead_letters: u64,
    settings: &Settings,
) -> Result<Report, CommitError> {
    results.sort_by_key(|result| result.partition);
    check_partitions(&results, spec)?;
    let accounts = accounts(&results, plan_summary)?;
    let (mut reasons, mut counters) = (Reasons::default(), Counters::default());
    let (mut entries, mut bytes, mut spilled, mut duplicates) = (0, 0, 0, 0);
    // A chunk that could not be run is skipped in every partition concerned.
    let mut skipped = BTreeSet::new();
    for result in &results {
        reasons.add(&result.set_aside.reasons);
        counters.append(&result.counters);
        entries += result.set_aside.entries;
        bytes += result.set_aside.bytes;
        spilled += result.spilled;
        duplicates += result.duplicates;
        skipped.extend(result.skipped.iter().copied());
    }
    if let Some(excess) = counters.excess() {
        return Err(ReduceError::Program(excess).into());
    }
    if bytes > spec.max_quarantine {
        return Err(reasons.overflow(spec.max_quarantine, entries).into());
    }
    let passed_over = results.first().map_or(0, |result| result.seal.passed_over);
    let (mut parts, mut tops, mut set_aside) = (Vec::new(), Vec::new(), Vec::new());
    for result in results {
        set_aside.push(result.set_aside.sorted);
        match result.product {
            Product::Part(part) => parts.push(part),
            Product::Top(top) => tops.extend(top),
        }
    }
    if !tops.is_empty() {
        let part = write_top(&destination, spec, tops, settings, &mut spilled)?;
        parts.push(part);
    }
    let totals = Totals {
        passed_over,
        skipped_chunks: skipped.len() as u64,
        foreign_messages: dead_letters.saturating_sub(skipped.len() as u64),
        ..Totals::of(accounts.iter())
    };
    let manifest = |files: &[Finished]| manifest(spec, totals, &counters, files);
    let set_aside = |out: &mut OutFile| {
        let memory = settings.memory / 2;
        quarantine::write(set_aside, plan_summary, memory, &mut spilled, out)
    };
    let files = match destination {
        Destination::Dir(dir) => {
            let mut out = OutFile::create(dir.path(), QUARANTINE.into(), None)?;
            set_aside(&mut out)?;
            parts.push(out.finish()?);
            let mut out = OutFile::create(dir.path(), SOURCES.into(), None)?;
            write_sources(&accounts, plan_summary, &mut out)?;
            parts.push(out.finish()?);
            parts.sort_by(|a, b| a.name.cmp(&b.name));
            let manifest = manifest(&parts);
            publish(&dir, parts, &manifest)?;
            manifest.files
        }
        Destination::Stream(stream) => {
            write_side(stream.into_side(), set_aside, &mut parts, &manifest)?.files
        }
    };
    Ok(Report {
        totals,
        reasons: reasons.by_count(),
        counters,
        duplicates,
        spilled,
        files,
    })
}

/// Fails unless there is one result for each partition, in order.
fn check_partitions(results: &[PartitionResult], spec: &JobSpec) -> Result<(), CommitError> {
    let partitions = results.iter().map(|result| result.partition);
    if partitions.eq(0..spec.partitions.max(1)) {
        return Ok(());
    }
    let (found, wanted) = (results.len(), spec.partitions);
    let what = format!("{found} results for {wanted} partitions");
    Err(CommitError::Partitions(what))
}

/// Writes what stands beside an output stream, where that is wanted, and makes the manifest.
fn write_side(
    side: SideFiles,
    set_aside: impl FnOnce(&mut OutFile) -> Result<(), FileError>,
    parts: &mut Vec<Finished>,
    manifest: &dyn Fn(&[Finished]) -> Manifest,
) -> Result<Manifest, CommitError> {
    let mut files = Vec::new();
    if let Some(mut out) = side.quarantine {
        set_aside(&mut out)?;
        let mut finished = out.finish()?;
        files.extend(finished.temp.take());
        finished.name = QUARANTINE.into();
        parts.push(finished);
    }
    let manifest = manifest(parts);
    if let Some(mut out) = side.manifest {
        out.write(&manifest.to_json())?;
        files.extend(out.finish()?.temp);
    }
    for temp in files {
        temp.publish()?;
    }
    Ok(manifest)
}

/// The accounts per source over all partitions, checked against the seal (I7).
fn accounts(
    results: &[PartitionResult],
    plan_summary: &PlanSummary,
) -> Result<Vec<Account>, CommitError> {
    let mut accounts = vec![Account::default(); plan_summary.sources.len()];
    let mut entries = vec![0u64; plan_summary.sources.len()];
    let seal = &results[0].seal;
    let sealed = &seal.records;
    for result in results {
        if result.seal != *seal {
            return Err(CommitError::Partitions("their seals differ".into()));
        }
        // A chunk that one partition has and another skipped is no mixture of two results: all its
        // records are set aside where it was skipped, and a replay gives the rest.
        let same_skipped = result.skipped == results[0].skipped;
        if let (Some(first), Some(attempts)) = (&results[0].attempts, &result.attempts)
            && first != attempts
            && same_skipped
        {
            return Err(CommitError::TwoResults(first.differ_at(attempts, seal)));
        }
        for (total, account) in accounts.iter_mut().zip(&result.accounts) {
            total.add(*account);
        }
        for (total, count) in entries.iter_mut().zip(&result.set_aside.by_source) {
            *total += count;
        }
    }
    for (at, account) in accounts.iter().enumerate() {
        let records = sealed.get(at).copied().unwrap_or(0);
        if !account.holds() || account.records != records || account.quarantined != entries[at] {
            return Err(CommitError::Account {
                source_name: shown(&plan_summary.sources[at]).into_owned(),
                sealed: records,
                mapped: account.mapped,
                quarantined: account.quarantined,
                entries: entries[at],
            });
        }
    }
    Ok(accounts)
}

fn write_top(
    destination: &Destination,
    spec: &JobSpec,
    tops: Vec<Sorted>,
    settings: &Settings,
    spilled: &mut u64,
) -> Result<Finished, CommitError> {
    let Shape::Table(shape) = spec.kind.shape() else {
        return Err(CommitError::Partitions("rows of an ordered job".into()));
    };
    let mut out = destination.part(0, spec)?;
    let mut renderer = Renderer::new(&shape, spec.format);
    out.write(&renderer.header())?;
    let columns = shape.width();
    let keep = shape.top.unwrap_or(u64::MAX);
    Top::merge(
        tops,
        keep,
        columns,
        settings.memory / 2,
        spilled,
        |key, values| -> Result<(), CommitError> { Ok(out.write(renderer.line(key, values)?)?) },
    )?;
    out.write(renderer.rest())?;
    Ok(out.finish()?)
}

fn write_sources(
    accounts: &[Account],
    plan_summary: &PlanSummary,
    out: &mut OutFile,
) -> Result<(), FileError> {
    let mut line = Vec::new();
    for (name, account) in plan_summary.sources.iter().zip(accounts) {
        line.clear();
        line.extend_from_slice(b"{\"source\":");
        push_name(&mut line, name);
        line.extend_from_slice(
            format!(
                ",\"in\":{},\"mapped\":{},\"quarantined\":{}}}\n",
                account.records, account.mapped, account.quarantined
            )
            .as_bytes(),
        );
        out.write(&line)?;
    }
    Ok(())
}

fn manifest(spec: &JobSpec, totals: Totals, counters: &Counters, files: &[Finished]) -> Manifest {
    let mut files: Vec<FileEntry> = files
        .iter()
        .map(|file| FileEntry {
            name: file.name.clone(),
            bytes: file.bytes,
            sha256: file.sha256.clone(),
        })
        .collect();
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Manifest {
        format: FORMAT,
        gristmill: env!("CARGO_PKG_VERSION").to_owned(),
        processor: spec.kind.version(),
        spec: spec.clone(),
        totals,
        counters: counters.clone(),
        files,
    }
}

/// Gives the files their names, the manifest last.
fn publish(dir: &OutputDir, parts: Vec<Finished>, manifest: &Manifest) -> Result<(), FileError> {
    let path = dir.path();
    let mut out = OutFile::create(path, MANIFEST.into(), None)?;
    out.write(&manifest.to_json())?;
    let mut journal = out.finish()?.temp;
    files::sync_dir(path)?;
    // From here on a failure leaves what is there: the journal tells the next run what it is.
    let mut temps: Vec<TempFile> = parts.into_iter().filter_map(|part| part.temp).collect();
    temps
        .iter_mut()
        .chain(&mut journal)
        .for_each(TempFile::keep);
    let earlier = path.join(MANIFEST);
    let aside = path.join(files::temp_name(REPLACED));
    if earlier.exists() {
        files::rename(&earlier, &aside)?;
        files::sync_dir(path)?;
    }
    for temp in temps {
        temp.publish()?;
    }
    for name in dir.replaces() {
        let listed = manifest.files.iter().any(|file| file.name == *name);
        if !listed && name != MANIFEST && manifest::is_output_name(name) {
            files::remove(&path.join(name))?;
        }
    }
    files::sync_dir(path)?;
    if let Some(journal) = journal {
        journal.publish()?;
    }
    files::sync_dir(path)?;
    files::remove(&aside)
}
