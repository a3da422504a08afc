//! The form and the compression of part files.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// The form of the part files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// Columns separated by tabs.
    Tsv,
    /// One JSON object a line.
    Jsonl,
    /// Plain text.
    #[value(name = "text", alias = "txt")]
    Text,
    /// CoNLL-U, the Universal Dependencies format.
    Conllu,
    /// Length-prefixed names and results.
    #[value(skip)]
    Frames,
    /// Results as the members of a tar.
    #[value(skip)]
    Tar,
    /// Comma-separated values.
    Csv,
    /// A table in Markdown, lined up for people.
    Table,
}

impl Format {
    /// The file name extension, without the dot.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Format::Tsv => "tsv",
            Format::Jsonl => "jsonl",
            Format::Csv => "csv",
            Format::Table => "md",
            Format::Text => "txt",
            Format::Conllu => "conllu",
            Format::Frames => "frames",
            Format::Tar => "tar",
        }
    }
}

/// Compression of the part files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Compress {
    /// gzip.
    Gz,
    /// Zstandard.
    Zst,
}

impl Compress {
    /// The file name extension, without the dot.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Compress::Gz => "gz",
            Compress::Zst => "zst",
        }
    }
}
