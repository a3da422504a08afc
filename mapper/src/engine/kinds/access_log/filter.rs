//! `--where 'FIELD OP VALUE'`: which lines count.

use gristmill_common::spec::Field;
use regex::bytes::Regex;

use super::entry::{Entry, Room};
use super::servers::number;
use crate::engine::prepared::SpecError;

/// The operators; the longer of two that begin alike comes first.
const OPERATORS: [(&str, Op); 8] = [
    ("!=", Op::Ne),
    ("!~", Op::NotMatch),
    ("<=", Op::Le),
    (">=", Op::Ge),
    ("=", Op::Eq),
    ("~", Op::Match),
    ("<", Op::Lt),
    (">", Op::Gt),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Op {
    Eq,
    Ne,
    Match,
    NotMatch,
    Lt,
    Le,
    Gt,
    Ge,
}

/// One condition.
#[derive(Clone, Debug)]
pub(super) struct Filter {
    pub(super) field: Field,
    test: Test,
}

#[derive(Clone, Debug)]
enum Test {
    /// Bytewise.
    Text(Op, Vec<u8>),
    /// For `status` and `bytes`; a value that is no number only satisfies `!=`.
    Number(Op, u64),
    /// True if it must match.
    Pattern(bool, Regex),
}

impl Filter {
    /// Parses a condition such as `status >= 500`; spaces around the operator are free.
    pub(super) fn parse(text: &str) -> Result<Self, SpecError> {
        let fail = |why: String| {
            SpecError(format!(
                "--where '{text}': {why}; write FIELD OP VALUE, such as 'status >= 500' or 'path ~ \
                 ^/api/'"
            ))
        };
        let typed = text.trim();
        let end = typed
            .find(|c: char| !(c.is_ascii_alphabetic() || c == ':'))
            .unwrap_or(typed.len());
        let field = Field::from_name(&typed[..end]).ok_or_else(|| {
            let names: Vec<&str> = Field::all().iter().map(|field| field.name()).collect();
            fail(format!(
                "`{}` is not a field (fields are {})",
                &typed[..end],
                names.join(", ")
            ))
        })?;
        let rest = typed[end..].trim_start();
        let (op, value) = OPERATORS
            .iter()
            .find_map(|(sign, op)| {
                rest.strip_prefix(sign)
                    .map(|value| (*op, value.trim_start()))
            })
            .ok_or_else(|| fail("no operator (= != ~ !~ < <= > >=) after the field".into()))?;
        let test = match op {
            Op::Match | Op::NotMatch => {
                let regex = Regex::new(value)
                    .map_err(|error| fail(format!("not a regular expression: {error}")))?;
                Test::Pattern(op == Op::Match, regex)
            }
            _ if matches!(field, Field::Status | Field::Bytes) => {
                let number = number(value.as_bytes())
                    .ok_or_else(|| fail(format!("`{value}` is not a whole number")))?;
                Test::Number(op, number)
            }
            _ => Test::Text(op, value.as_bytes().to_vec()),
        };
        Ok(Self { field, test })
    }

    /// The path that a line must have, where the condition says so.
    pub(super) fn path(&self) -> Option<&[u8]> {
        match (self.field, &self.test) {
            (Field::Path, Test::Text(Op::Eq, path)) => Some(path),
            _ => None,
        }
    }

    /// Whether a line satisfies the condition. `room` is for values that are not in the line.
    pub(super) fn holds(&self, entry: &Entry<'_>, room: &mut Room) -> bool {
        let value = entry.value(self.field, room);
        match &self.test {
            Test::Text(op, wanted) => op.holds(&value, &&wanted[..]),
            Test::Number(op, wanted) => match number(value) {
                Some(value) => op.holds(&value, wanted),
                None => *op == Op::Ne,
            },
            Test::Pattern(matching, regex) => regex.is_match(value) == *matching,
        }
    }
}

impl Op {
    fn holds<T: Ord>(self, value: &T, wanted: &T) -> bool {
        match self {
            Op::Eq => value == wanted,
            Op::Ne => value != wanted,
            Op::Lt => value < wanted,
            Op::Le => value <= wanted,
            Op::Gt => value > wanted,
            Op::Ge => value >= wanted,
            // Patterns are tests of their own.
            Op::Match | Op::NotMatch => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_that_cannot_work_are_refused() {
        for (text, why) in [
            ("", "is not a field"),
            ("verb = GET", "is not a field"),
            ("status 200", "no operator"),
            ("status = ok", "is not a whole number"),
            ("bytes > -1", "is not a whole number"),
            ("path ~ (", "not a regular expression"),
        ] {
            let error = Filter::parse(text).unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
            assert!(error.contains("--where"), "{error}");
        }
    }

    #[test]
    fn spaces_are_free() {
        for text in ["status>=500", " status >= 500 ", "status >=500"] {
            let filter = Filter::parse(text).unwrap();
            assert_eq!(filter.field, Field::Status);
            assert!(matches!(filter.test, Test::Number(Op::Ge, 500)));
        }
        let filter = Filter::parse("time:hour!=2015-05-17T10").unwrap();
        assert_eq!(filter.field, Field::TimeHour);
        assert!(matches!(filter.test, Test::Text(Op::Ne, value) if value == b"2015-05-17T10"));
    }
}
