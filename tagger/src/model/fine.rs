//! Rows of weights for tag sets too large for one cache line a row: per row, the tags that have a
//! weight. In memory and in a file. Must not know what a feature means.

use super::bytes::{Bytes, put_keys, put_number, put_strings};
use super::error::ModelError;
use super::index::Index;
use super::rows::{Blocks, MAX_ROWS, put_block};

/// Most tags of a set.
pub(crate) const MOST_FINE: usize = 2000;
/// Most weights of all rows: bounds what a hostile file can make of it.
const MAX_WEIGHTS: usize = 32 << 20;
/// Rows per block of a file.
const BLOCK: usize = 1 << 15;

/// Tags, what is possible, and weights, as plain data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FineParts {
    /// The tags, sorted; at most [`MOST_FINE`].
    pub tags: Vec<String>,
    /// Per main tag, the tags seen with it, the most frequent first.
    pub candidates: Vec<Vec<u16>>,
    /// Keys, strictly increasing, odd.
    pub keys: Vec<u32>,
    /// Per row, where its weights end.
    pub ends: Vec<u32>,
    /// Per weight its tag; increasing within a row.
    pub of: Vec<u16>,
    /// The weights of all rows one after the other.
    pub weights: Vec<i8>,
}

/// The same, at run time.
#[derive(Debug)]
pub(crate) struct FineTable {
    index: Index,
    parts: FineParts,
}

impl FineTable {
    pub(crate) fn new(parts: FineParts) -> Self {
        let mut index = Index::with_room(parts.keys.len());
        for (row, key) in parts.keys.iter().enumerate() {
            index.note(*key, row as u32);
        }
        Self { index, parts }
    }

    /// The tags, sorted.
    pub(crate) fn names(&self) -> &[String] {
        &self.parts.tags
    }

    /// How many tags there are.
    pub(crate) fn tags(&self) -> usize {
        self.parts.tags.len()
    }

    /// The tags seen with a main tag, the most frequent first.
    pub(crate) fn candidates(&self, main: u8) -> &[u16] {
        let candidates = self.parts.candidates.get(usize::from(main));
        candidates.map_or(&[], Vec::as_slice)
    }

    /// Adds the row of a key, if there is one, to `scores`, which has a place for every tag.
    pub(crate) fn add_to(&self, key: u32, scores: &mut [i32]) {
        let (first, may) = self.index.find(key);
        if !may {
            return;
        }
        let near = self.parts.keys.get(first as usize..).unwrap_or_default();
        let further = near.iter().take_while(|found| **found < key).count();
        if near.get(further) != Some(&key) {
            return;
        }
        let row = first as usize + further;
        let from = row.checked_sub(1).map_or(0, |at| self.parts.ends[at]) as usize;
        let to = self.parts.ends[row] as usize;
        let tags = &self.parts.of[from..to];
        for (tag, weight) in tags.iter().zip(&self.parts.weights[from..to]) {
            scores[usize::from(*tag)] += i32::from(*weight);
        }
    }
}

/// Appends the section.
pub(super) fn put_fine(out: &mut Vec<u8>, parts: &FineParts) -> std::io::Result<()> {
    let mut head = Vec::new();
    put_strings(&mut head, &parts.tags);
    put_number(&mut head, parts.candidates.len() as u64);
    for candidates in &parts.candidates {
        put_number(&mut head, candidates.len() as u64);
        candidates
            .iter()
            .for_each(|tag| put_number(&mut head, u64::from(*tag)));
    }
    put_number(&mut head, parts.keys.len() as u64);
    put_block(out, &head)?;
    let mut last = 0;
    let mut from = 0;
    for (keys, ends) in parts.keys.chunks(BLOCK).zip(parts.ends.chunks(BLOCK)) {
        let mut raw = Vec::new();
        put_number(&mut raw, keys.len() as u64);
        put_keys(&mut raw, keys.iter().copied(), last);
        last = keys.last().copied().unwrap_or(last);
        let (first, mut before) = (from, from);
        for &end in ends {
            put_number(&mut raw, u64::from(end - before));
            before = end;
        }
        from = before;
        let here = first as usize..from as usize;
        for tag in &parts.of[here.clone()] {
            put_number(&mut raw, u64::from(*tag));
        }
        raw.extend(parts.weights[here].iter().map(|weight| *weight as u8));
        put_block(out, &raw)?;
    }
    Ok(())
}

/// Reads the section, of a model with `main` main tags.
pub(super) fn read_fine(section: &[u8], main: usize) -> Result<FineParts, ModelError> {
    let mut blocks = Blocks::new(section)?;
    let mut parts = FineParts::default();
    let mut head = blocks
        .next()?
        .ok_or(ModelError::Malformed("no tags of their own"))?;
    parts.tags = head.tags()?;
    if parts.tags.is_empty() || parts.tags.len() > MOST_FINE {
        return Err(ModelError::Malformed("no tags, or more than 2,000"));
    }
    if head.count(1)? != main {
        return Err(ModelError::Malformed("rows for another number of tags"));
    }
    let tags = parts.tags.len();
    for _ in 0..main {
        let count = head.count(1)?;
        let candidates = (0..count).map(|_| tag(&mut head, tags)).collect();
        parts
            .candidates
            .push(Result::from_iter::<Vec<_>>(candidates)?);
    }
    let rows = head.number()? as usize;
    if rows > MAX_ROWS {
        return Err(ModelError::Malformed("too many rows"));
    }
    if !head.0.is_empty() {
        return Err(ModelError::Malformed("bytes after the tags"));
    }
    while let Some(mut bytes) = blocks.next()? {
        read_block(&mut bytes, &mut parts, rows)?;
    }
    if parts.keys.len() != rows {
        return Err(ModelError::Malformed("fewer rows than the header says"));
    }
    Ok(parts)
}

fn tag(bytes: &mut Bytes<'_>, tags: usize) -> Result<u16, ModelError> {
    let tag = bytes.number()?;
    if tag >= tags as u64 {
        return Err(ModelError::Malformed(
            "a weight for a tag that does not exist",
        ));
    }
    Ok(tag as u16)
}

fn read_block(bytes: &mut Bytes<'_>, parts: &mut FineParts, rows: usize) -> Result<(), ModelError> {
    let here = bytes.count(2)?;
    if parts.keys.len() + here > rows {
        return Err(ModelError::Malformed("more rows than the header says"));
    }
    let mut last = parts.keys.last().copied().unwrap_or(0);
    for _ in 0..here {
        last = bytes.key(last)?;
        if last & 1 == 0 {
            return Err(ModelError::Malformed("an even row key"));
        }
        parts.keys.push(last);
    }
    let before = parts.of.len();
    let mut end = before;
    for _ in 0..here {
        end += bytes.count(1)?;
        if end - before > bytes.0.len() || end > MAX_WEIGHTS {
            return Err(ModelError::Malformed("a count is larger than the file"));
        }
        parts.ends.push(end as u32);
    }
    for _ in before..end {
        parts.of.push(tag(bytes, parts.tags.len())?);
    }
    let weights = bytes.take(end - before)?;
    parts.weights.extend(weights.iter().map(|byte| *byte as i8));
    if bytes.0.is_empty() {
        Ok(())
    } else {
        Err(ModelError::Malformed("bytes after the last row"))
    }
}
