//! Aggregation inside one chunk: keys in an arena, found by hash, kept in order of arrival.
//!
//! It must not know about partitions or messages. The order of the rows is the order in which
//! their keys came first, so that an outcome is a pure function of its chunk (I2).

use std::hash::{BuildHasher, Hasher};

use foldhash::fast::RandomState;
use gristmill_common::key::push_field;
use gristmill_common::table::Merge;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use crate::engine::bucket_counts::{BucketCounts, BucketOf};

/// Past this many bytes of keys or rows, [`Table::clear`] gives the memory back.
const KEEP: usize = 8 << 20;

/// Rows of one chunk, aggregated by key.
#[derive(Debug)]
pub struct Table {
    merges: Vec<Merge>,
    /// All columns are sums.
    sums: bool,
    /// Numbers of the rows below `indexed`, by hash.
    index: HashTable<u32>,
    indexed: usize,
    rows: Vec<Slot>,
    /// `merges.len()` values a row.
    values: Vec<u128>,
    keys: Vec<u8>,
    longest: usize,
    /// What is counted of rows by buckets; rows of their own as they are read back.
    buckets: BucketCounts,
    /// The rows that another table's have here.
    places: Vec<u32>,
    hasher: RandomState,
}

/// A row of a [`Table`]; good until the table is cleared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowId(u32);

/// Where a row's key is. A member's key is longer than its group's.
#[derive(Clone, Copy, Debug)]
struct Slot {
    hash: u32,
    at: u32,
    len: u32,
    /// How much of the key is the group's: the rest is a member's value.
    group: u32,
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
            sums: merges.iter().all(|&merge| merge == Merge::Sum),
            merges,
            index: HashTable::new(),
            indexed: 0,
            rows: Vec::new(),
            values: Vec::new(),
            keys: Vec::new(),
            longest: 0,
            buckets: BucketCounts::default(),
            places: Vec::new(),
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
        self.find(key, key.len())
    }

    /// Merges `values`, one per column, into a row.
    #[inline]
    pub fn add_to(&mut self, row: RowId, values: &[u64]) {
        let at = row.0 as usize * self.merges.len();
        let totals = &mut self.values[at..at + self.merges.len()];
        if self.sums {
            // Every built-in kind's case: 2^64 values of 2^64 fit.
            for (total, &value) in totals.iter_mut().zip(values) {
                *total += u128::from(value);
            }
            return;
        }
        for ((total, merge), &value) in totals.iter_mut().zip(&self.merges).zip(values) {
            merge.apply(total, u128::from(value));
        }
    }

    /// The values of a row, one per column, to be changed as the columns merge.
    #[inline]
    pub fn values_mut(&mut self, row: RowId) -> &mut [u128] {
        let at = row.0 as usize * self.merges.len();
        &mut self.values[at..at + self.merges.len()]
    }

    /// Adds a row whose key the table is known not to have, which costs no look-up.
    #[inline]
    pub fn push_new(&mut self, key: &[u8], values: &[u64]) {
        let row = self.push(0, key, key.len());
        self.add_to(row, values);
    }

    /// Notes a value for exact distinct counting: `key` is the group's key, its first `group`
    /// bytes, and one field more.
    pub fn member(&mut self, key: &[u8], group: usize) {
        self.find(key, group);
    }

    /// Counts a number of a group, whose row this is, under `tag`.
    #[inline]
    pub fn count_bucket(&mut self, row: RowId, tag: u8, bucket: u16) {
        let row = row.0;
        let what = BucketOf { row, tag, bucket };
        if self.buckets.add(what) {
            let group = self.rows[what.row as usize].len as usize;
            let field = what.field();
            let zeros = field.iter().filter(|&&byte| byte == 0).count();
            // As `push_field` escapes and closes it.
            self.longest = self.longest.max(group + field.len() + zeros + 2);
        }
    }

    /// How many rows there are, members included, but no counts of buckets.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// About how much memory the rows take, in bytes.
    pub(crate) fn size(&self) -> usize {
        let rows = size_of_val(&self.values[..]) + size_of_val(&self.rows[..]);
        self.keys.len() + rows + self.buckets.size()
    }

    /// The length of the longest key, in bytes.
    #[must_use]
    pub fn longest_key(&self) -> usize {
        self.longest
    }

    /// Its rows, but for those of buckets.
    pub(crate) fn rows(&self) -> impl Iterator<Item = TableRow<'_>> {
        let width = self.merges.len();
        self.rows.iter().enumerate().map(move |(number, slot)| {
            let key = slot.key(&self.keys);
            let values = &self.values[number * width..(number + 1) * width];
            TableRow {
                key,
                group: &key[..slot.group as usize],
                member: slot.group < slot.len,
                values,
            }
        })
    }

    /// Gives out the rows of buckets: the group's key and one field more, a tag and the bucket; the
    /// first column counts.
    pub(crate) fn bucket_rows(&self, mut give: impl FnMut(TableRow<'_>)) {
        let neutral = self.merges.iter().map(|merge| merge.neutral());
        let mut values: Vec<u128> = neutral.collect();
        let mut key = Vec::new();
        for (what, count) in self.buckets.iter() {
            let group = self.rows[what.row as usize].key(&self.keys);
            key.clear();
            key.extend_from_slice(group);
            push_field(&mut key, &what.field());
            if let Some(first) = values.first_mut() {
                *first = count.into();
            }
            give(TableRow {
                key: &key,
                group,
                member: false,
                values: &values,
            });
        }
    }

    pub(crate) fn append(&mut self, other: &Table) {
        let mut places = std::mem::take(&mut self.places);
        places.clear();
        for row in other.rows() {
            let mine = self.find(row.key, row.group.len());
            places.push(mine.0);
            let at = mine.0 as usize * self.merges.len();
            for (column, &value) in row.values.iter().enumerate() {
                self.merges[column].apply(&mut self.values[at + column], value);
            }
        }
        self.buckets.append(&other.buckets, &places);
        self.longest = self.longest.max(other.longest);
        self.places = places;
    }

    pub(crate) fn clear(&mut self) {
        let rows = self.rows.capacity() * size_of::<Slot>();
        let all = [self.keys.capacity(), rows, self.buckets.capacity()];
        if all.into_iter().any(|capacity| capacity > KEEP) {
            *self = Self::new(std::mem::take(&mut self.merges));
            return;
        }
        self.index.clear();
        self.indexed = 0;
        self.rows.clear();
        self.values.clear();
        self.keys.clear();
        self.buckets.clear();
        self.longest = 0;
    }

    #[inline]
    fn find(&mut self, key: &[u8], group: usize) -> RowId {
        if self.indexed < self.rows.len() {
            self.catch_up();
        }
        let hash = self.hash(key);
        let (rows, keys) = (&self.rows, &self.keys);
        let found = self.index.entry(
            spread(hash),
            |&row| {
                let slot = &rows[row as usize];
                slot.hash == hash && slot.key(keys) == key && slot.group as usize == group
            },
            |&row| spread(rows[row as usize].hash),
        );
        match found {
            Entry::Occupied(row) => RowId(*row.get()),
            Entry::Vacant(place) => {
                place.insert(rows.len() as u32);
                self.indexed += 1;
                self.push(hash, key, group)
            }
        }
    }

    #[inline]
    fn hash(&self, key: &[u8]) -> u32 {
        let mut hasher = self.hasher.build_hasher();
        hasher.write(key);
        (hasher.finish() >> 32) as u32
    }

    #[inline]
    fn push(&mut self, hash: u32, key: &[u8], group: usize) -> RowId {
        let row = self.rows.len() as u32;
        self.rows.push(Slot {
            hash,
            at: self.keys.len() as u32,
            len: key.len() as u32,
            group: group as u32,
        });
        self.keys.extend_from_slice(key);
        assert!(
            self.keys.len() < u32::MAX as usize,
            "4 GiB of keys in a chunk"
        );
        self.longest = self.longest.max(key.len());
        if self.sums {
            self.values.resize(self.values.len() + self.merges.len(), 0);
            return RowId(row);
        }
        let neutral = self.merges.iter().map(|merge| merge.neutral());
        self.values.extend(neutral);
        RowId(row)
    }

    /// Indexes the rows that came without a look-up.
    #[cold]
    fn catch_up(&mut self) {
        for row in self.indexed..self.rows.len() {
            let hash = self.hash(self.rows[row].key(&self.keys));
            self.rows[row].hash = hash;
            let rows = &self.rows;
            self.index
                .insert_unique(spread(hash), row as u32, |&other| {
                    spread(rows[other as usize].hash)
                });
        }
        self.indexed = self.rows.len();
    }
}

impl Slot {
    #[inline]
    fn key<'a>(&self, keys: &'a [u8]) -> &'a [u8] {
        &keys[self.at as usize..][..self.len as usize]
    }
}

/// 32 bits of a hash as the index wants them: its tags are the topmost bits, its places the lowest.
#[inline]
fn spread(hash: u32) -> u64 {
    u64::from(hash) << 32 | u64::from(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_merge_and_keep_their_order() {
        let mut table = Table::new(vec![Merge::Sum, Merge::Min, Merge::Max]);
        table.push_new(b"new", &[1, 5, 5]);
        table.add(b"b", &[1, 2, 3]);
        table.add(b"a", &[u64::MAX, 9, 9]);
        table.add(b"a", &[u64::MAX, 7, 7]);
        table.add(b"new", &[1, 6, 6]);
        table.member(b"ab", 1);
        table.member(b"ab", 1);
        table.add(b"ab", &[0, 0, 0]);
        let mut other = Table::new(vec![Merge::Sum, Merge::Min, Merge::Max]);
        other.append(&table);
        other.append(&table);
        let sum = u128::from(u64::MAX) * 4;
        let rows: Vec<(&[u8], bool, &[u128])> = other
            .rows()
            .map(|row| (row.key, row.member, row.values))
            .collect();
        assert_eq!(rows[0], (&b"new"[..], false, &[4, 5, 6][..]));
        assert_eq!(rows[1], (&b"b"[..], false, &[2, 2, 3][..]));
        assert_eq!(rows[2], (&b"a"[..], false, &[sum, 7, 9][..]));
        assert_eq!((rows[3].0, rows[3].1), (&b"ab"[..], true));
        assert_eq!(rows[4], (&b"ab"[..], false, &[0, 0, 0][..]));
        assert_eq!(rows.len(), 5);
        other.clear();
        assert!(other.is_empty());
        other.add(b"b", &[1, 1, 1]);
        assert_eq!(other.rows().count(), 1);
    }
}
