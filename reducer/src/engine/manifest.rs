//! `manifest.json`: what an output consists of. Its presence says that the output is complete.
//!
//! It holds no chunk size, thread count, job id, host or time (I6).

use std::fs::File;
use std::io::Read;
use std::path::Path;

use gristmill_common::counters::Counters;
use gristmill_common::spec::JobSpec;
use serde::{Deserialize, Serialize};

use crate::engine::accounts::Account;

/// The manifest's file name.
pub const MANIFEST: &str = "manifest.json";
/// The file of what was set aside.
pub const QUARANTINE: &str = "quarantine.jsonl";
/// The file of the accounts per source.
pub const SOURCES: &str = "sources.jsonl";

/// The version of the manifest and of the files that it lists.
pub const FORMAT: u16 = 1;
/// No manifest is larger: 100,000 part files take 15 MB.
const MAX_MANIFEST: u64 = 64 << 20;

/// The manifest of a complete output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT`] of the writer.
    pub format: u16,
    /// The version of the program that wrote it.
    pub gristmill: String,
    /// The version of the kind's processor.
    pub processor: u16,
    /// The job.
    pub spec: JobSpec,
    /// The account over all sources.
    pub totals: Totals,
    /// What the user's programs counted, by group and name.
    #[serde(default, skip_serializing_if = "Counters::is_empty")]
    pub counters: Counters,
    /// Every other file of the output, by name.
    pub files: Vec<FileEntry>,
}

/// The account over all sources.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Number of sources.
    pub sources: u64,
    /// Records in.
    #[serde(rename = "in")]
    pub records: u64,
    /// Records that went through the processor.
    pub mapped: u64,
    /// Records set aside.
    pub quarantined: u64,
    /// Chunks that could not be run at all; their records are among those set aside.
    /// Earlier manifests call them tombstones.
    #[serde(default, skip_serializing_if = "is_zero", alias = "tombstones")]
    pub skipped_chunks: u64,
    /// Messages in the job's queues that were none of its chunks or outcomes, and were set aside.
    /// Only on a broker that others write to. Manifests before 0.2.0 do not count them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub foreign_messages: u64,
    /// Bytes that are no part of an archive and not zero, and were passed over: behind the end
    /// marks of tars, and in front of zips and behind them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub passed_over: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Totals {
    /// The sum of the sources' accounts.
    #[must_use]
    pub fn of<'a>(accounts: impl Iterator<Item = &'a Account>) -> Self {
        let mut sum = Account::default();
        let mut sources = 0;
        for account in accounts {
            sum.add(*account);
            sources += 1;
        }
        Self {
            sources,
            records: sum.records,
            mapped: sum.mapped,
            quarantined: sum.quarantined,
            skipped_chunks: 0,
            foreign_messages: 0,
            passed_over: 0,
        }
    }
}

/// A file of the output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Its name in the output folder.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// SHA-256 of its bytes, in lower-case hexadecimal.
    pub sha256: String,
}

/// Why a file is not a manifest.
#[derive(Debug, thiserror::Error)]
pub enum NoManifest {
    /// It is not there.
    #[error("there is no {MANIFEST}: the output is missing or not complete")]
    Missing,
    /// It cannot be read.
    #[error("cannot read {MANIFEST}: {0}")]
    Unreadable(std::io::Error),
    /// It is something else.
    #[error("{MANIFEST} is not a manifest of Gristmill: {0}")]
    Foreign(String),
    /// A later program wrote it.
    #[error("{MANIFEST} has format {0}, this program reads {FORMAT}")]
    Version(u16),
}

impl Manifest {
    /// Reads a manifest of bounded size.
    ///
    /// # Errors
    /// When the file is missing, unreadable, or not a manifest of this version.
    pub fn read(path: &Path) -> Result<Self, NoManifest> {
        let wrong = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::NotFound => NoManifest::Missing,
            _ => NoManifest::Unreadable(error),
        };
        // A FIFO in its place would block the open.
        if !path.metadata().map_err(wrong)?.is_file() {
            return Err(NoManifest::Foreign("it is not a plain file".into()));
        }
        Self::from_reader(File::open(path).map_err(wrong)?)
    }

    /// Reads a manifest of bounded size, wherever it is.
    ///
    /// # Errors
    /// When it is unreadable, or not a manifest of this version.
    pub fn from_reader(from: impl Read) -> Result<Self, NoManifest> {
        let mut text = Vec::new();
        (from.take(MAX_MANIFEST + 1).read_to_end(&mut text)).map_err(NoManifest::Unreadable)?;
        if text.len() as u64 > MAX_MANIFEST {
            return Err(NoManifest::Foreign(format!(
                "it is larger than {MAX_MANIFEST} bytes"
            )));
        }
        /// Read first: other formats have other fields.
        #[derive(Deserialize)]
        struct Head {
            format: u16,
        }
        let foreign = |error: serde_json::Error| NoManifest::Foreign(error.to_string());
        let head: Head = serde_json::from_slice(&text).map_err(foreign)?;
        if head.format != FORMAT {
            return Err(NoManifest::Version(head.format));
        }
        let manifest: Self = serde_json::from_slice(&text).map_err(foreign)?;
        match manifest
            .files
            .iter()
            .find(|file| !is_output_name(&file.name))
        {
            Some(file) => Err(NoManifest::Foreign(format!(
                "it lists `{}`",
                file.name.escape_debug()
            ))),
            None => Ok(manifest),
        }
    }

    /// The manifest as it is written.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        // Every field is a string, a number or an enum: this cannot fail.
        let mut text = serde_json::to_vec_pretty(self).unwrap_or_default();
        text.push(b'\n');
        text
    }
}

/// The name of a partition's part file.
#[must_use]
pub fn part_name(partition: u32, spec: &JobSpec) -> String {
    let mut name = format!("part-{partition:05}.{}", spec.format.extension());
    if let Some(compress) = spec.compress {
        name.push('.');
        name.push_str(compress.extension());
    }
    name
}

/// Whether a file name looks like a part file of ours.
#[must_use]
pub fn is_part_name(name: &str) -> bool {
    name.strip_prefix("part-").is_some_and(|rest| {
        let digits = rest.find('.').unwrap_or(rest.len());
        digits >= 5
            && rest[..digits].bytes().all(|b| b.is_ascii_digit())
            && rest[digits..]
                .bytes()
                .all(|b| b == b'.' || b.is_ascii_alphanumeric())
    })
}

/// Whether a manifest may list a file of that name: nothing else is ever replaced or removed.
#[must_use]
pub fn is_output_name(name: &str) -> bool {
    name == QUARANTINE || name == SOURCES || is_part_name(name)
}
