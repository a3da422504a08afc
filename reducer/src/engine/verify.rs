//! Whether an output is what its manifest says, and whether its accounts add up.
//!
//! It reads files only, on a disk or elsewhere; recounting the inputs is the caller's, who gets the
//! spec and the accounts.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use gristmill_common::sha256::Sha256;
use gristmill_common::spec::{JobSpec, Shape};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::engine::accounts::Account;
use crate::engine::digest::Digested;
use crate::engine::error::FileError;
use crate::engine::manifest::{
    MANIFEST, Manifest, NoManifest, QUARANTINE, SOURCES, Totals, is_part_name, part_name,
};
use crate::engine::output_files::{FolderFiles, OutputFiles};

/// The longest line that is read: 64 KiB of controls as JSON escapes, and two long names.
const MAX_LINE: u64 = 1 << 20;
/// The most findings that are listed.
const MAX_FINDINGS: usize = 100;

/// What an output holds and what is wrong with it.
#[derive(Clone, Debug)]
pub struct Verified {
    /// The job.
    pub spec: JobSpec,
    /// The account over all sources, as the manifest says.
    pub totals: Totals,
    /// Names and accounts of the sources in input order, as `sources.jsonl` says.
    pub sources: Vec<(String, Account)>,
    /// How many files the manifest lists.
    pub files: usize,
    /// What does not hold, in words; empty when all is well.
    pub findings: Vec<String>,
}

/// Why an output cannot be verified at all.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// There is no manifest to hold it against.
    #[error("{place}: {reason}")]
    NoManifest {
        /// The folder.
        place: String,
        /// What is wrong with it.
        reason: NoManifest,
    },
    /// The folder cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The place cannot be read.
    #[error("{place}: {error}")]
    Place {
        /// Which.
        place: String,
        /// What is wrong.
        error: io::Error,
    },
}

/// A line of `sources.jsonl`.
#[derive(Deserialize)]
struct SourceLine {
    source: String,
    #[serde(rename = "in")]
    records: u64,
    mapped: u64,
    quarantined: u64,
}

/// What is read of a line of `quarantine.jsonl`.
#[derive(Deserialize)]
struct QuarantineLine {
    source: String,
    /// How many records it stands for.
    #[serde(default = "one")]
    records: u64,
}

fn one() -> u64 {
    1
}

/// Holds an output folder against its manifest: every file's length and hash, and the accounts.
///
/// # Errors
/// When there is no manifest or the folder cannot be listed. Damage is no error but a finding.
pub fn verify(dir: &Path) -> Result<Verified, VerifyError> {
    let none = |reason| VerifyError::NoManifest {
        place: dir.display().to_string(),
        reason,
    };
    let manifest = Manifest::read(&dir.join(MANIFEST)).map_err(none)?;
    hold(&FolderFiles(dir), manifest)
}

/// Holds an output wherever it is against its manifest.
///
/// # Errors
/// When there is no manifest or the place cannot be read.
pub fn verify_files(files: &dyn OutputFiles) -> Result<Verified, VerifyError> {
    hold(files, manifest_of(files)?)
}

/// The manifest of an output wherever it is.
///
/// # Errors
/// When there is none that can be read.
pub fn manifest_of(files: &dyn OutputFiles) -> Result<Manifest, VerifyError> {
    let read = match files.open(MANIFEST) {
        Ok(file) => Manifest::from_reader(file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(NoManifest::Missing),
        Err(error) => Err(NoManifest::Unreadable(error)),
    };
    read.map_err(|reason| VerifyError::NoManifest {
        place: files.shown(),
        reason,
    })
}

/// The files that a manifest must list.
fn files_due(manifest: &Manifest) -> BTreeSet<String> {
    let spec = &manifest.spec;
    // The first rows of all partitions are in one part.
    let count = match spec.kind.shape() {
        Shape::Table(table) if table.top.is_some() => spec.partitions.min(1),
        _ => spec.partitions,
    };
    let parts = (0..count).map(|number| part_name(number, spec));
    // What a manifest says may be anything: more than this is not told.
    let parts = parts.take(manifest.files.len() + MAX_FINDINGS);
    parts
        .chain([SOURCES, QUARANTINE].map(String::from))
        .collect()
}

fn hold(files: &dyn OutputFiles, manifest: Manifest) -> Result<Verified, VerifyError> {
    let mut check = Check {
        files,
        findings: Vec::new(),
    };
    for file in &manifest.files {
        let found = check.digest(&file.name);
        match found {
            None => {}
            Some(found) if found.bytes != file.bytes => check.find(format!(
                "{}: {} bytes, the manifest says {}",
                file.name, found.bytes, file.bytes
            )),
            Some(found) if found.sha256 != file.sha256 => check.find(format!(
                "{}: its SHA-256 is not what the manifest says",
                file.name
            )),
            Some(_) => {}
        }
    }
    let listed: BTreeSet<&str> = manifest.files.iter().map(|f| f.name.as_str()).collect();
    let place = |error| VerifyError::Place {
        place: files.shown(),
        error,
    };
    let names: BTreeSet<String> = files.names().map_err(place)?.into_iter().collect();
    for name in names {
        if !is_part_name(&name) {
            continue;
        }
        if !listed.contains(name.as_str()) {
            check.find(format!("{name}: not listed in the manifest"));
        }
    }
    if listed.len() < manifest.files.len() {
        check.find("the manifest lists a file twice".into());
    }
    let due = files_due(&manifest);
    for name in &due {
        if !listed.contains(name.as_str()) {
            check.find(format!("the manifest does not list {name}"));
        }
    }
    for name in listed.iter().filter(|name| !due.contains(**name)) {
        check.find(format!("{name}: the job has no such file"));
    }
    let sources = check.accounts(&manifest);
    Ok(Verified {
        spec: manifest.spec,
        totals: manifest.totals,
        sources,
        files: manifest.files.len(),
        findings: check.findings,
    })
}

struct Check<'a> {
    files: &'a dyn OutputFiles,
    findings: Vec<String>,
}

impl Check<'_> {
    fn find(&mut self, what: String) {
        if self.findings.len() < MAX_FINDINGS {
            self.findings.push(what);
        } else if self.findings.len() == MAX_FINDINGS {
            self.findings.push("… and more".into());
        }
    }

    fn digest(&mut self, name: &str) -> Option<Digested> {
        let file = match self.files.open(name) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.find(format!("{name}: missing"));
                return None;
            }
            Err(error) => {
                self.find(format!("{name}: {error}"));
                return None;
            }
        };
        match Sha256::of_reader(file) {
            Ok((sha256, bytes)) => Some(Digested {
                bytes,
                sha256: sha256.to_string(),
            }),
            Err(error) => {
                self.find(format!("{name}: {error}"));
                None
            }
        }
    }

    /// Checks the accounts and returns them.
    fn accounts(&mut self, manifest: &Manifest) -> Vec<(String, Account)> {
        let mut sources = Vec::new();
        self.lines(SOURCES, |line: SourceLine| {
            sources.push((
                line.source,
                Account {
                    records: line.records,
                    mapped: line.mapped,
                    quarantined: line.quarantined,
                },
            ));
        });
        for (name, account) in &sources {
            if !account.holds() {
                self.find(format!(
                    "{name}: {} records in, but {} mapped and {} quarantined",
                    account.records, account.mapped, account.quarantined
                ));
            }
        }
        let totals = Totals {
            // Their records are in the accounts; how many chunks they were, only the manifest says.
            skipped_chunks: manifest.totals.skipped_chunks,
            foreign_messages: manifest.totals.foreign_messages,
            passed_over: manifest.totals.passed_over,
            ..Totals::of(sources.iter().map(|(_, account)| account))
        };
        if totals != manifest.totals {
            self.find(format!(
                "{SOURCES} adds up to {} records in of {} sources, the manifest says {} of {}",
                totals.records, totals.sources, manifest.totals.records, manifest.totals.sources
            ));
        }
        // The same file may be named twice: names, not places, are what both files share.
        let mut counts: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
        for (name, account) in &sources {
            counts.entry(name).or_default().0 += account.quarantined;
        }
        let mut strangers = BTreeSet::new();
        self.lines(QUARANTINE, |line: QuarantineLine| {
            match counts.get_mut(line.source.as_str()) {
                Some((_, entries)) => *entries = entries.saturating_add(line.records),
                None if strangers.len() < MAX_FINDINGS => {
                    strangers.insert(line.source);
                }
                None => {}
            }
        });
        for name in strangers {
            self.find(format!("{QUARANTINE} names {name}, {SOURCES} does not"));
        }
        for (name, (said, entries)) in counts {
            if said != entries {
                self.find(format!(
                    "{name}: {said} records quarantined, {entries} in {QUARANTINE}"
                ));
            }
        }
        sources
    }

    /// Reads the lines of a JSON lines file; a bad one ends it with a finding.
    fn lines<T: DeserializeOwned>(&mut self, name: &str, mut take: impl FnMut(T)) {
        // Missing or special files were reported where the hashes are checked.
        let Ok(file) = self.files.open(name) else {
            return;
        };
        let read = || -> io::Result<Option<u64>> {
            let mut file = BufReader::new(file);
            let mut line = Vec::new();
            for number in 1.. {
                line.clear();
                if io::Read::take(&mut file, MAX_LINE).read_until(b'\n', &mut line)? == 0 {
                    break;
                }
                match serde_json::from_slice(&line) {
                    Ok(value) => take(value),
                    Err(_) => return Ok(Some(number)),
                }
            }
            Ok(None)
        };
        match read() {
            Ok(None) => {}
            Ok(Some(line)) => self.find(format!("{name}: line {line} is not what was written")),
            Err(error) => self.find(format!("{name}: {error}")),
        }
    }
}
