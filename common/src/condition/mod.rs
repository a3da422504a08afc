//! What a record must satisfy: comparisons of fields, joined by `and`, `or`, `not` and parentheses.
//!
//! It must not know what a record is or where its fields are: [`Record`] says what their values
//! are. How conditions are read from text is in `grammar`.

mod grammar;

use std::cmp::Ordering;

use regex::bytes::Regex;

use crate::decimal::{self, Decimal};

pub use grammar::parse;

/// What a record says of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// It is not there.
    Absent,
    /// It is there, and has no value.
    Null,
    /// Its value as text.
    Text(&'a [u8]),
    /// Its value is a number, in units of the last place of a decimal.
    Number(i128),
}

/// What has fields, which are known by number.
pub trait Record {
    /// The value of a field.
    fn value(&mut self, field: usize) -> Value<'_>;
}

/// A condition. A field that a record does not have satisfies only what is negated.
#[derive(Clone, Debug)]
pub enum Condition {
    /// One field passes a test.
    Test(usize, Test),
    /// It does not hold.
    Not(Box<Condition>),
    /// All of them hold.
    All(Vec<Condition>),
    /// At least one of them holds.
    Any(Vec<Condition>),
}

/// What is asked of one field.
#[derive(Clone, Debug)]
pub enum Test {
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
pub enum Order {
    /// Below.
    Less,
    /// Not above.
    LessOrEqual,
    /// Above.
    Greater,
    /// Not below.
    GreaterOrEqual,
}

impl Condition {
    /// Whether a record satisfies it.
    pub fn holds(&self, record: &mut impl Record) -> bool {
        match self {
            Condition::Test(field, test) => test.holds(record.value(*field)),
            Condition::Not(inner) => !inner.holds(record),
            Condition::All(all) => all.iter().all(|one| one.holds(record)),
            Condition::Any(any) => any.iter().any(|one| one.holds(record)),
        }
    }
}

impl Test {
    fn holds(&self, value: Value<'_>) -> bool {
        let text = match (self, value) {
            (Test::Exists, value) => return value != Value::Absent,
            (Test::Null, value) => return value == Value::Null,
            (_, Value::Absent | Value::Null) => return false,
            (_, Value::Number(number)) => return self.holds_for(number),
            (_, Value::Text(text)) => text,
        };
        match self {
            Test::Exists | Test::Null => false,
            Test::Text(wanted) => wanted.iter().any(|wanted| wanted == text),
            Test::Number(wanted) => decimal::compare(text, wanted) == Some(Ordering::Equal),
            Test::TextOrder(order, wanted) => order.holds(text, wanted),
            Test::NumberOrder(order, wanted) => decimal::compare(text, wanted)
                .is_some_and(|found| order.holds(&found, &Ordering::Equal)),
            Test::Pattern(regex) => regex.is_match(text),
        }
    }

    fn holds_for(&self, number: i128) -> bool {
        match self {
            Test::Number(wanted) => number == wanted.scaled(),
            Test::NumberOrder(order, wanted) => order.holds(&number, &wanted.scaled()),
            _ => {
                let mut text = Vec::new();
                decimal::push(&mut text, number);
                self.holds(Value::Text(&text))
            }
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
