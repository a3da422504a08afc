//! The job spec: everything that decides the output's bytes, and nothing else.
//!
//! Threads, chunk size, job id, host and time are not in here (invariant I6). A new kind is one
//! file beside this one, one variant of [`Kind`], and one processor in the mapper.

mod access_log;
mod exec;
mod extract;
mod finish;
mod format;
mod grep;
mod group_by;
mod pos;
mod shape;
mod wc;
mod word_count;

use std::num::NonZeroU64;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::header::HeaderRule;
use crate::id::content_hash;

pub use access_log::{AccessLog, Field};
pub use exec::{Cutting, Each, Exec, Out, Program, Reduce, Reducer};
pub use extract::Extract;
pub use finish::{ABSENT, Edge, Figure, Finish, NULL, Numbers, PLACE, TEXT, place};
pub use format::{Compress, Format};
pub use grep::Grep;
pub use group_by::{AUTO, Columns, GroupBy, PRESENT, Parse, Quantiles, having_of};
pub use pos::{Pos, Tagset};
pub use shape::{KeyedBy, Shape, TableShape, document_key};
pub use wc::Wc;
pub use word_count::{WordCount, Words};

/// The version of the spec: of its fields' meaning, the partition function and the processors'
/// contract. A role that does not know a version leaves the job alone.
pub const SPEC_VERSION: u16 = 1;

/// The most part files of a job.
pub const MAX_PARTITIONS: u32 = 256;

/// The largest [`JobSpec::max_record`], in bytes.
pub const MAX_RECORD: u64 = 64 << 20;

/// The largest [`JobSpec::max_record`] of a job for a broker: a chunk of one record must fit one
/// message.
pub const MAX_SENT_RECORD: u64 = 3 << 20;

/// The same where a record is a document for the user's own program.
pub const MAX_SENT_DOCUMENT: u64 = 12 << 20;

/// One job: what to do, to what, and how the output looks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobSpec {
    /// [`SPEC_VERSION`] of the writer.
    pub version: u16,
    /// The kind and its options.
    pub kind: Kind,
    /// What a record is.
    pub records: Records,
    /// What happens to records that are not UTF-8.
    pub encoding_errors: EncodingErrors,
    /// The longest record, in bytes; a longer one is quarantined (for `wc` it goes in pieces).
    pub max_record: u64,
    /// What happens to damaged archives.
    pub on_corrupt: OnCorrupt,
    /// Bounds on what an archive may unfold into.
    pub limits: Limits,
    /// Globs of which at least one must match a file in a folder or a member of an archive, if
    /// there are any.
    pub include: Vec<String>,
    /// Globs of which none may match a file in a folder or a member of an archive.
    pub exclude: Vec<String>,
    /// Files and folders whose names begin with a dot are read too.
    #[serde(default)]
    pub hidden: bool,
    /// Links in folders are followed.
    #[serde(default)]
    pub follow: bool,
    /// Number of part files.
    pub partitions: u32,
    /// Form of the part files.
    pub format: Format,
    /// Compression of the part files.
    pub compress: Option<Compress>,
    /// The most bytes of `quarantine.jsonl`; past it the job fails.
    pub max_quarantine: u64,
}

impl JobSpec {
    /// The job of a kind with the command line's defaults for everything else.
    #[must_use]
    pub fn of(kind: Kind) -> Self {
        Self {
            version: SPEC_VERSION,
            records: kind.default_records(),
            format: kind.formats()[0],
            kind,
            encoding_errors: EncodingErrors::Keep,
            max_record: 2 << 20,
            on_corrupt: OnCorrupt::Salvage,
            limits: Limits::default(),
            include: Vec::new(),
            exclude: Vec::new(),
            hidden: false,
            follow: false,
            partitions: 1,
            compress: None,
            max_quarantine: 256 << 20,
        }
    }

    /// A hash of everything in the spec (XXH3 of its JSON): part of a job's default name.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        // Strings, numbers and enums only: this cannot fail.
        content_hash(&serde_json::to_vec(self).unwrap_or_default())
    }

    /// Whether a large text may be read in ranges: where a record begins can be told from any place
    /// on, and nothing of the result says which record of its document one is, or what else is in
    /// it.
    #[must_use]
    pub fn cuts_text(&self) -> bool {
        let numbers = match &self.kind {
            Kind::WordCount(_) | Kind::AccessLog(_) | Kind::GroupBy(_) => false,
            Kind::Grep(grep) => grep.line_number || grep.max_count.is_some(),
            Kind::Wc(_) | Kind::Extract(_) | Kind::Pos(_) | Kind::Exec(_) => true,
        };
        let by_document = match self.kind.shape() {
            Shape::Table(table) => table.keyed_by == KeyedBy::Document,
            Shape::Ordered | Shape::Grouped => false,
        };
        let anywhere = match self.records {
            Records::Lines | Records::Paragraphs | Records::Start(_) => true,
            Records::Document | Records::Separated(_) | Records::Cri | Records::Docker => false,
        };
        anywhere && !numbers && !by_document && self.kind.header().is_none()
    }
}

/// What a job does: one variant per kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// How often each word occurs.
    WordCount(WordCount),
    /// Records that match a pattern.
    Grep(Grep),
    /// Hits and bytes of web server logs, by group.
    AccessLog(AccessLog),
    /// Lines, words and bytes of each document.
    Wc(Wc),
    /// Each document's name and text.
    Extract(Extract),
    /// Part-of-speech tags.
    Pos(Pos),
    /// The user's own program or function.
    Exec(Exec),
    /// Figures of structured records, by group.
    GroupBy(GroupBy),
}

impl Kind {
    /// The kind's name as it is typed.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Kind::WordCount(_) => "word-count",
            Kind::Grep(_) => "grep",
            Kind::AccessLog(_) => "access-log",
            Kind::Wc(_) => "wc",
            Kind::Extract(_) => "extract",
            Kind::Pos(_) => "pos",
            Kind::Exec(_) => "exec",
            Kind::GroupBy(_) => "group-by",
        }
    }

    /// Whether it computes for much longer over a text than reading it takes.
    #[must_use]
    pub fn computes_for_long(&self) -> bool {
        match self {
            Kind::Pos(_) | Kind::Exec(_) => true,
            Kind::WordCount(_)
            | Kind::Grep(_)
            | Kind::AccessLog(_)
            | Kind::Wc(_)
            | Kind::Extract(_)
            | Kind::GroupBy(_) => false,
        }
    }

    /// What the kind's results are and how they become part files.
    #[must_use]
    pub fn shape(&self) -> Shape {
        match self {
            Kind::WordCount(options) => options.shape(),
            Kind::Grep(options) => options.shape(),
            Kind::AccessLog(options) => options.shape(),
            Kind::Wc(options) => options.shape(),
            Kind::Extract(options) => options.shape(),
            Kind::Pos(options) => options.shape(),
            Kind::Exec(options) => options.shape(),
            Kind::GroupBy(options) => options.shape(),
        }
    }

    /// The formats that the kind can write; the first is the default.
    #[must_use]
    pub fn formats(&self) -> &'static [Format] {
        match self {
            Kind::WordCount(_) | Kind::AccessLog(_) => &[Format::Tsv, Format::Jsonl],
            Kind::Grep(options) if options.count || options.files_with_matches => {
                &[Format::Text, Format::Jsonl]
            }
            Kind::Grep(_) => &[Format::Text],
            Kind::Wc(_) => &[Format::Jsonl, Format::Tsv],
            Kind::Extract(_) => &[Format::Jsonl],
            Kind::Pos(_) => &[Format::Text, Format::Conllu, Format::Jsonl],
            Kind::Exec(options) => options.formats(),
            Kind::GroupBy(_) => &[Format::Tsv, Format::Jsonl, Format::Csv, Format::Table],
        }
    }

    /// What a record is for this kind unless the user says otherwise.
    #[must_use]
    pub fn default_records(&self) -> Records {
        match self {
            Kind::Extract(_) => Records::Document,
            Kind::Pos(options) if !options.tokenized => Records::Paragraphs,
            Kind::Exec(options) => options.default_records(),
            Kind::GroupBy(options) => options.default_records(),
            _ => Records::Lines,
        }
    }

    /// Which line of a document the kind must know for each of its records.
    #[must_use]
    pub fn header(&self) -> Option<HeaderRule> {
        match self {
            Kind::GroupBy(options) => options.header_rule(),
            _ => None,
        }
    }

    /// The most records that an ordered job writes of each document. Its outcomes are then in
    /// frames ([`crate::frame`]), because a chunk does not know what the chunks before it hold.
    #[must_use]
    pub fn document_limit(&self) -> Option<NonZeroU64> {
        match self {
            Kind::Grep(options) => options.max_count,
            _ => None,
        }
    }

    /// The hash ([`content_hash`]) of the file that mappers need for it, if they need one.
    #[must_use]
    pub fn file(&self) -> Option<u64> {
        match self {
            Kind::Pos(options) => options.own_model.then_some(options.model_hash),
            _ => None,
        }
    }

    /// How the input is cut where `chunk_size` bytes are wanted in a chunk.
    #[must_use]
    pub fn cutting(&self, chunk_size: usize) -> Cutting {
        match self {
            Kind::Exec(options) => options.cutting(chunk_size),
            _ => Cutting {
                target: chunk_size,
                aligned: false,
                single: false,
            },
        }
    }

    /// The version of the kind's processor: raised whenever its output changes for any input, so
    /// that a worker of another version leaves the job alone (I2).
    #[must_use]
    pub fn version(&self) -> u16 {
        match self {
            Kind::Exec(_) | Kind::GroupBy(_) => 1,
            Kind::WordCount(_)
            | Kind::Grep(_)
            | Kind::AccessLog(_)
            | Kind::Wc(_)
            | Kind::Extract(_) => 2,
            Kind::Pos(_) => 3,
        }
    }
}

/// What a record is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Records {
    /// Lines, ended by LF or CRLF.
    Lines,
    /// Separated by blank lines.
    Paragraphs,
    /// The whole document.
    Document,
    /// A record begins at each line that matches this regular expression.
    Start(String),
    /// Lines of values with this ASCII character between them; one goes on where a line ends inside
    /// quotes.
    Separated(u8),
    /// Lines of a container's log as Kubernetes' runtimes write it, each with all its parts
    /// ([`crate::container`]).
    Cri,
    /// The same as Docker's json-file driver writes it.
    Docker,
}

/// What happens to records that are not UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum EncodingErrors {
    /// The bytes go through as they are.
    Keep,
    /// The record is quarantined.
    Quarantine,
}

/// What happens to damaged archives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum OnCorrupt {
    /// The good part is used, the rest is quarantined.
    Salvage,
    /// The job fails.
    Fail,
}

/// Bounds on what an archive may unfold into; past one, the rest of it is quarantined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// The most levels of archives inside archives.
    pub depth: u32,
    /// Members of one source, over all its levels.
    pub entries: u64,
    /// Bytes that a nested archive which needs seeking may take in a temporary file.
    pub spool: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            depth: 8,
            entries: 10_000_000,
            spool: 1 << 30,
        }
    }
}
