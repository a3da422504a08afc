//! What was set aside, by reason, with samples.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use gristmill_reducer::{Manifest, OutputFiles, QUARANTINE};
use serde::Deserialize;

use crate::ReportError;
use crate::clip::clip;
use crate::part_files::PartFile;

/// The most different reasons that are counted apart; the rest is counted together.
const GROUPS: usize = 10_000;
/// The most reasons on the page.
const SHOWN: usize = 50;
/// The most samples of one reason.
const SAMPLES: usize = 5;
/// The longest sample, name and stderr on the page, in characters.
const TEXT: usize = 400;

/// The quarantine, as a page shows it.
#[derive(Debug, Default)]
pub(crate) struct QuarantineView {
    /// The reasons, the commonest first.
    pub(crate) reasons: Vec<ReasonView>,
    /// Entries of reasons that are not listed.
    pub(crate) other_entries: u64,
}

/// One reason.
#[derive(Debug, Default)]
pub(crate) struct ReasonView {
    pub(crate) reason: String,
    pub(crate) entries: u64,
    pub(crate) records: u64,
    pub(crate) samples: Vec<SampleView>,
}

/// One entry.
#[derive(Debug)]
pub(crate) struct SampleView {
    pub(crate) document: String,
    pub(crate) offset: u64,
    pub(crate) text: String,
    pub(crate) stderr: String,
}

/// A line of `quarantine.jsonl`.
#[derive(Deserialize)]
struct Entry {
    document: String,
    offset: u64,
    reason: String,
    #[serde(default = "one")]
    records: u64,
    text: Option<String>,
    base64: Option<String>,
    stderr: Option<String>,
}

fn one() -> u64 {
    1
}

impl QuarantineView {
    /// Reads an output's quarantine.
    pub(crate) fn read(output: &dyn OutputFiles, manifest: &Manifest) -> Result<Self, ReportError> {
        if !(manifest.files.iter()).any(|file| file.name == QUARANTINE) {
            return Ok(Self::default());
        }
        let mut file = PartFile::open(output, QUARANTINE, None)?;
        let mut reasons: BTreeMap<String, ReasonView> = BTreeMap::new();
        let mut view = Self::default();
        let mut buffer = Vec::new();
        while let Some(line) = file.next_line(&mut buffer)? {
            let entry: Entry = match serde_json::from_slice(line) {
                Ok(entry) => entry,
                Err(error) => return Err(file.malformed(error.to_string())),
            };
            let reason = clip(&entry.reason, TEXT);
            if reasons.len() >= GROUPS && !reasons.contains_key(&reason) {
                view.other_entries += 1;
                continue;
            }
            let of = reasons.entry(reason).or_default();
            of.entries += 1;
            of.records = of.records.saturating_add(entry.records);
            if of.samples.len() < SAMPLES {
                of.samples.push(entry.into());
            }
        }
        view.reasons = (reasons.into_iter())
            .map(|(reason, of)| ReasonView { reason, ..of })
            .collect();
        view.reasons
            .sort_by_key(|reason| std::cmp::Reverse(reason.entries));
        let hidden = view.reasons.iter().skip(SHOWN);
        view.other_entries += hidden.map(|reason| reason.entries).sum::<u64>();
        view.reasons.truncate(SHOWN);
        Ok(view)
    }
}

impl From<Entry> for SampleView {
    fn from(entry: Entry) -> Self {
        let bytes = |encoded: String| STANDARD.decode(encoded).unwrap_or_default();
        let text = entry.text.unwrap_or_else(|| {
            let bytes = entry.base64.map(bytes).unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        });
        Self {
            document: clip(&entry.document, TEXT),
            offset: entry.offset,
            text: clip(&text, TEXT),
            stderr: clip(&entry.stderr.unwrap_or_default(), TEXT),
        }
    }
}
