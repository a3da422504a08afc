//! Lines of `quarantine.jsonl`, made of sorted entries.
//!
//! An entry's key is its source (4 bytes) and document, its offset (8 bytes) and its reason, so
//! that byte order is the order of lines; its payload is the rest of its line. Entries of one
//! document follow each other and reasons are few: the line's part of each is made once.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use gristmill_common::entries::Entry;
use gristmill_common::key::{fields, prefix_len, push_field};
use gristmill_common::plan_summary::PlanSummary;

use crate::engine::render::json::{push_name, push_str, push_string};
use crate::engine::render::push_number;

/// So many reasons are kept as the lines have them: those that came last.
const REASONS: usize = 16;
const SOURCE: usize = size_of::<u32>();
const OFFSET: usize = size_of::<u64>();

/// Sets `key` to what the keys of a document's entries begin with.
pub(super) fn head(key: &mut Vec<u8>, source: u32, document: &[u8]) {
    key.clear();
    key.extend_from_slice(&source.to_be_bytes());
    push_field(key, document);
}

/// Sets `key` to what the keys of a reason's entries end with.
pub(super) fn tail(key: &mut Vec<u8>, reason: &str) {
    key.clear();
    push_field(key, reason.as_bytes());
}

/// Appends what the lines of a document begin with, up to the offset.
pub(super) fn push_document(line: &mut Vec<u8>, source: &[u8], document: &[u8]) {
    line.extend_from_slice(b"{\"source\":");
    push_name(line, source);
    line.extend_from_slice(b",\"document\":");
    push_name(line, document);
    line.extend_from_slice(b",\"offset\":");
}

/// Appends what is between the offset and the payload.
pub(super) fn push_reason(line: &mut Vec<u8>, reason: &[u8]) {
    line.extend_from_slice(b",\"reason\":");
    push_string(line, reason);
}

/// Appends an entry's payload: what follows the reason.
pub(super) fn push_payload(line: &mut Vec<u8>, entry: &Entry<'_>) {
    match std::str::from_utf8(entry.sample) {
        Ok(text) => {
            line.extend_from_slice(b",\"text\":");
            push_str(line, text);
        }
        Err(_) => {
            line.extend_from_slice(b",\"base64\":\"");
            line.extend_from_slice(STANDARD.encode(entry.sample).as_bytes());
            line.push(b'"');
        }
    }
    if let Some(stretch) = entry.stretch {
        line.extend_from_slice(b",\"records\":");
        push_number(line, stretch.records.into());
        line.extend_from_slice(b",\"bytes\":");
        push_number(line, stretch.bytes.into());
    }
    if !entry.stderr.is_empty() {
        line.extend_from_slice(b",\"stderr\":");
        push_string(line, entry.stderr);
    }
    line.extend_from_slice(b"}\n");
}

/// How many digits a number has.
pub(super) fn digits(number: u64) -> usize {
    number.max(1).ilog10() as usize + 1
}

/// Makes lines of entries.
pub(super) struct Lines<'a> {
    sources: &'a PlanSummary,
    /// The document's part of the key and of the line.
    head: Vec<u8>,
    document: Vec<u8>,
    /// Parts of keys, and of lines.
    reasons: Vec<(Vec<u8>, Vec<u8>)>,
    /// Which of them came last.
    newest: usize,
}

impl<'a> Lines<'a> {
    pub(super) fn new(sources: &'a PlanSummary) -> Self {
        Self {
            sources,
            head: Vec::new(),
            document: Vec::new(),
            reasons: Vec::new(),
            newest: 0,
        }
    }

    /// Appends the line of an entry; false if it is none of [`super::Quarantine`].
    pub(super) fn push(&mut self, key: &[u8], payload: &[u8], lines: &mut Vec<u8>) -> bool {
        let known = !self.head.is_empty() && key.starts_with(&self.head);
        if !known && self.begin(key).is_none() {
            return false;
        }
        let Some((offset, reason)) = key[self.head.len()..].split_first_chunk::<OFFSET>() else {
            return false;
        };
        lines.extend_from_slice(&self.document);
        push_number(lines, u64::from_be_bytes(*offset).into());
        match self.reasons.iter().find(|(key, _)| key == reason) {
            Some((_, said)) => lines.extend_from_slice(said),
            None => lines.extend_from_slice(self.reason(reason)),
        }
        lines.extend_from_slice(payload);
        true
    }

    /// Sets what the lines of the key's document begin with.
    fn begin(&mut self, key: &[u8]) -> Option<()> {
        let (source, rest) = key.split_first_chunk::<SOURCE>()?;
        let end = SOURCE + prefix_len(rest, 1)?;
        let document = fields(&key[SOURCE..end])?.pop()?;
        let source = self
            .sources
            .sources
            .get(u32::from_be_bytes(*source) as usize)?;
        self.document.clear();
        push_document(&mut self.document, source, &document);
        self.head.clear();
        self.head.extend_from_slice(&key[..end]);
        Some(())
    }

    /// The line's part of a reason that is not known, which it is from now on.
    fn reason(&mut self, key: &[u8]) -> &[u8] {
        if self.reasons.len() < REASONS {
            self.newest = self.reasons.len();
            self.reasons.push((Vec::new(), Vec::new()));
        } else {
            self.newest = (self.newest + 1) % REASONS;
        }
        let (known, said) = &mut self.reasons[self.newest];
        known.clear();
        known.extend_from_slice(key);
        said.clear();
        let reason = fields(key).and_then(|mut fields| fields.pop());
        push_reason(said, &reason.unwrap_or_default());
        said
    }
}
