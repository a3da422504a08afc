//! What becomes of a record that was read: its group's figures.

use gristmill_common::bucket;
use gristmill_common::condition::{Condition, Value};
use gristmill_common::decimal::Decimal;
use gristmill_common::key::push_field;
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
    pub(super) numbers: Vec<(FieldId, Numbers)>,
    /// What is counted by its distinct values, and the tag of each.
    pub(super) distinct: Vec<(Asked, u8)>,
    /// The fields whose numbers are counted in buckets, and the tag of each.
    pub(super) buckets: Vec<(FieldId, u8)>,
    pub(super) key: Vec<u8>,
    pub(super) value: Vec<u8>,
}

impl Tally {
    /// Counts a record; `text` is what it was read from.
    #[inline]
    pub(super) fn count(&mut self, found: &Found, text: &[u8], table: &mut Table) {
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
            push_value(&mut self.key, &mut self.value, record.ask(asked));
        }
        let row = table.row(&self.key);
        let values = table.values_mut(row);
        values[0] += 1;
        for &(field, numbers) in &self.numbers {
            let Value::Text(number) = found.value(field, text) else {
                continue;
            };
            match Decimal::parse(number) {
                Some(number) => add(values, numbers, number),
                None => values[numbers.count + 1] += 1,
            }
        }
        let group = self.key.len();
        for &(field, tag) in &self.buckets {
            if let Value::Text(number) = found.value(field, text)
                && let Some(number) = Decimal::parse(number)
            {
                let bucket = bucket::of(number.scaled()).to_be_bytes();
                push_field(&mut self.key, &[tag, bucket[0], bucket[1]]);
                table.count_member(&self.key, group);
                self.key.truncate(group);
            }
        }
        for &(asked, tag) in &self.distinct {
            if let Value::Text(value) = record.ask(asked) {
                push_marked(&mut self.key, &mut self.value, tag, value);
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
fn push_value(key: &mut Vec<u8>, room: &mut Vec<u8>, value: Value<'_>) {
    match value {
        Value::Absent => push_field(key, &[ABSENT]),
        // No record has such a value.
        Value::Null | Value::Number(_) => push_field(key, &[NULL]),
        Value::Text(text) => push_marked(key, room, TEXT, text),
    }
}

/// Appends a text with a mark before it to a key, as one field.
#[inline]
fn push_marked(key: &mut Vec<u8>, room: &mut Vec<u8>, mark: u8, text: &[u8]) {
    room.clear();
    room.push(mark);
    room.extend_from_slice(text);
    push_field(key, room);
}
