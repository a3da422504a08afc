//! Rows of a table result as they travel: a key and its integer aggregates. How a body holds them
//! is [`crate::shards`].
//!
//! Encoding of one row: `uvarint(key length * 2 + member)`, the key, then one uvarint per column;
//! a member row (a value for exact distinct counting, whose key is the group's key plus one field)
//! has no columns. Varints are LEB128. Aggregates merge exactly in any order (invariant I6).

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// How two values of one column become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Merge {
    /// Added up.
    Sum,
    /// The smaller one stays.
    Min,
    /// The larger one stays.
    Max,
}

impl Merge {
    /// What changes no value that it is merged with.
    #[must_use]
    pub fn neutral(self) -> u128 {
        match self {
            Merge::Sum | Merge::Max => 0,
            Merge::Min => u128::MAX,
        }
    }

    /// Merges `new` into `total`. Sums are 128 bits wide: 2^64 values of 2^64 fit.
    pub fn apply(self, total: &mut u128, new: u128) {
        match self {
            Merge::Sum => *total = total.saturating_add(new),
            Merge::Min => *total = (*total).min(new),
            Merge::Max => *total = (*total).max(new),
        }
    }
}

/// The most columns a table may have.
pub const MAX_COLUMNS: usize = 128;

/// The longest key that is accepted from a message: a record cannot be longer.
pub const MAX_KEY: usize = 4 << 20;

/// One row, borrowed from an outcome's body, without its columns' values: a row that carried them
/// would be copied with them at each return.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Row<'a> {
    /// The key: raw bytes, or encoded by [`crate::key`] where it has several fields.
    pub key: &'a [u8],
    /// True for a value to be counted as distinct; such a row has no columns.
    pub member: bool,
}

/// Why an outcome's body is not a table.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not a table: {0}")]
pub struct BadTable(pub Cow<'static, str>);

/// Appends a row to an outcome's body.
pub fn push_row(body: &mut Vec<u8>, key: &[u8], values: &[u128]) {
    push_uvarint(body, (key.len() as u128) << 1);
    body.extend_from_slice(key);
    for &value in values {
        push_uvarint(body, value);
    }
}

/// Appends a member row: one value seen in a group, to be counted once however often it comes.
pub fn push_member(body: &mut Vec<u8>, key: &[u8]) {
    push_uvarint(body, ((key.len() as u128) << 1) | 1);
    body.extend_from_slice(key);
}

/// Takes a row and writes its columns' values into `values`, whose length is the number of columns.
/// A member row has no columns and leaves `values` as they were.
#[inline]
pub(crate) fn take_row<'a>(rest: &mut &'a [u8], values: &mut [u128]) -> Result<Row<'a>, BadTable> {
    let head = take_uvarint(rest)?;
    let len = head >> 1;
    if len > MAX_KEY as u128 || len > rest.len() as u128 {
        return Err(bad_key(len, rest.len()));
    }
    let (key, tail) = rest.split_at(len as usize);
    *rest = tail;
    let member = head & 1 == 1;
    if !member {
        for value in values {
            *value = take_uvarint(rest)?;
        }
    }
    Ok(Row { key, member })
}

#[cold]
fn bad_key(len: u128, left: usize) -> BadTable {
    BadTable(format!("a key of {len} bytes with {left} left").into())
}

/// Appends an unsigned LEB128 varint.
#[inline]
pub fn push_uvarint(out: &mut Vec<u8>, mut value: u128) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// How many bytes [`push_uvarint`] appends.
pub(crate) fn uvarint_len(value: usize) -> usize {
    (value.max(1).ilog2() / 7 + 1) as usize
}

/// Takes an unsigned LEB128 varint of at most 128 bits.
#[inline]
pub fn take_uvarint(rest: &mut &[u8]) -> Result<u128, BadTable> {
    if let [first, tail @ ..] = rest
        && *first < 0x80
    {
        *rest = tail;
        return Ok(u128::from(*first));
    }
    let mut value = 0u128;
    for (at, &byte) in rest.iter().enumerate().take(19) {
        let bits = u128::from(byte & 0x7F);
        // The nineteenth byte may carry two bits only.
        if at == 18 && bits > 3 {
            break;
        }
        value |= bits << (7 * at);
        if byte < 0x80 {
            *rest = &rest[at + 1..];
            return Ok(value);
        }
    }
    Err(BadTable("a truncated or overlong number".into()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn rows_come_back(all in prop::collection::vec(
            (prop::collection::vec(any::<u8>(), 0..30), any::<u128>(), any::<u64>(), any::<bool>()), 0..20,
        )) {
            let mut body = Vec::new();
            for (key, a, b, member) in &all {
                if *member {
                    push_member(&mut body, key);
                } else {
                    push_row(&mut body, key, &[*a, u128::from(*b)]);
                }
            }
            let mut rest = &body[..];
            for (key, a, b, member) in &all {
                let mut values = [0; 2];
                let row = take_row(&mut rest, &mut values).unwrap();
                prop_assert_eq!(row.key, &key[..]);
                prop_assert_eq!(row.member, *member);
                if !member {
                    prop_assert_eq!(values, [*a, u128::from(*b)]);
                }
            }
            prop_assert!(rest.is_empty());
        }

        #[test]
        fn a_varint_is_as_long_as_it_says(value in any::<usize>(), bits in 0u32..64) {
            let value = value >> bits;
            let mut bytes = Vec::new();
            push_uvarint(&mut bytes, value as u128);
            prop_assert_eq!(bytes.len(), uvarint_len(value));
        }
    }

    #[test]
    fn overlong_numbers_are_refused() {
        assert!(take_uvarint(&mut &[0xFF; 30][..]).is_err());
        assert!(take_uvarint(&mut &[0x80][..]).is_err());
        let mut max = Vec::new();
        push_uvarint(&mut max, u128::MAX);
        assert_eq!(take_uvarint(&mut &max[..]), Ok(u128::MAX));
    }
}
