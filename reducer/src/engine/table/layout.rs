//! What the rows of a table must look like.

use gristmill_common::key;
use gristmill_common::shards::{KeyWords, ShardRows};
use gristmill_common::spec::{KeyedBy, TableShape};
use gristmill_common::table::MAX_COLUMNS;

use super::TableError;

/// What the rows of a table must look like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    pub(super) columns: usize,
    keys: Keys,
}

/// What keys must look like.
#[derive(Clone, Copy, Debug)]
enum Keys {
    /// Any bytes.
    Raw,
    /// `count` encoded fields; member rows have one more.
    Fields {
        count: usize,
        members: bool,
        buckets: bool,
    },
    /// A split and an ordinal before the name.
    Document,
}

impl Layout {
    /// That of a table of this shape.
    pub(crate) fn new(shape: &TableShape) -> Self {
        let keys = match &shape.keyed_by {
            KeyedBy::Document => Keys::Document,
            KeyedBy::Fields(fields) if fields.len() < 2 && !shape.encoded() => Keys::Raw,
            KeyedBy::Fields(fields) => Keys::Fields {
                count: fields.len(),
                members: shape.has_members(),
                buckets: shape.has_buckets(),
            },
        };
        Self {
            columns: shape.columns.len(),
            keys,
        }
    }

    /// Whether the rows of a body are rows of this table.
    pub(crate) fn check_body(self, body: &[u8]) -> Result<(), TableError> {
        let mut values = [0; MAX_COLUMNS];
        let values = &mut values[..self.columns];
        let mut rows = ShardRows::all(body)?;
        while let Some((shard, row)) = rows.next_row(values)? {
            self.check(row.key, row.member)?;
            check_shard(shard, KeyWords::of(row.key).shard())?;
        }
        Ok(())
    }

    #[inline]
    pub(super) fn check(self, key: &[u8], member: bool) -> Result<(), TableError> {
        let fits = match self.keys {
            Keys::Raw => !member,
            Keys::Document => !member && key.len() >= 8,
            Keys::Fields {
                count,
                members,
                buckets,
            } => {
                let is_whole = |count: usize| key::prefix_len(key, count) == Some(key.len());
                (members || !member) && is_whole(count + usize::from(member))
                    || buckets && !member && is_whole(count + 1)
            }
        };
        if fits {
            return Ok(());
        }
        Err(TableError::Malformed(format!(
            "a key of {} bytes that does not fit the table",
            key.len()
        )))
    }
}

/// A key that two threads took would be two rows of the result.
#[inline]
pub(super) fn check_shard(found: usize, wanted: usize) -> Result<(), TableError> {
    if found == wanted {
        return Ok(());
    }
    Err(TableError::Malformed(format!(
        "a key of shard {wanted} in shard {found}"
    )))
}
