//! An outcome's table as its body: rows grouped into shards by their keys, so that several threads
//! can merge them without looking at each other's.
//!
//! A body is [`SHARDS`] uvarints, the bytes of each shard, and then the shards, whose rows are
//! those of [`crate::table`]. A body without rows is empty.

use xxhash_rust::xxh3::xxh3_64;

use crate::table::{
    BadTable, Row, push_member, push_row, push_uvarint, take_row, take_uvarint, uvarint_len,
};

/// How many shards a body has. A merge cannot use more threads.
pub const SHARDS: usize = 16;

/// Keys of up to so many bytes are in their [`KeyWords`] whole.
pub const INLINE: usize = 12;

/// A key's first bytes and its hash, which decides its shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyWords {
    /// The first four bytes, padded with zeros, above the length.
    pub first: u64,
    /// The eight bytes after them of a key of at most [`INLINE`] bytes; else 0.
    pub second: u64,
    /// The hash. Part of the format: bits 28 to 31 are the shard.
    pub hash: u64,
}

impl KeyWords {
    /// Those of a key.
    #[inline]
    #[must_use]
    pub fn of(key: &[u8]) -> Self {
        let len = u64::from(key.len() as u32);
        if key.len() <= INLINE {
            let [first, middle, last] = words_of_short(key);
            let first = u64::from(first) << 32 | len;
            let second = u64::from(middle) << 32 | u64::from(last);
            return Self {
                first,
                second,
                hash: mix(first, second),
            };
        }
        let prefix = u32::from_be_bytes([key[0], key[1], key[2], key[3]]);
        Self {
            first: u64::from(prefix) << 32 | len,
            second: 0,
            hash: mix(xxh3_64(key), len),
        }
    }

    /// The shard that the key belongs to.
    #[inline]
    #[must_use]
    pub fn shard(&self) -> usize {
        (self.hash >> 28) as usize & (SHARDS - 1)
    }
}

/// The bytes of a key of at most [`INLINE`] as big-endian words, padded with zeros: by loads that
/// overlap, since a copy of a varying length costs more than all the rest.
#[inline]
fn words_of_short(key: &[u8]) -> [u32; 3] {
    // Of the last four bytes those that no word before has, at the front.
    let tail = |last: &[u8; 4], new: usize| {
        (u64::from(u32::from_be_bytes(*last)) << (8 * (4 - new))) as u32
    };
    let last = key.last_chunk::<4>();
    match (key.first_chunk::<8>(), key.first_chunk::<4>(), last) {
        (Some(&[a, b, c, d, e, f, g, h]), _, Some(last)) => [
            u32::from_be_bytes([a, b, c, d]),
            u32::from_be_bytes([e, f, g, h]),
            tail(last, key.len() - 8),
        ],
        (None, Some(&first), Some(last)) => {
            [u32::from_be_bytes(first), tail(last, key.len() - 4), 0]
        }
        _ => {
            let byte = |at: usize| key.get(at).copied().unwrap_or(0);
            [u32::from_be_bytes([byte(0), byte(1), byte(2), 0]), 0, 0]
        }
    }
}

/// Folded multiplication of two words (as in wyhash).
#[inline]
fn mix(a: u64, b: u64) -> u64 {
    let product = u128::from(a ^ 0x9E37_79B9_7F4A_7C15) * u128::from(b ^ 0xD1B5_4A32_D192_ED03);
    (product as u64 ^ (product >> 64) as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

/// The shards of a body.
///
/// # Errors
/// When their lengths do not add up to the body's.
pub fn shards_of(body: &[u8]) -> Result<[&[u8]; SHARDS], BadTable> {
    let mut shards: [&[u8]; SHARDS] = [&[]; SHARDS];
    if body.is_empty() {
        return Ok(shards);
    }
    let mut rest = body;
    let mut lengths = [0; SHARDS];
    for length in &mut lengths {
        *length = take_uvarint(&mut rest)?;
    }
    for (shard, length) in shards.iter_mut().zip(lengths) {
        let whole = usize::try_from(length)
            .ok()
            .and_then(|length| rest.split_at_checked(length));
        let Some((head, tail)) = whole else {
            let left = rest.len();
            return Err(BadTable(
                format!("a shard of {length} bytes with {left} left").into(),
            ));
        };
        (*shard, rest) = (head, tail);
    }
    if !rest.is_empty() {
        let stray = rest.len();
        return Err(BadTable(format!("{stray} bytes after the rows").into()));
    }
    Ok(shards)
}

/// Reads the rows of some shards of a body, with the numbers of their shards.
#[derive(Clone, Debug)]
pub struct ShardRows<'a> {
    shards: [&'a [u8]; SHARDS],
    /// The shard at hand, and the next ones are `step` apart.
    at: usize,
    step: usize,
}

impl<'a> ShardRows<'a> {
    /// Of every `step`th shard from `first` on.
    ///
    /// # Errors
    /// As [`shards_of`].
    pub fn of(body: &'a [u8], first: usize, step: usize) -> Result<Self, BadTable> {
        Ok(Self {
            shards: shards_of(body)?,
            at: first,
            step,
        })
    }

    /// Of all shards.
    ///
    /// # Errors
    /// As [`shards_of`].
    pub fn all(body: &'a [u8]) -> Result<Self, BadTable> {
        Self::of(body, 0, 1)
    }

    /// The next row and its shard; none at the end. Its columns' values are written into `values`,
    /// whose length is the number of columns; a member row leaves them as they were.
    ///
    /// # Errors
    /// When there is no row where one should be.
    #[inline]
    pub fn next_row(&mut self, values: &mut [u128]) -> Result<Option<(usize, Row<'a>)>, BadTable> {
        loop {
            match self.shards.get_mut(self.at) {
                Some(rest) if !rest.is_empty() => {
                    return Ok(Some((self.at, take_row(rest, values)?)));
                }
                Some(_) => self.at += self.step,
                None => return Ok(None),
            }
        }
    }
}

/// Collects the rows of a body.
#[derive(Clone, Debug, Default)]
pub struct TableBody {
    shards: [Vec<u8>; SHARDS],
    len: usize,
}

impl TableBody {
    /// Appends a row.
    pub fn push_row(&mut self, key: &[u8], values: &[u128]) {
        self.append(key, |shard| push_row(shard, key, values));
    }

    /// Appends a member row.
    pub fn push_member(&mut self, key: &[u8]) {
        self.append(key, |shard| push_member(shard, key));
    }

    /// Appends what `append` does for a row with this key; where its bytes are.
    #[inline]
    pub fn append(&mut self, key: &[u8], append: impl FnOnce(&mut Vec<u8>)) -> (usize, usize) {
        let at = KeyWords::of(key).shard();
        let shard = &mut self.shards[at];
        let before = shard.len();
        append(shard);
        self.len += shard.len() - before;
        (at, before)
    }

    /// The bytes of a shard from `before` on.
    #[must_use]
    pub fn tail(&self, (at, before): (usize, usize)) -> &[u8] {
        &self.shards[at][before..]
    }

    /// Takes the row away that was appended last, and gives it to another body.
    pub fn move_last(&mut self, (at, before): (usize, usize), to: &mut Self) {
        let row = self.shards[at].split_off(before);
        self.len -= row.len();
        to.len += row.len();
        to.shards[at].extend_from_slice(&row);
    }

    /// The bytes of its rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it has no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The body, with `room` bytes more of capacity; takes all rows out, and keeps the memory for
    /// the next ones.
    #[must_use]
    pub fn take_bytes(&mut self, room: usize) -> Vec<u8> {
        if self.is_empty() {
            return Vec::new();
        }
        let lengths = self.shards.iter().map(|shard| uvarint_len(shard.len()));
        let mut body = Vec::with_capacity(lengths.sum::<usize>() + self.len + room);
        for shard in &self.shards {
            push_uvarint(&mut body, shard.len() as u128);
        }
        for shard in &mut self.shards {
            body.extend_from_slice(shard);
            shard.clear();
        }
        self.len = 0;
        body
    }

    /// How much memory it holds, in bytes.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.shards.iter().map(Vec::capacity).sum()
    }
}

#[cfg(test)]
#[path = "shards_tests.rs"]
mod tests;
