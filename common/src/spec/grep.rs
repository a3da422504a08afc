//! Options of `grep`.

use std::num::NonZeroU64;

use clap::Args;
use serde::{Deserialize, Serialize};

use super::{KeyedBy, Shape, TableShape};
use crate::table::Merge;

/// Records that match a pattern, in input order.
#[derive(Args, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grep {
    /// The pattern, which the command line has in several ways.
    #[arg(skip)]
    pub pattern: String,
    /// Upper and lower case are the same
    #[arg(short, long)]
    pub ignore_case: bool,
    /// Records that do not match
    #[arg(short = 'v', long)]
    pub invert_match: bool,
    /// Only how many records match: in all, or with -H per document
    #[arg(short, long)]
    pub count: bool,
    /// Only the names of the documents with a record that matches
    #[arg(short = 'l', long, conflicts_with_all = ["count", "only_matching"])]
    #[serde(default)]
    pub files_with_matches: bool,
    /// The document's name before each record
    #[arg(short = 'H', long)]
    pub with_filename: bool,
    /// The record's number in its document before each record, from 1
    #[arg(short = 'n', long)]
    pub line_number: bool,
    /// The pattern is a plain string
    #[arg(short = 'F', long)]
    pub fixed_strings: bool,
    /// Only matches that are whole words
    #[arg(short = 'w', long)]
    pub word_regexp: bool,
    /// Only the matching stretches, one a line (-o names the output everywhere)
    #[arg(long)]
    pub only_matching: bool,
    /// At most N records of each document, its first ones
    #[arg(
        short = 'm',
        long,
        value_name = "N",
        conflicts_with_all = ["count", "files_with_matches"]
    )]
    #[serde(default)]
    pub max_count: Option<NonZeroU64>,
}

impl Grep {
    /// A search for a pattern, without any option.
    #[must_use]
    pub fn of(pattern: &str) -> Self {
        Self {
            pattern: pattern.to_owned(),
            ignore_case: false,
            invert_match: false,
            count: false,
            files_with_matches: false,
            max_count: None,
            with_filename: false,
            line_number: false,
            fixed_strings: false,
            word_regexp: false,
            only_matching: false,
        }
    }

    pub(super) fn shape(&self) -> Shape {
        if self.files_with_matches {
            return Shape::Table(TableShape {
                keyed_by: KeyedBy::Document,
                // Not printed.
                columns: vec![(String::new(), Merge::Max)],
                distinct: None,
                top: None,
                finish: None,
            });
        }
        if !self.count {
            return Shape::Ordered;
        }
        Shape::Table(TableShape {
            keyed_by: if self.with_filename {
                KeyedBy::Document
            } else {
                KeyedBy::Fields(vec![])
            },
            columns: vec![("count".into(), Merge::Sum)],
            distinct: None,
            top: None,
            finish: None,
        })
    }
}
