//! What becomes of a record that was read: its group's figures.

use gristmill_common::bucket;
use gristmill_common::condition::{Condition, Value};
use gristmill_common::decimal::Decimal;
use gristmill_common::key::{push_field, push_marked};
use gristmill_common::spec::{ABSENT, Figure, NULL, Numbers, TEXT};

use super::field::{Asked, FieldId, Found, Record};
use super::time::Room;
use crate::engine::table::Table;

/// What is counted of records.
#[derive(Clone, Debug)]
pub(super) struct Tally {
    pub(super) by: Vec<Asked>,
    pub(super) conditions: Vec<Condition>,
    /// What the conditions ask for, by number.
    pub(super) asked: Vec<Asked>,
    pub(super) numbers: Vec<Number>,
    /// What is counted by its distinct values, and the tag of each.
    pub(super) distinct: Vec<(Asked, u8)>,
    pub(super) key: Vec<u8>,
    /// How many records have each field.
    pub(super) present: Vec<u64>,
}

/// A field whose numbers are taken.
#[derive(Clone, Debug)]
pub(super) struct Number {
    pub(super) field: FieldId,
    pub(super) columns: Numbers,
    /// The tags under which they are counted in buckets.
    pub(super) buckets: Vec<u8>,
}

impl Tally {
    /// Counts a record; `text` is what it was read from.
    #[inline]
    pub(super) fn count(&mut self, found: &Found, text: &[u8], table: &mut Table) {
        found.count(&mut self.present);
        let mut record = Record {
            found,
            text,
            asked: &self.asked,
            room: Room::default(),
        };
        if !self.conditions.iter().all(|one| one.holds(&mut record)) {
            return;
        }
        self.key.clear();
        for &asked in &self.by {
            push_value(&mut self.key, record.ask(asked));
        }
        let row = table.row(&self.key);
        table.values_mut(row)[0] += 1;
        let group = self.key.len();
        for number in &self.numbers {
            let Value::Text(text) = found.value(number.field, text) else {
                continue;
            };
            let Some(value) = Decimal::parse(text) else {
                table.values_mut(row)[number.columns.count + 1] += 1;
                continue;
            };
            add(table.values_mut(row), number.columns, value);
            for &tag in &number.buckets {
                let bucket = bucket::of(value.scaled()).to_be_bytes();
                push_field(&mut self.key, &[tag, bucket[0], bucket[1]]);
                table.count_member(&self.key, group);
                self.key.truncate(group);
            }
        }
        for &(asked, tag) in &self.distinct {
            if let Value::Text(value) = record.ask(asked) {
                push_marked(&mut self.key, tag, value);
                table.member(&self.key, group);
                self.key.truncate(group);
            }
        }
    }
}

#[inline]
fn add(values: &mut [u128], numbers: Numbers, number: Decimal) {
    values[numbers.count] += 1;
    if let Some(at) = numbers.sum {
        let below = usize::from(number.whole < 0);
        values[at + below] += u128::from(number.whole.unsigned_abs());
        values[at + 2] += u128::from(number.nanos);
    }
    if numbers.min.is_none() && numbers.max.is_none() {
        return;
    }
    let value = Figure::decimal(Some(number.scaled()));
    if let Some(at) = numbers.min {
        values[at] = values[at].min(value);
    }
    if let Some(at) = numbers.max {
        values[at] = values[at].max(value);
    }
}

/// Appends a value to a group's key.
#[inline]
fn push_value(key: &mut Vec<u8>, value: Value<'_>) {
    match value {
        Value::Absent => push_field(key, &[ABSENT]),
        // No record has such a value.
        Value::Null | Value::Number(_) => push_field(key, &[NULL]),
        Value::Text(text) => push_marked(key, TEXT, text),
    }
}
