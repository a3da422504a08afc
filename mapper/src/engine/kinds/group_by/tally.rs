//! What becomes of a record that was read: its group's figures.

use gristmill_common::decimal::Decimal;
use gristmill_common::key::push_field;
use gristmill_common::spec::{ABSENT, NULL, Numbers, TEXT};

use super::condition::Condition;
use super::field::{FieldId, Found, Value};
use crate::engine::table::Table;

/// What is counted of records.
#[derive(Clone, Debug)]
pub(super) struct Tally {
    pub(super) by: Vec<FieldId>,
    pub(super) conditions: Vec<Condition>,
    pub(super) numbers: Vec<(FieldId, Numbers)>,
    pub(super) key: Vec<u8>,
    pub(super) value: Vec<u8>,
}

impl Tally {
    /// Counts a record; `text` is what it was read from.
    #[inline]
    pub(super) fn count(&mut self, found: &Found, text: &[u8], table: &mut Table) {
        if !self.conditions.iter().all(|one| one.holds(found, text)) {
            return;
        }
        self.key.clear();
        for &field in &self.by {
            push_value(&mut self.key, &mut self.value, found.value(field, text));
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
}

/// Appends a value to a group's key.
#[inline]
fn push_value(key: &mut Vec<u8>, room: &mut Vec<u8>, value: Value<'_>) {
    match value {
        Value::Absent => push_field(key, &[ABSENT]),
        Value::Null => push_field(key, &[NULL]),
        Value::Text(text) => {
            room.clear();
            room.push(TEXT);
            room.extend_from_slice(text);
            push_field(key, room);
        }
    }
}
