//! Aggregation inside one chunk: keys in an arena, found by hash, kept in order of arrival.
//!
//! It must not know about partitions or messages. The order of the rows is the order in which
//! their keys came first, so that an outcome is a pure function of its chunk (I2).

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use gristmill_common::table::Merge;
use hashbrown::HashTable;

/// Past this many bytes of keys, [`Table::clear`] gives the memory back.
const KEEP: usize = 8 << 20;

/// Rows of one chunk, aggregated by key.
#[derive(Debug)]
pub struct Table {
    merges: Vec<Merge>,
    index: HashTable<u32>,
    rows: Vec<Slot>,
    /// `merges.len()` values a row.
    values: Vec<u128>,
    keys: Vec<u8>,
    longest: usize,
    hasher: RandomState,
}

/// A row of a [`Table`]; good until the table is cleared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowId(u32);

#[derive(Clone, Copy, Debug)]
struct Slot {
    hash: u64,
    at: usize,
    len: usize,
    /// How much of the key is the group's: the rest is a member's value.
    group: usize,
    member: bool,
}

/// A row as it is read back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TableRow<'a> {
    pub(crate) key: &'a [u8],
    /// The part of the key that decides the partition.
    pub(crate) group: &'a [u8],
    pub(crate) member: bool,
    pub(crate) values: &'a [u128],
}

impl Table {
    /// An empty table whose columns merge so.
    #[must_use]
    pub fn new(merges: Vec<Merge>) -> Self {
        Self {
            merges,
            index: HashTable::new(),
            rows: Vec::new(),
            values: Vec::new(),
            keys: Vec::new(),
            longest: 0,
            hasher: RandomState::default(),
        }
    }

    /// Merges `values`, one per column, into the row of `key`.
    #[inline]
    pub fn add(&mut self, key: &[u8], values: &[u64]) {
        let row = self.row(key);
        self.add_to(row, values);
    }

    /// The row of `key`, made with each column's neutral value if it is new.
    #[inline]
    pub fn row(&mut self, key: &[u8]) -> RowId {
        self.find(key, key.len(), false)
    }

    /// Merges `values`, one per column, into a row.
    #[inline]
    pub fn add_to(&mut self, row: RowId, values: &[u64]) {
        let at = row.0 as usize * self.merges.len();
        let totals = &mut self.values[at..at + self.merges.len()];
        for ((total, merge), &value) in totals.iter_mut().zip(&self.merges).zip(values) {
            merge.apply(total, u128::from(value));
        }
    }

    /// Notes a value for exact distinct counting: `key` is the group's key, its first `group`
    /// bytes, and one field more.
    pub fn member(&mut self, key: &[u8], group: usize) {
        self.find(key, group, true);
    }

    /// How many rows there are, members included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The length of the longest key, in bytes.
    #[must_use]
    pub fn longest_key(&self) -> usize {
        self.longest
    }

    pub(crate) fn rows(&self) -> impl Iterator<Item = TableRow<'_>> {
        let width = self.merges.len();
        self.rows.iter().enumerate().map(move |(number, slot)| {
            let key = &self.keys[slot.at..slot.at + slot.len];
            TableRow {
                key,
                group: &key[..slot.group],
                member: slot.member,
                values: &self.values[number * width..(number + 1) * width],
            }
        })
    }

    pub(crate) fn append(&mut self, other: &Table) {
        for row in other.rows() {
            let mine = self.find(row.key, row.group.len(), row.member);
            let at = mine.0 as usize * self.merges.len();
            for (column, &value) in row.values.iter().enumerate() {
                self.merges[column].apply(&mut self.values[at + column], value);
            }
        }
    }

    pub(crate) fn clear(&mut self) {
        if self.keys.capacity() > KEEP || self.rows.capacity() > KEEP / size_of::<Slot>() {
            *self = Self::new(std::mem::take(&mut self.merges));
            return;
        }
        self.index.clear();
        self.rows.clear();
        self.values.clear();
        self.keys.clear();
        self.longest = 0;
    }

    #[inline]
    fn find(&mut self, key: &[u8], group: usize, member: bool) -> RowId {
        let hash = self.hasher.hash_one(key);
        let (rows, keys) = (&self.rows, &self.keys);
        let found = self.index.find(hash, |&row| {
            let slot = &rows[row as usize];
            slot.hash == hash && slot.member == member && &keys[slot.at..slot.at + slot.len] == key
        });
        match found {
            Some(&row) => RowId(row),
            None => self.insert(hash, key, group, member),
        }
    }

    #[cold]
    fn insert(&mut self, hash: u64, key: &[u8], group: usize, member: bool) -> RowId {
        let row = self.rows.len() as u32;
        self.rows.push(Slot {
            hash,
            at: self.keys.len(),
            len: key.len(),
            group,
            member,
        });
        self.keys.extend_from_slice(key);
        self.longest = self.longest.max(key.len());
        self.values
            .extend(self.merges.iter().map(|merge| match merge {
                Merge::Sum | Merge::Max => 0,
                Merge::Min => u128::MAX,
            }));
        let rows = &self.rows;
        self.index
            .insert_unique(hash, row, |&other| rows[other as usize].hash);
        RowId(row)
    }
}
