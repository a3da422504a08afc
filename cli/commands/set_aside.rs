//! What an output has set aside, to be held against what is set aside now.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::Context;
use gristmill_common::entries::Entry;
use gristmill_common::id::content_hash;
use gristmill_common::name::shown;
use gristmill_reducer::QUARANTINE;

/// The places of an output's entries in its inputs, as hashes: there may be millions.
pub struct SetAside(HashSet<u64>);

impl SetAside {
    /// The entries of an output.
    ///
    /// # Errors
    /// When its quarantine cannot be read.
    pub fn read(output: &Path) -> anyhow::Result<Self> {
        let path = output.join(QUARANTINE);
        let shown = || path.display().to_string();
        let file = File::open(&path).with_context(shown)?;
        let mut places = HashSet::new();
        for line in BufReader::new(file).lines() {
            let line = line.with_context(shown)?;
            let entry: serde_json::Value = serde_json::from_str(&line).with_context(shown)?;
            let (document, offset) = (entry["document"].as_str(), entry["offset"].as_u64());
            let (Some(document), Some(offset)) = (document, offset) else {
                return Err(anyhow::anyhow!(
                    "{}: a line without a place: {line}",
                    shown()
                ));
            };
            places.insert(place(document, offset));
        }
        Ok(Self(places))
    }

    /// Whether one of them is of the same place.
    #[must_use]
    pub fn has(&self, entry: &Entry<'_>) -> bool {
        let document = shown(entry.document);
        self.0.contains(&place(&document, entry.offset))
    }
}

fn place(document: &str, offset: u64) -> u64 {
    content_hash(format!("{offset} {document}").as_bytes())
}
