//! Rows of weights in a model file: blocks of rows, each block its own zstd frame, so that reading
//! needs one block's memory beside the table it fills. Must not know what the table looks like.

use super::bytes::{Bytes, put_keys, put_number};
use super::error::ModelError;
use super::parts::{RowRef, Rows, SparseRows};

/// Rows per block.
const BLOCK: usize = 1 << 15;
/// Largest block after decompressing, in bytes.
pub(super) const MAX_RAW: usize = 16 << 20;
/// Most rows of a table: bounds what a hostile file can make of it (a row is 64 bytes in memory).
pub(super) const MAX_ROWS: usize = 4 << 20;
/// Near the strongest of zstd's levels; the data hardly compress further.
const LEVEL: i32 = 19;

/// Appends one block: its length before and after compression, then the frame.
pub(super) fn put_block(out: &mut Vec<u8>, raw: &[u8]) -> std::io::Result<()> {
    let stored = zstd::bulk::compress(raw, LEVEL)?;
    out.extend((raw.len() as u32).to_le_bytes());
    out.extend((stored.len() as u32).to_le_bytes());
    out.extend(stored);
    Ok(())
}

/// Decompresses blocks one after the other into the same memory.
pub(super) struct Blocks<'a> {
    rest: Bytes<'a>,
    inflater: zstd::bulk::Decompressor<'static>,
    raw: Vec<u8>,
}

impl<'a> Blocks<'a> {
    pub(super) fn new(section: &'a [u8]) -> Result<Self, ModelError> {
        Ok(Self {
            rest: Bytes(section),
            inflater: zstd::bulk::Decompressor::new()?,
            raw: Vec::new(),
        })
    }

    /// The next block's bytes; None at the end.
    pub(super) fn next(&mut self) -> Result<Option<Bytes<'_>>, ModelError> {
        if self.rest.0.is_empty() {
            return Ok(None);
        }
        let length = self.rest.u32()? as usize;
        if length > MAX_RAW {
            return Err(ModelError::Malformed("a block is too large"));
        }
        let stored = self.rest.u32()? as usize;
        let frame = self.rest.take(stored)?;
        self.raw.clear();
        self.raw.reserve(length);
        let found = self
            .inflater
            .decompress_to_buffer(frame, &mut self.raw)
            .map_err(|_| ModelError::Malformed("a block does not decompress"))?;
        if found != length {
            return Err(ModelError::Malformed(
                "a block has another length than its header says",
            ));
        }
        Ok(Some(Bytes(&self.raw)))
    }
}

fn mask_bytes(tags: usize) -> usize {
    tags.div_ceil(8)
}

/// Writes rows whose masks use the first `tags` bits.
pub(super) fn put_rows(out: &mut Vec<u8>, rows: &SparseRows, tags: usize) -> std::io::Result<()> {
    let all: Vec<RowRef<'_>> = rows.iter().collect();
    let mut last = 0;
    for block in all.chunks(BLOCK) {
        let mut raw = Vec::new();
        put_number(&mut raw, block.len() as u64);
        put_keys(&mut raw, block.iter().map(|row| row.key), last);
        last = block.last().map_or(last, |row| row.key);
        for row in block {
            raw.extend(&row.mask.to_le_bytes()[..mask_bytes(tags)]);
        }
        for row in block {
            raw.extend(row.weights);
        }
        put_block(out, &raw)?;
    }
    Ok(())
}

/// Reads a section of `count` rows.
pub(super) fn read_rows<T: Rows>(
    section: &[u8],
    count: usize,
    tags: usize,
) -> Result<T, ModelError> {
    let width = mask_bytes(tags);
    let mut blocks = Blocks::new(section)?;
    let mut rows = T::with_room(count);
    let (mut left, mut last) = (count, 0);
    while let Some(mut bytes) = blocks.next()? {
        let here = bytes.count(1 + width)?;
        left = left
            .checked_sub(here)
            .ok_or(ModelError::Malformed("more rows than the header says"))?;
        // Keys are steps of unknown width: the masks begin where they end.
        let mut keys = Bytes(bytes.0);
        for _ in 0..here {
            bytes.number()?;
        }
        let masks = bytes.take(here * width)?;
        for mask in masks.chunks_exact(width) {
            let mut wide = [0; 8];
            wide[..width].copy_from_slice(mask);
            let mask = u64::from_le_bytes(wide);
            if mask >> tags != 0 {
                return Err(ModelError::Malformed(
                    "a weight for a tag that does not exist",
                ));
            }
            let weights = bytes.take(mask.count_ones() as usize)?;
            let key = keys.key(last)?;
            if key & 1 == 0 {
                return Err(ModelError::Malformed("an even row key"));
            }
            last = key;
            rows.push(RowRef { key, mask, weights });
        }
        if !bytes.0.is_empty() {
            return Err(ModelError::Malformed("bytes after the last row"));
        }
    }
    if left > 0 {
        return Err(ModelError::Malformed("fewer rows than the header says"));
    }
    Ok(rows)
}
