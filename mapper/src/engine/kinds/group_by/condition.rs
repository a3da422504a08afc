//! What a record must satisfy: comparisons of fields, joined by `and`, `or`, `not` and parentheses.
//!
//! It must not know how records are written. How conditions are read from text is in [`super::grammar`].

use gristmill_common::decimal::Decimal;
use regex::bytes::Regex;

use super::field::{FieldId, Found, Value};

/// A condition. A field that a record does not have satisfies only what is negated.
#[derive(Clone, Debug)]
pub(super) enum Condition {
    Test(FieldId, Test),
    Not(Box<Condition>),
    All(Vec<Condition>),
    Any(Vec<Condition>),
}

/// What is asked of one field.
#[derive(Clone, Debug)]
pub(super) enum Test {
    /// It is there.
    Exists,
    /// It is there, and has no value.
    Null,
    /// Its text is one of these.
    Text(Vec<Vec<u8>>),
    /// Its value is this number, however it is written.
    Number(Decimal),
    /// How its text compares with this one, bytewise.
    TextOrder(Order, Vec<u8>),
    /// How its number compares with this one.
    NumberOrder(Order, Decimal),
    /// Its text matches.
    Pattern(Regex),
}

/// An order that a value may stand in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Condition {
    /// Whether a record satisfies it; `text` is what the record was read from.
    pub(super) fn holds(&self, found: &Found, text: &[u8]) -> bool {
        match self {
            Condition::Test(field, test) => test.holds(found.value(*field, text)),
            Condition::Not(inner) => !inner.holds(found, text),
            Condition::All(all) => all.iter().all(|one| one.holds(found, text)),
            Condition::Any(any) => any.iter().any(|one| one.holds(found, text)),
        }
    }
}

impl Test {
    fn holds(&self, value: Value<'_>) -> bool {
        let text = match (self, value) {
            (Test::Exists, value) => return value != Value::Absent,
            (Test::Null, value) => return value == Value::Null,
            (_, Value::Absent | Value::Null) => return false,
            (_, Value::Text(text)) => text,
        };
        match self {
            Test::Exists | Test::Null => false,
            Test::Text(wanted) => wanted.iter().any(|wanted| wanted == text),
            Test::Number(wanted) => Decimal::parse(text).is_some_and(|number| number == *wanted),
            Test::TextOrder(order, wanted) => order.holds(text, wanted),
            Test::NumberOrder(order, wanted) => {
                Decimal::parse(text).is_some_and(|number| order.holds(&number, wanted))
            }
            Test::Pattern(regex) => regex.is_match(text),
        }
    }
}

impl Order {
    fn holds<T: Ord + ?Sized>(self, value: &T, wanted: &T) -> bool {
        match self {
            Order::Less => value < wanted,
            Order::LessOrEqual => value <= wanted,
            Order::Greater => value > wanted,
            Order::GreaterOrEqual => value >= wanted,
        }
    }
}
