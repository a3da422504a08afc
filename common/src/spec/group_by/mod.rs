//! Options of `group-by`.

mod lists;
mod records;
#[cfg(test)]
mod tests;

use clap::Args;
use serde::{Deserialize, Serialize};

use super::{Edge, Figure, Finish, KeyedBy, Numbers, Shape, TableShape};
use crate::condition::{self, Condition};
use crate::decimal::{Decimal, UNIT};
use crate::table::{MAX_COLUMNS, Merge};

/// Counts and exact figures of structured records, by group.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupBy {
    /// How records are read: auto (by the first 64 KiB of the first document), json, logfmt, ltsv,
    /// csv, tsv, 'csv:;' with another delimiter, 'regex:PATTERN' with named groups, access-log,
    /// common, combined, vhost-combined, 'apache:LOGFORMAT', w3c, alb, elb, s3, haproxy, squid,
    /// traefik, syslog
    #[arg(long, value_name = "FORMAT", default_value = AUTO)]
    pub parse: Parse,
    /// The columns of CSV or TSV without a header line, in their order; a backslash before a comma
    /// makes it part of a name
    #[arg(long, value_name = "NAME[,NAME…]")]
    pub fields: Vec<String>,
    /// Take a container's or daemon's wrapper off each line first: docker (its json-file logs),
    /// cri, journald (journalctl -o json) or syslog
    #[arg(long, value_name = "WRAPPER")]
    pub unwrap: Option<String>,
    /// Fields to group by, separated by commas; without any, the totals
    ///
    /// A field inside another is named by its path: request.headers.User-Agent.0. A backslash takes
    /// the meaning from the next character: a\.b is one name, and so is a\,b. FIELD:minute, :hour,
    /// :day and :month are the time that a field is, in UTC.
    #[arg(long, value_name = "FIELD[,FIELD…]")]
    pub by: Vec<String>,
    /// Sums of these fields, exact
    ///
    /// Numbers are decimals of up to 18 digits before the point and 9 after it. Other values are
    /// counted beside the figures, as no_number_FIELD.
    #[arg(long, value_name = "FIELD[,FIELD…]")]
    pub sum: Vec<String>,
    /// The least number of these fields
    #[arg(long, value_name = "FIELD[,FIELD…]")]
    pub min: Vec<String>,
    /// The greatest number of these fields
    #[arg(long, value_name = "FIELD[,FIELD…]")]
    pub max: Vec<String>,
    /// The average number of these fields, to 9 places, half to even
    #[arg(long, value_name = "FIELD[,FIELD…]")]
    pub avg: Vec<String>,
    /// How many distinct values these fields have in each group, exactly
    #[arg(long, value_name = "FIELD[,FIELD…]")]
    pub distinct: Vec<String>,
    /// Quantiles of a field, such as 'took:0.5,0.95': each the middle of a bucket, at most 1 % off
    ///
    /// The column of 'took:0.95' is q0.95_took. Repeat the option for more fields.
    #[arg(long, value_name = "FIELD:Q[,Q…]")]
    pub quantiles: Vec<String>,
    /// The first value of these fields in each group, in input order
    ///
    /// Null and fields that are not there are no values.
    #[arg(long, value_name = "FIELD[,FIELD…]")]
    pub first: Vec<String>,
    /// The last value of these fields in each group, in input order
    #[arg(long, value_name = "FIELD[,FIELD…]")]
    pub last: Vec<String>,
    /// Only records for which this holds, such as 'status >= 500 and not path ~ ^/health'
    ///
    /// FIELD OP VALUE with = != ~ !~ < <= > >=, FIELD in (A, B), exists FIELD; and, or, not and
    /// parentheses. Repeat the option to narrow further.
    #[arg(long = "where", value_name = "CONDITION", allow_hyphen_values = true)]
    pub filters: Vec<String>,
    /// Only the N groups with the most hits, then by key
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub top: Option<u64>,
    /// The column that --top goes by, such as sum_bytes [default: hits]
    #[arg(long, value_name = "COLUMN", requires = "top")]
    pub top_by: Option<String>,
    /// Only groups whose finished row satisfies this, such as 'hits > 100 and avg_took >= 0.5'
    #[arg(long, value_name = "CONDITION", allow_hyphen_values = true)]
    pub having: Option<String>,
    /// The first line of a TSV or CSV file names the columns
    #[arg(long)]
    pub header: bool,
}

/// The format that is decided by what is in the first document, before the job begins.
pub const AUTO: &str = "auto";

/// The group of counters that say how many records have a field, by its name.
pub const PRESENT: &str = "records with the field";

/// How a record is taken apart into fields, as it is typed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Parse(pub String);

impl Parse {
    /// What stands between the values of a record, where records are such values (RFC 4180).
    #[must_use]
    pub fn delimiter(&self) -> Option<u8> {
        match self.0.as_bytes() {
            b"csv" => Some(b','),
            b"tsv" => Some(b'\t'),
            [b'c', b's', b'v', b':', delimiter] => Some(*delimiter)
                .filter(|byte| byte.is_ascii() && !byte.is_ascii_alphanumeric())
                .filter(|byte| !matches!(byte, b'"' | b'\n' | b'\r')),
            _ => None,
        }
    }
}

impl Default for Parse {
    fn default() -> Self {
        Self("json".to_owned())
    }
}

impl From<&str> for Parse {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

/// Quantiles of one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quantiles {
    /// The field.
    pub field: String,
    /// Each as it was typed, and in billionths.
    pub wanted: Vec<(String, u32)>,
    /// The tag of its buckets.
    pub tag: u8,
}

impl Quantiles {
    fn parse(typed: &str, tag: u8) -> Option<Self> {
        let (field, list) = typed.rsplit_once(':')?;
        let quantile = |typed: &str| {
            let scaled = Decimal::parse(typed.as_bytes())?.scaled();
            let nanos = u32::try_from(scaled).ok()?;
            (1..=UNIT as u32)
                .contains(&nanos)
                .then(|| (typed.to_owned(), nanos))
        };
        Some(Self {
            field: field.to_owned(),
            wanted: list.split(',').map(quantile).collect::<Option<_>>()?,
            tag,
        })
    }
}

/// The merged columns of a job, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Columns {
    /// How each merges; the first counts records.
    pub merges: Vec<Merge>,
    /// The fields whose numbers are taken, and where they go.
    pub numbers: Vec<(String, Numbers)>,
}

/// The most printed columns.
const MAX_FIGURES: usize = 64;

impl GroupBy {
    /// The merged columns.
    #[must_use]
    pub fn columns(&self) -> Columns {
        let mut merges = vec![Merge::Sum];
        let mut numbers: Vec<(String, Numbers)> = Vec::new();
        let quantiles: Vec<String> = self.quantiles().into_iter().map(|one| one.field).collect();
        let all = [&self.sum, &self.avg, &self.min, &self.max, &quantiles];
        for field in all.into_iter().flatten() {
            if numbers.iter().any(|(name, _)| name == field) {
                continue;
            }
            let mut column = |wanted: bool, more: &[Merge]| {
                let at = merges.len();
                wanted.then(|| {
                    merges.extend_from_slice(more);
                    at
                })
            };
            let places = Numbers {
                count: column(true, &[Merge::Sum; 2]).unwrap_or_default(),
                sum: column(
                    self.sum.contains(field) || self.avg.contains(field),
                    &[Merge::Sum; 3],
                ),
                min: column(self.min.contains(field), &[Merge::Min]),
                max: column(self.max.contains(field), &[Merge::Max]),
            };
            numbers.push((field.clone(), places));
        }
        Columns { merges, numbers }
    }

    /// The printed columns, and how each is worked out.
    fn figures(&self) -> Vec<(String, Figure)> {
        let columns = self.columns();
        let mut figures = vec![("hits".to_owned(), Figure::Count(0))];
        type Make = fn(Numbers) -> Figure;
        let kinds: [(&str, &[String], Make); 4] = [
            ("sum", &self.sum, Figure::Sum),
            ("min", &self.min, Figure::Min),
            ("max", &self.max, Figure::Max),
            ("avg", &self.avg, Figure::Avg),
        ];
        for (name, fields, figure) in kinds {
            for field in fields {
                let known = columns.numbers.iter().find(|(known, _)| known == field);
                figures.extend(known.map(|(_, at)| (format!("{name}_{field}"), figure(*at))));
            }
        }
        for Quantiles { field, wanted, tag } in self.quantiles() {
            for (typed, nanos) in wanted {
                figures.push((format!("q{typed}_{field}"), Figure::Quantile { tag, nanos }));
            }
        }
        for (field, tag) in self.distinct.iter().zip(1..) {
            figures.push((format!("distinct_{field}"), Figure::Distinct(tag)));
        }
        for (field, numbers) in &columns.numbers {
            let none = Figure::Count(numbers.count + 1);
            figures.push((format!("no_number_{field}"), none));
        }
        figures
    }

    /// The fields whose quantiles are wanted, as far as they can be read.
    #[must_use]
    pub fn quantiles(&self) -> Vec<Quantiles> {
        let tags = (self.distinct.len() + 1) as u8..;
        let all = self.quantiles.iter().zip(tags);
        all.filter_map(|(typed, tag)| Quantiles::parse(typed, tag))
            .collect()
    }

    /// The fields whose first and last values are wanted: the name of the column, which of the two,
    /// the field and the tag.
    #[must_use]
    pub fn texts(&self) -> Vec<(String, Edge, &str, u8)> {
        let first = self.first.iter().map(|field| ("first", Edge::First, field));
        let last = self.last.iter().map(|field| ("last", Edge::Last, field));
        let tags = (self.distinct.len() + self.quantiles.len() + 1) as u8..;
        (first.chain(last).zip(tags))
            .map(|((name, edge, field), tag)| (format!("{name}_{field}"), edge, &field[..], tag))
            .collect()
    }

    /// The names of a finished row's columns: the fields of its key, then the figures and texts.
    fn names(&self) -> Vec<String> {
        let figures = self.figures().into_iter().map(|(name, _)| name);
        let texts = self.texts().into_iter().map(|(name, ..)| name);
        (self.by.iter().cloned())
            .chain(figures)
            .chain(texts)
            .collect()
    }

    /// Whether the options go together.
    ///
    /// # Errors
    /// When they do not: which option, and the way out.
    pub fn check(&self) -> Result<(), String> {
        let (columns, figures) = (self.columns().merges.len(), self.figures().len());
        let texts = self.first.len() + self.last.len();
        let tags = self.distinct.len() + self.quantiles.len() + texts;
        if columns > MAX_COLUMNS || (figures + texts).max(tags) > MAX_FIGURES {
            return Err(format!(
                "too many figures: {figures} columns ({columns} to work them out), at most {MAX_FIGURES} \
                 ({MAX_COLUMNS}); leave some out"
            ));
        }
        let bad = self
            .quantiles
            .iter()
            .find(|typed| Quantiles::parse(typed, 0).is_none());
        if let Some(typed) = bad {
            return Err(format!(
                "--quantiles {typed}: write FIELD:Q,Q with numbers above 0 and at most 1, such as took:0.5,0.95"
            ));
        }
        let names = self.names();
        let twice = (1..names.len()).find(|&at| names[..at].contains(&names[at]));
        if let Some(name) = twice.map(|at| &names[at]) {
            let otherwise = match self.by.iter().filter(|by| *by == name).count() {
                // A backslash takes the meaning from the next character.
                1 => format!("write --by '\\{name}', which is the same field by another name"),
                _ => "leave one out".to_owned(),
            };
            return Err(format!("two columns have the name `{name}`; {otherwise}"));
        }
        if let Some(name) = &self.top_by
            && !self.figures().iter().any(|(known, _)| known == name)
        {
            let known: Vec<String> = self.figures().into_iter().map(|(name, _)| name).collect();
            return Err(format!(
                "--top-by {name}: no such column (columns are {})",
                known.join(", ")
            ));
        }
        if let Some(having) = &self.having {
            having_of(having, &names)?;
        }
        Ok(())
    }

    pub(super) fn shape(&self) -> Shape {
        let figures = self.figures();
        let rank = (self.top_by.as_ref())
            .and_then(|name| figures.iter().position(|(known, _)| known == name));
        let unnamed = |merge| (String::new(), merge);
        Shape::Table(TableShape {
            keyed_by: KeyedBy::Fields(self.by.clone()),
            columns: self.columns().merges.into_iter().map(unnamed).collect(),
            distinct: None,
            top: self.top,
            finish: Some(Finish {
                figures,
                distinct: self.distinct.len() as u8,
                quantiles: self.quantiles.len() as u8,
                texts: (self.texts().into_iter())
                    .map(|(name, edge, ..)| (name, edge))
                    .collect(),
                rank: rank.unwrap_or(0),
                having: self.having.clone(),
                header: self.header,
            }),
        })
    }
}

/// The condition on finished rows, whose columns have these names.
///
/// # Errors
/// When it is none, or names another column.
pub fn having_of(typed: &str, names: &[String]) -> Result<Condition, String> {
    condition::parse("--having", typed, &mut |name| {
        let known = names.iter().position(|known| known == name);
        known.ok_or_else(|| {
            format!(
                "`{name}` is not a column (columns are {})",
                names.join(", ")
            )
        })
    })
}
