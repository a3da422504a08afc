//! The rows of a table in memory: an arena of keys and values under an open-addressing index.
//!
//! It must not know files. Rows lie in one flat array of words in order of first appearance, so
//! that the frequent ones, which come first, share cache lines; the index holds only hash tags and
//! row numbers. A sum is 64 bits wide, and what it carries over goes into a side map; other values
//! are two words.

use std::cmp::Ordering;
use std::collections::HashMap;

use gristmill_common::shards::{INLINE, KeyWords};
use gristmill_common::table::{MAX_COLUMNS, Merge, Row};

/// Words of a row before its values: length, flag and the key's first bytes; the rest of the key.
const HEAD: usize = 2;
/// Rows that are looked up at once.
pub(crate) const BATCH: usize = 16;
/// Set in a row's length for a member row.
const MEMBER: u32 = 1 << 31;

/// The rows in memory.
#[derive(Debug)]
pub(crate) struct Rows {
    columns: Vec<Merge>,
    /// The first word of each column's value, after the head.
    places: Vec<usize>,
    stride: usize,
    words: Vec<u64>,
    arena: Vec<u8>,
    /// Hash tag in the upper half, row number + 1 in the lower; 0 is an empty slot.
    index: Vec<u64>,
    len: usize,
    /// The upper 64 bits of values that need them, by row and column.
    high: HashMap<(u32, u8), u64>,
    budget: usize,
}

/// What of a key decides its place.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Head {
    /// Length, member flag and the key's first bytes: a row's first word.
    first: u64,
    /// The rest of a short key: a row's second word.
    second: u64,
    /// The upper half of the hash.
    tag: u64,
    /// Bits of the lower half.
    shard: u8,
}

impl Head {
    /// The head of a key.
    #[inline]
    fn of(key: &[u8], member: bool) -> Self {
        let words = KeyWords::of(key);
        let flag = if member { u64::from(MEMBER) } else { 0 };
        Self {
            first: words.first | flag,
            second: words.second,
            tag: words.hash >> 32,
            shard: words.shard() as u8,
        }
    }

    /// The shard that the key belongs to.
    #[inline]
    pub(crate) fn shard(self) -> usize {
        self.shard.into()
    }
}

/// There is no room for the row within the budget; nothing was taken.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Full;

impl Rows {
    /// An empty table that keeps within `budget` bytes, but always takes one row.
    pub(crate) fn new(columns: Vec<Merge>, budget: usize) -> Self {
        let mut places = vec![0; columns.len()];
        let mut width = 0;
        for (merge, place) in columns.iter().zip(&mut places) {
            *place = width;
            width += if is_wide(*merge) { 2 } else { 1 };
        }
        Self {
            stride: HEAD + width,
            columns,
            places,
            words: Vec::new(),
            arena: Vec::new(),
            index: vec![0; 16],
            len: 0,
            high: HashMap::new(),
            budget,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Looks up the keys of up to [`BATCH`] rows, so that what [`Rows::add`] needs of them is in
    /// the processor's cache. The loads of one step do not depend on each other, so the processor
    /// waits for many at once; row by row it would wait for each.
    pub(crate) fn look_up(&self, rows: &[Row<'_>], heads: &mut [Head; BATCH]) {
        let mask = self.index.len() - 1;
        let mut slots = [0u64; BATCH];
        for ((row, head), slot) in rows.iter().zip(heads.iter_mut()).zip(&mut slots) {
            *head = Head::of(row.key, row.member);
            *slot = self.index[head.tag as usize & mask];
        }
        let mut starts = [usize::MAX; BATCH];
        let mut touched = 0;
        for ((head, &slot), start) in heads.iter().zip(&slots).zip(&mut starts) {
            let (mut slot, mut at) = (slot, head.tag as usize);
            while slot != 0 && slot >> 32 != head.tag {
                at += 1;
                slot = self.index[at & mask];
            }
            if slot != 0 {
                *start = (slot as u32 - 1) as usize * self.stride;
                touched ^= self.words[*start];
            }
        }
        for (row, &start) in rows.iter().zip(&starts) {
            if row.key.len() > INLINE && start != usize::MAX {
                let key = self.words[start + 1] as usize;
                touched ^= u64::from(self.arena.get(key).copied().unwrap_or(0));
            }
        }
        std::hint::black_box(touched);
    }

    /// Merges a row into the one with its key, or adds it. `head` is the key's; `values` are the
    /// columns', and are ignored for a member row.
    #[inline]
    pub(crate) fn add(&mut self, head: Head, row: &Row<'_>, values: &[u128]) -> Result<(), Full> {
        let key = row.key;
        let Head {
            first, second, tag, ..
        } = head;
        let mask = self.index.len() - 1;
        let mut at = tag as usize & mask;
        loop {
            let slot = self.index[at];
            if slot == 0 {
                return self.insert(row, head, values);
            }
            if slot >> 32 == tag {
                let number = slot as u32 - 1;
                let start = number as usize * self.stride;
                let words = &self.words[start..start + self.stride];
                if words[0] == first && self.same_tail(key, words[1], second) {
                    if !row.member {
                        self.merge(number, values);
                    }
                    return Ok(());
                }
            }
            at = (at + 1) & mask;
        }
    }

    #[inline]
    fn same_tail(&self, key: &[u8], stored: u64, second: u64) -> bool {
        if key.len() <= INLINE {
            stored == second
        } else {
            let start = stored as usize;
            &self.arena[start..start + key.len()] == key
        }
    }

    #[inline]
    fn merge(&mut self, row: u32, values: &[u128]) {
        let start = row as usize * self.stride + HEAD;
        for (at, (merge, place)) in self.columns.iter().zip(&self.places).enumerate() {
            if is_wide(*merge) {
                let words = &mut self.words[start + place..start + place + 2];
                let mut wide = u128::from(words[1]) << 64 | u128::from(words[0]);
                merge.apply(&mut wide, values[at]);
                (words[0], words[1]) = (wide as u64, (wide >> 64) as u64);
                continue;
            }
            let total = &mut self.words[start + place];
            if let Ok(new) = u64::try_from(values[at])
                && self.high.is_empty()
                && let Some(sum) = total.checked_add(new)
            {
                *total = sum;
                continue;
            }
            let place = (row, at as u8);
            let high = self.high.get(&place).copied().unwrap_or(0);
            let mut wide = u128::from(high) << 64 | u128::from(*total);
            merge.apply(&mut wide, values[at]);
            *total = wide as u64;
            match (wide >> 64) as u64 {
                0 => self.high.remove(&place),
                high => self.high.insert(place, high),
            };
        }
    }

    fn insert(&mut self, new: &Row<'_>, head: Head, values: &[u128]) -> Result<(), Full> {
        let key = new.key;
        let Head {
            first, second, tag, ..
        } = head;
        let long = key.len() > INLINE;
        self.make_room(if long { key.len() } else { 0 })?;
        let row = self.len as u32;
        let second = if long {
            let start = self.arena.len() as u64;
            self.arena.extend_from_slice(key);
            start
        } else {
            second
        };
        self.words.extend_from_slice(&[first, second]);
        for (at, &value) in values.iter().enumerate() {
            let value = if new.member { 0 } else { value };
            self.words.push(value as u64);
            if is_wide(self.columns[at]) {
                self.words.push((value >> 64) as u64);
            } else if value > u128::from(u64::MAX) {
                self.high.insert((row, at as u8), (value >> 64) as u64);
            }
        }
        self.len += 1;
        place(&mut self.index, tag << 32 | u64::from(row + 1));
        Ok(())
    }

    /// Makes room for one more row, or says that the budget forbids it.
    fn make_room(&mut self, key: usize) -> Result<(), Full> {
        let must = self.is_empty();
        if self.len >= u32::MAX as usize - 1 {
            return Err(Full);
        }
        let words = grown(self.words.len() + self.stride, self.words.capacity());
        let arena = grown(self.arena.len() + key, self.arena.capacity());
        // At most 7 of 10 slots are taken.
        let crowded = (self.len + 1) * 10 > self.index.len() * 7;
        let index = self.index.len() * if crowded { 2 } else { 1 };
        let high = self.high.capacity() * 40;
        // While a vector grows, its old bytes are there too.
        let mut transient = 0;
        if words > self.words.capacity() {
            transient = self.words.capacity() * 8;
        }
        if arena > self.arena.capacity() {
            transient = transient.max(self.arena.capacity());
        }
        if crowded {
            transient = transient.max(self.index.len() * 8);
        }
        if !must && words * 8 + arena + index * 8 + high + transient > self.budget {
            return Err(Full);
        }
        if words > self.words.capacity() {
            self.words.reserve_exact(words - self.words.len());
        }
        if arena > self.arena.capacity() {
            self.arena.reserve_exact(arena - self.arena.len());
        }
        if crowded {
            let mut wider = vec![0; index];
            for &slot in self.index.iter().filter(|&&slot| slot != 0) {
                place(&mut wider, slot);
            }
            self.index = wider;
        }
        Ok(())
    }

    /// Gives out all rows in order of their keys and empties the table; its memory stays.
    ///
    /// The row's values are its columns, none for a member row.
    pub(crate) fn drain_sorted<E>(
        &mut self,
        mut give: impl FnMut(&[u8], bool, &[u128]) -> Result<(), E>,
    ) -> Result<(), E> {
        // The index is of no more use: its memory takes the order, as key prefix and row number.
        let mut order = std::mem::take(&mut self.index);
        for (row, place) in order[..self.len].iter_mut().enumerate() {
            *place = (self.words[row * self.stride] >> 32) << 32 | row as u64;
        }
        order[..self.len].sort_unstable_by(|&a, &b| {
            (a >> 32)
                .cmp(&(b >> 32))
                .then_with(|| self.compare(a as u32, b as u32))
        });
        let mut scratch = [0; 16];
        let mut values = [0; MAX_COLUMNS];
        let mut given = Ok(());
        for &place in &order[..self.len] {
            let row = place as u32;
            let member = self.words[row as usize * self.stride] as u32 & MEMBER != 0;
            let columns = if member { 0 } else { self.columns.len() };
            for (at, value) in values[..columns].iter_mut().enumerate() {
                *value = self.value(row, at);
            }
            given = give(self.key(row, &mut scratch), member, &values[..columns]);
            if given.is_err() {
                break;
            }
        }
        order.fill(0);
        self.index = order;
        self.words.clear();
        self.arena.clear();
        self.high.clear();
        self.len = 0;
        given
    }

    /// Compares the keys of two rows whose first four bytes are the same.
    fn compare(&self, a: u32, b: u32) -> Ordering {
        let (x, y) = (a as usize * self.stride, b as usize * self.stride);
        let length = |start: usize| (self.words[start] as u32 & !MEMBER) as usize;
        if length(x) <= INLINE && length(y) <= INLINE {
            // Padded with zeros: where the bytes are the same, the longer one has zeros more.
            return self.words[x + 1]
                .cmp(&self.words[y + 1])
                .then(length(x).cmp(&length(y)));
        }
        let (mut left, mut right) = ([0; 16], [0; 16]);
        self.key(a, &mut left).cmp(self.key(b, &mut right))
    }

    fn key<'a>(&'a self, row: u32, scratch: &'a mut [u8; 16]) -> &'a [u8] {
        let start = row as usize * self.stride;
        let (first, second) = (self.words[start], self.words[start + 1]);
        let len = (first as u32 & !MEMBER) as usize;
        if len > INLINE {
            return &self.arena[second as usize..second as usize + len];
        }
        scratch[..4].copy_from_slice(&((first >> 32) as u32).to_be_bytes());
        scratch[4..12].copy_from_slice(&second.to_be_bytes());
        &scratch[..len]
    }

    fn value(&self, row: u32, column: usize) -> u128 {
        let at = row as usize * self.stride + HEAD + self.places[column];
        let low = self.words[at];
        if is_wide(self.columns[column]) {
            return u128::from(self.words[at + 1]) << 64 | u128::from(low);
        }
        let high = self.high.get(&(row, column as u8)).copied().unwrap_or(0);
        u128::from(high) << 64 | u128::from(low)
    }
}

/// Whether a column's values are two words: the least and the greatest of numbers begin with the
/// highest bit.
fn is_wide(merge: Merge) -> bool {
    merge != Merge::Sum
}

/// Puts a slot where its tag says, or into the next empty place.
fn place(index: &mut [u64], slot: u64) {
    let mask = index.len() - 1;
    let mut at = (slot >> 32) as usize & mask;
    while index[at] != 0 {
        at = (at + 1) & mask;
    }
    index[at] = slot;
}

/// The capacity that a vector of `capacity` needs for `wanted` elements, growing by half.
fn grown(wanted: usize, capacity: usize) -> usize {
    if wanted <= capacity {
        capacity
    } else {
        wanted.max(capacity + capacity / 2).max(64)
    }
}

#[cfg(test)]
#[path = "rows_tests.rs"]
mod tests;
