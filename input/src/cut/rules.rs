//! What decides where chunks end: the spec's part of it and the chunk size, and nothing else (I1).

use std::sync::Arc;

use gristmill_common::header::HeaderRule;
use gristmill_common::large::LargeDocuments;
use gristmill_common::record::Splitter;
use gristmill_common::spec::{
    Cutting, EncodingErrors, JobSpec, Kind, MAX_RECORD, OnCorrupt, Records,
};

/// The largest chunk size, which leaves room for a head in a broker's message.
const MAX_CHUNK: usize = 3 << 20;
/// The smallest chunk size: below it heads outweigh bodies.
const MIN_CHUNK: usize = 64;

/// How to cut.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    /// Where records end.
    pub(crate) splitter: Splitter,
    /// Length of a chunk's body that is aimed at, in bytes.
    pub(crate) target: usize,
    /// Pieces are cut by their own document alone ([`Cutting::aligned`]).
    pub(crate) aligned: bool,
    /// Each document has a chunk of its own.
    pub(crate) single: bool,
    /// Where documents go that are too large for a chunk, if there is such a place.
    pub(crate) large: Option<Arc<LargeDocuments>>,
    /// The longest record, in bytes.
    pub(crate) max_record: usize,
    /// How far past a record's start its end must be certain, in bytes.
    pub(crate) horizon: usize,
    /// A longer record goes in several pieces; else it is set aside.
    pub(crate) in_pieces: bool,
    /// Which line of a document each of its pieces must know.
    pub(crate) header: Option<HeaderRule>,
    /// What becomes of damage.
    pub(crate) on_corrupt: OnCorrupt,
}

impl Rules {
    /// The rules of a job.
    ///
    /// # Errors
    /// When the `--record-start` pattern is not a regular expression.
    pub(crate) fn new(spec: &JobSpec, chunk_size: usize) -> Result<Self, regex::Error> {
        let max_record = spec.max_record.clamp(1, MAX_RECORD) as usize;
        let horizon = match spec.records {
            Records::Lines
            | Records::Document
            | Records::Separated(_)
            | Records::Cri
            | Records::Docker => max_record + 1,
            // Where such a record ends is told by the line after it.
            Records::Paragraphs | Records::Start(_) => 2 * max_record + 1,
        };
        let Cutting {
            target,
            aligned,
            single,
        } = spec.kind.cutting(chunk_size);
        Ok(Self {
            splitter: Splitter::new(&spec.records)?,
            target: target.clamp(MIN_CHUNK, MAX_CHUNK),
            aligned,
            single,
            large: None,
            max_record,
            horizon,
            // Whether a record is UTF-8, and whether one of several lines has ended, is told by all
            // of it.
            in_pieces: matches!(spec.kind, Kind::Wc(_))
                && matches!(spec.records, Records::Lines | Records::Document)
                && spec.encoding_errors == EncodingErrors::Keep,
            header: spec.kind.header(),
            on_corrupt: spec.on_corrupt,
        })
    }

    /// Whether a record is a whole document.
    pub(crate) fn whole_documents(&self) -> bool {
        matches!(self.splitter, Splitter::Document)
    }
}
