//! What an `exec` job runs: the part of its options that decides the output's bytes.

use std::collections::BTreeMap;
use std::fmt;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::{Format, KeyedBy, Records, Shape, TableShape};
use crate::code::CodeFile;
use crate::table::Merge;

/// The user's own program or Python function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exec {
    /// What one call gets.
    pub each: Each,
    /// What is called.
    pub program: Program,
    /// How results are written.
    pub out: Out,
    /// Exit statuses that count as success.
    pub ok_exit: Vec<u8>,
    /// Variables of the environment beside the fixed ones.
    pub env: BTreeMap<String, String>,
    /// The longest that one unit may take, in seconds.
    pub timeout: u64,
    /// The most resident memory of one process and its descendants, in bytes.
    pub memory: u64,
    /// A worker is replaced after this many units.
    pub recycle: Option<u64>,
    /// A worker is replaced when it and its descendants have more resident memory, in bytes.
    #[serde(default)]
    pub recycle_memory: Option<u64>,
    /// The size of the pieces of [`Each::Chunk`], in bytes: there the cut shows.
    pub piece: u64,
    /// Globs of documents that are not opened although they are archives.
    pub whole: Vec<String>,
    /// What becomes of the `key TAB value` lines that the program writes, if they are merged.
    pub reduce: Option<Reduce>,
    /// The files that the program consists of, as far as they are named, by name.
    pub files: Vec<CodeFile>,
    /// Where programs are confined, this one may use the network.
    #[serde(default)]
    pub net: bool,
    /// A piece whose program fails is cut until the records that fail are alone: the program keeps
    /// no state between records.
    #[serde(default)]
    pub record_wise: bool,
    /// The most processor time of one process, in seconds; that of a worker begins anew whenever
    /// its time-out does.
    #[serde(default)]
    pub cpu_time: Option<u64>,
    /// The most address space of one process, in bytes.
    #[serde(default)]
    pub address_space: Option<u64>,
}

/// What one call of the program gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Each {
    /// A whole document, its bytes as stored
    Document,
    /// A record: a line, unless --records says otherwise
    Record,
    /// A piece of a document, cut at a record's end: for filters, line in, line out
    Chunk,
}

/// What is run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Program {
    /// A program and its arguments, started for every unit.
    Command(Vec<String>),
    /// A command line for `sh -c`, started for every unit.
    Shell(String),
    /// A program that speaks the protocol of `docs/exec.md` and stays.
    Worker(Vec<String>),
    /// A Python function, called in a process that stays.
    Python {
        /// The path of a file that ends in `.py`, or the name of a module.
        module: String,
        /// The function in it.
        function: String,
    },
    /// A Python expression over `line`, evaluated in a process that stays.
    Code(String),
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Program::Command(words) | Program::Worker(words) => f.write_str(&words.join(" ")),
            Program::Shell(line) | Program::Code(line) => f.write_str(line),
            Program::Python { module, function } => write!(f, "{module}:{function}"),
        }
    }
}

/// How results are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Out {
    /// As they are; a missing newline is added
    Lines,
    /// One JSON object a line: name, offset, result
    Json,
    /// For programs: length (u32, big-endian) and name, length and result
    Frames,
    /// Members of a tar, under the documents' names; with --each document
    File,
}

/// How values of one key are merged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Reduce {
    /// The sum of the values
    Sum,
    /// The smallest value
    Min,
    /// The largest value
    Max,
    /// How many values there are
    Count,
    /// How many different values there are
    Distinct,
    /// By the user's own program
    #[value(skip)]
    Program(Reducer),
}

/// The user's own reduction, as Hadoop Streaming has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reducer {
    /// Gets each partition's `key TAB value` lines, sorted by key.
    pub program: Program,
    /// Gets the sorted lines of each call of the mapper, and writes such lines in their place.
    pub combine: Option<Program>,
}

impl Reduce {
    /// Its name as it is typed.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Reduce::Program(_) => "program",
            Reduce::Sum => "sum",
            Reduce::Min => "min",
            Reduce::Max => "max",
            Reduce::Count => "count",
            Reduce::Distinct => "distinct",
        }
    }
}

/// How the input of a job is cut, as far as its kind decides it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cutting {
    /// The length of a chunk's body that is aimed at, in bytes.
    pub target: usize,
    /// Pieces are cut by their own document alone, whatever else is in the chunk.
    pub aligned: bool,
    /// Each document has a chunk of its own.
    pub single: bool,
}

/// Chunks of records that a process is started for, one each, stay small: such records cost
/// milliseconds.
const COLD_RECORDS: usize = 32 << 10;

/// Chunks of records for Python or a worker: enough for a batch in work and one ahead.
const WARM_RECORDS: usize = 512 << 10;

impl Exec {
    pub(super) fn shape(&self) -> Shape {
        let Some(reduce) = &self.reduce else {
            return Shape::Ordered;
        };
        let column = |merge| vec![(reduce.name().to_owned(), merge)];
        let (columns, distinct) = match reduce {
            Reduce::Sum | Reduce::Count => (column(Merge::Sum), None),
            Reduce::Min => (column(Merge::Min), None),
            Reduce::Max => (column(Merge::Max), None),
            Reduce::Distinct => (Vec::new(), Some("distinct".to_owned())),
            Reduce::Program(_) => return Shape::Grouped,
        };
        Shape::Table(TableShape {
            keyed_by: KeyedBy::Fields(vec!["key".into()]),
            columns,
            distinct,
            top: None,
            finish: None,
        })
    }

    /// Whether an exit status counts as success.
    #[must_use]
    pub fn is_ok(&self, status: i32) -> bool {
        self.ok_exit.iter().any(|ok| i32::from(*ok) == status)
    }

    /// All programs that the job runs.
    pub fn programs(&self) -> impl Iterator<Item = &Program> {
        let reducer = self.reducer();
        let reduces = reducer.map(|reducer| &reducer.program);
        let combines = reducer.and_then(|reducer| reducer.combine.as_ref());
        std::iter::once(&self.program)
            .chain(reduces)
            .chain(combines)
    }

    /// The user's own reduction, if there is one.
    #[must_use]
    pub fn reducer(&self) -> Option<&Reducer> {
        match &self.reduce {
            Some(Reduce::Program(reducer)) => Some(reducer),
            _ => None,
        }
    }

    pub(super) fn formats(&self) -> &'static [Format] {
        match (&self.reduce, self.out) {
            (Some(Reduce::Program(_)), _) => &[Format::Text],
            (Some(_), _) => &[Format::Tsv, Format::Jsonl],
            (None, Out::Lines) => &[Format::Text],
            (None, Out::Json) => &[Format::Jsonl],
            (None, Out::Frames) => &[Format::Frames],
            (None, Out::File) => &[Format::Tar],
        }
    }

    pub(super) fn default_records(&self) -> Records {
        match self.each {
            Each::Document => Records::Document,
            Each::Record | Each::Chunk => Records::Lines,
        }
    }

    pub(super) fn cutting(&self, chunk_size: usize) -> Cutting {
        let cold = matches!(self.program, Program::Command(_) | Program::Shell(_));
        let target = match (self.each, cold) {
            (Each::Chunk, _) => self.piece as usize,
            (Each::Record, true) => chunk_size.min(COLD_RECORDS),
            (Each::Record, false) => chunk_size.min(WARM_RECORDS),
            (Each::Document, _) => chunk_size,
        };
        Cutting {
            target,
            aligned: self.each == Each::Chunk,
            single: self.each == Each::Document,
        }
    }
}
