//! One unit of work: what a program gets in one call, and where that comes from.

use crate::engine::batch::{Batch, Part};

/// A document, a record, or a piece of a document.
#[derive(Clone, Copy)]
pub(super) struct Unit<'a> {
    pub(super) part: &'a Part<'a>,
    /// Number of the split that it was cut from.
    pub(super) split: u32,
    /// Where it begins in the document, in bytes.
    pub(super) offset: u64,
    /// Number of its first record in the document.
    pub(super) record: u64,
    /// How many records it is.
    pub(super) records: u64,
    /// All of its bytes, for the quarantine.
    pub(super) bytes: &'a [u8],
    /// What the program gets of them.
    pub(super) content: &'a [u8],
}

impl<'a> Unit<'a> {
    /// A whole part: a document, or a piece of one.
    pub(super) fn of_part(batch: &Batch<'a>, part: &'a Part<'a>) -> Self {
        Self {
            part,
            split: batch.split(),
            offset: part.offset,
            record: part.number,
            records: batch.count_of(part),
            bytes: part.bytes,
            content: part.bytes,
        }
    }

    /// A part's records, one by one.
    pub(super) fn of_records(
        batch: &Batch<'a>,
        part: &'a Part<'a>,
    ) -> impl Iterator<Item = Self> + use<'a> {
        let split = batch.split();
        batch.records(part).map(move |record| Self {
            part,
            split,
            offset: record.offset,
            record: record.number,
            records: 1,
            bytes: record.bytes,
            content: record.text(),
        })
    }

    /// The variables that tell a program what it works on. None depends on how the job is run.
    pub(super) fn variables(&self, attempt: u32) -> Vec<(&'static str, Vec<u8>)> {
        let document = &self.part.piece.document;
        let source = match memchr::memmem::find(document, b"!/") {
            Some(end) => &document[..end],
            None => &document[..],
        };
        // The numbers of a split and of a document in it do not change with the size of chunks.
        let id = format!("{}-{}-{}", self.split, self.part.piece.ordinal, self.offset);
        let seed = gristmill_common::id::content_hash(id.as_bytes()) >> 33;
        vec![
            ("GRISTMILL_DOCUMENT", document.clone()),
            ("GRISTMILL_SOURCE", source.to_vec()),
            ("GRISTMILL_CHUNK", id.clone().into_bytes()),
            ("GRISTMILL_RECORD", self.record.to_string().into_bytes()),
            ("GRISTMILL_ATTEMPT", attempt.to_string().into_bytes()),
            ("GRISTMILL_SEED", seed.to_string().into_bytes()),
            ("mapreduce_map_input_file", document.clone()),
            ("mapreduce_task_id", id.into_bytes()),
        ]
    }

    /// The name of a file with its bytes: programs tell many formats by the extension.
    pub(super) fn file_name(&self) -> String {
        let name = String::from_utf8_lossy(&self.part.piece.document);
        let last = name.rsplit(['/', '!']).next().unwrap_or_default();
        let extension = last.rsplit_once('.').map_or("", |(_, extension)| extension);
        let usual = extension.bytes().all(|byte| byte.is_ascii_alphanumeric());
        match usual && !extension.is_empty() && extension.len() <= 8 {
            true => format!("document.{extension}"),
            false => "document".into(),
        }
    }
}

/// Why a unit failed.
#[derive(Clone, Debug, Default)]
pub(super) struct Failed {
    /// In words: the same for the same cause.
    pub(super) reason: String,
    /// The last that the program wrote to stderr.
    pub(super) stderr: Vec<u8>,
}

impl Failed {
    pub(super) fn because(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            stderr: Vec::new(),
        }
    }
}
