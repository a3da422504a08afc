//! Options of `group-by`.

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use super::{Figure, Finish, KeyedBy, Numbers, Shape, TableShape};
use crate::table::{MAX_COLUMNS, Merge};

/// Counts and exact figures of structured records, by group.
#[derive(Args, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupBy {
    /// How records are read
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "json")]
    pub parse: Parse,
    /// Fields to group by, separated by commas; without any, the totals
    ///
    /// A field inside another is named by its path: request.headers.User-Agent.0. A backslash takes
    /// the meaning from the next character: a\.b is one name.
    #[arg(long, value_delimiter = ',', value_name = "FIELD[,FIELD…]")]
    pub by: Vec<String>,
    /// Sums of these fields, exact
    ///
    /// Numbers are decimals of up to 18 digits before the point and 9 after it. Other values are
    /// counted beside the sum, as no_number_FIELD.
    #[arg(long, value_delimiter = ',', value_name = "FIELD[,FIELD…]")]
    pub sum: Vec<String>,
    /// Only records for which this holds, such as 'status >= 500 and not path ~ ^/health'
    ///
    /// FIELD OP VALUE with = != ~ !~ < <= > >=, FIELD in (A, B), exists FIELD; and, or, not and
    /// parentheses. Repeat the option to narrow further.
    #[arg(long = "where", value_name = "CONDITION", allow_hyphen_values = true)]
    pub filters: Vec<String>,
    /// Only the N groups with the most hits, then by key
    #[arg(long, value_name = "N")]
    pub top: Option<u64>,
    /// The first line of a TSV or CSV file names the columns
    #[arg(long)]
    pub header: bool,
}

/// How a record is taken apart into fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Parse {
    /// JSON objects, one a line
    Json,
}

/// The merged columns of a job, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Columns {
    /// How each merges; the first counts records.
    pub merges: Vec<Merge>,
    /// The fields whose numbers are taken, and where they go.
    pub numbers: Vec<(String, Numbers)>,
}

impl GroupBy {
    /// The merged columns.
    #[must_use]
    pub fn columns(&self) -> Columns {
        let mut columns = Columns {
            merges: vec![Merge::Sum],
            numbers: Vec::new(),
        };
        for field in &self.sum {
            if columns.numbers.iter().any(|(name, _)| name == field) {
                continue;
            }
            let at = columns.merges.len();
            columns.merges.extend([Merge::Sum; 5]);
            let numbers = Numbers {
                count: at,
                sum: Some(at + 2),
            };
            columns.numbers.push((field.clone(), numbers));
        }
        columns
    }

    /// Why the job cannot have so many figures, if it cannot.
    #[must_use]
    pub fn too_many(&self) -> Option<String> {
        let needed = self.columns().merges.len();
        (needed > MAX_COLUMNS).then(|| {
            format!(
                "figures of too many fields: they need {needed} columns, and a table has {MAX_COLUMNS}"
            )
        })
    }

    pub(super) fn shape(&self) -> Shape {
        let columns = self.columns();
        let mut figures = vec![("hits".to_owned(), Figure::Count(0))];
        let numbers = |field: &String| {
            let mut all = columns.numbers.iter();
            all.find(|(name, _)| name == field).map(|(_, at)| *at)
        };
        for field in &self.sum {
            if let Some(numbers) = numbers(field) {
                figures.push((format!("sum_{field}"), Figure::Sum(numbers)));
            }
        }
        for (field, numbers) in &columns.numbers {
            let none = Figure::Count(numbers.count + 1);
            figures.push((format!("no_number_{field}"), none));
        }
        let unnamed = |merge| (String::new(), merge);
        Shape::Table(TableShape {
            keyed_by: KeyedBy::Fields(self.by.clone()),
            columns: columns.merges.iter().copied().map(unnamed).collect(),
            distinct: None,
            top: self.top,
            finish: Some(Finish {
                figures,
                header: self.header,
            }),
        })
    }
}
