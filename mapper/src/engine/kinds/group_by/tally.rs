//! What becomes of a record that was read: its group's figures.

use std::collections::BTreeMap;

use gristmill_common::bucket;
use gristmill_common::condition::{Condition, Value};
use gristmill_common::decimal::Decimal;
use gristmill_common::key::{push_field, push_marked};
use gristmill_common::spec::{ABSENT, Edge, Figure, NULL, Numbers, TEXT, place};

use super::field::{Asked, FieldId, Found, Record};
use super::time::Scratch;
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
    /// The fields whose first or last values are wanted, and the tag of each.
    pub(super) texts: Vec<(Asked, Edge, u8)>,
    /// Of each group, those values so far, and where they are in the input.
    pub(super) held: BTreeMap<Vec<u8>, Vec<Option<Placed>>>,
    pub(super) key: Vec<u8>,
    /// How many records have each field.
    pub(super) present: Vec<u64>,
}

/// A value, after its place in the input ([`place`]).
type Placed = Vec<u8>;

/// Where a record is.
#[derive(Clone, Copy, Debug)]
pub(super) struct At {
    pub(super) split: u32,
    /// Number of the document in the split.
    pub(super) ordinal: u32,
    pub(super) offset: u64,
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
    /// Counts a record; `text` is what it was read from, and `at` is where it is.
    #[inline]
    pub(super) fn count(&mut self, found: &Found, text: &[u8], at: At, table: &mut Table) {
        found.count(&mut self.present);
        let mut record = Record {
            found,
            text,
            asked: &self.asked,
            scratch: Scratch::default(),
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
                table.count_bucket(row, tag, bucket::of(value.scaled()));
            }
        }
        for &(asked, tag) in &self.distinct {
            if let Value::Text(value) = record.ask(asked) {
                push_marked(&mut self.key, tag, value);
                table.member(&self.key, group);
                self.key.truncate(group);
            }
        }
        if !self.texts.is_empty() {
            hold(&mut self.held, &self.key, &self.texts, at, &mut record);
        }
    }

    /// Adds the first and last values of the records that were counted since it was done before.
    pub(super) fn finish(&mut self, table: &mut Table) {
        // In order of the groups, so that the result depends on nothing else.
        for (group, values) in std::mem::take(&mut self.held) {
            self.key.clear();
            self.key.extend_from_slice(&group);
            for (value, (_, _, tag)) in values.iter().zip(&self.texts) {
                if let Some(value) = value {
                    push_marked(&mut self.key, *tag, value);
                    table.member(&self.key, group.len());
                    self.key.truncate(group.len());
                }
            }
        }
    }
}

/// Keeps a record's values where they are the first or last of their group.
fn hold(
    held: &mut BTreeMap<Vec<u8>, Vec<Option<Placed>>>,
    group: &[u8],
    texts: &[(Asked, Edge, u8)],
    at: At,
    record: &mut Record<'_>,
) {
    if !held.contains_key(group) {
        held.insert(group.to_vec(), vec![None; texts.len()]);
    }
    let Some(values) = held.get_mut(group) else {
        return;
    };
    for (held, &(asked, edge, _)) in values.iter_mut().zip(texts) {
        if edge == Edge::First && held.is_some() {
            continue;
        }
        if let Value::Text(value) = record.ask(asked) {
            // Records come in input order.
            let held = held.get_or_insert_default();
            held.clear();
            held.extend_from_slice(&place(at.split, at.ordinal, at.offset));
            held.extend_from_slice(value);
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
