//! Options of `access-log`.

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use super::{KeyedBy, Shape, TableShape};
use crate::table::Merge;

/// Hits and bytes of web server access logs, by group.
#[derive(Args, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessLog {
    /// Fields to group by, separated by commas; without any, the totals
    #[arg(long, value_enum, value_delimiter = ',', value_name = "FIELD[,FIELD…]")]
    pub by: Vec<Field>,
    /// Only lines for which this holds, such as 'status >= 500 and path ~ ^/api/'
    /// (= != ~ !~ < <= > >= in, joined by and, or, not and parentheses; repeat it to narrow
    /// further)
    #[arg(long = "where", value_name = "CONDITION", allow_hyphen_values = true)]
    pub filters: Vec<String>,
    /// Also count the distinct values of this field in each group, exactly
    #[arg(long, value_enum, value_name = "FIELD")]
    pub distinct: Option<Field>,
    /// Only the N groups with the most hits, then by key
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub top: Option<u64>,
    /// The log's format: common, combined, vhost-combined or an Apache LogFormat string such as
    /// '%h %l %u %t "%r" %>s %b' [default: common and combined are told apart line by line]
    ///
    /// A blank matches a run of blanks. Times other than %t: %{FORM}t with a form of strftime such
    /// as %Y-%m-%d, or sec, msec, usec, iso8601; without a zone they are UTC. %U and %q name path
    /// and query, and directives that say nothing of a field (%{ms}x) are passed over.
    #[arg(long, value_name = "FORMAT")]
    pub line_format: Option<String>,
    /// Skip what a log shipper puts in front of each line: syslog, cri, docker (compose too) or a
    /// regular expression; a line without it is read as it is
    #[arg(long, value_name = "PREFIX")]
    #[serde(default)]
    pub skip_prefix: Option<String>,
}

/// A field of an access log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Field {
    /// Client address or name
    Host,
    /// Authenticated user
    User,
    /// Hour of the request, UTC, such as 2015-05-17T10
    #[value(name = "time:hour")]
    #[serde(rename = "time:hour")]
    TimeHour,
    /// Day of the request, UTC, such as 2015-05-17
    #[value(name = "time:day")]
    #[serde(rename = "time:day")]
    TimeDay,
    /// Request method
    Method,
    /// Path as requested, query included
    Path,
    /// Query string, without the question mark
    Query,
    /// Protocol, such as HTTP/1.1
    Protocol,
    /// Status code
    Status,
    /// Bytes sent
    Bytes,
    /// Referring page
    Referer,
    /// User agent
    Agent,
    /// Virtual host
    Vhost,
}

impl Field {
    /// All fields.
    #[must_use]
    pub fn all() -> &'static [Self] {
        Self::value_variants()
    }

    /// The field of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::all()
            .iter()
            .copied()
            .find(|field| field.name() == name)
    }

    /// The field's name as it is typed and printed.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Field::Host => "host",
            Field::User => "user",
            Field::TimeHour => "time:hour",
            Field::TimeDay => "time:day",
            Field::Method => "method",
            Field::Path => "path",
            Field::Query => "query",
            Field::Protocol => "protocol",
            Field::Status => "status",
            Field::Bytes => "bytes",
            Field::Referer => "referer",
            Field::Agent => "agent",
            Field::Vhost => "vhost",
        }
    }
}

impl AccessLog {
    pub(super) fn shape(&self) -> Shape {
        Shape::Table(TableShape {
            keyed_by: KeyedBy::Fields(
                self.by
                    .iter()
                    .map(|field| field.name().to_owned())
                    .collect(),
            ),
            columns: vec![("hits".into(), Merge::Sum), ("bytes".into(), Merge::Sum)],
            distinct: self
                .distinct
                .map(|field| format!("distinct_{}", field.name())),
            top: self.top,
            finish: None,
        })
    }
}
