//! Options of `word-count`.

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use super::{KeyedBy, Shape, TableShape};
use crate::table::Merge;

/// How often each word occurs: `word TAB count`, sorted by the words' bytes.
#[derive(Args, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WordCount {
    /// What a word is
    #[arg(long, value_enum, default_value = "unicode")]
    pub words: Words,
    /// Only the N most frequent words, by count downwards, then by word
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub top: Option<u64>,
}

/// What a word is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Words {
    /// Words of Unicode text segmentation (UAX #29) with a letter or digit, lower-cased
    Unicode,
    /// Runs of ASCII letters and apostrophes, lower-cased
    Ascii,
}

impl WordCount {
    pub(super) fn shape(&self) -> Shape {
        Shape::Table(TableShape {
            keyed_by: KeyedBy::Fields(vec!["word".into()]),
            columns: vec![("count".into(), Merge::Sum)],
            distinct: None,
            top: self.top,
            finish: None,
        })
    }
}
