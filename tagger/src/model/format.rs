//! The model file: magic, version, lengths, checksum, then a deflated body. Decoding trusts nothing: every
//! count is checked against the bytes that are left before anything is allocated for it.

use std::io::{Read, Write};

use xxhash_rust::xxh3::xxh3_64;

use super::error::ModelError;
use super::parts::{ModelParts, SparseRows};
use super::table::MOST_TAGS;
use crate::lexicon::Entry;

const MAGIC: &[u8; 8] = b"GRISTPOS";
/// The version this program writes and reads.
pub(crate) const VERSION: u32 = 1;
/// magic, version, raw body length, checksum of the stored body
const HEADER: usize = 8 + 4 + 4 + 8;
/// Largest model file read, in bytes.
pub const MAX_FILE: u64 = 64 << 20;
/// Largest body after inflating, in bytes.
const MAX_BODY: usize = 192 << 20;

/// Writes a model file.
pub(crate) fn encode(parts: &ModelParts) -> std::io::Result<Vec<u8>> {
    let mut body = Vec::new();
    put_strings(&mut body, &parts.xpos);
    put_strings(&mut body, &parts.upos);
    put_strings(&mut body, &[parts.sources.clone(), parts.notice.clone()]);
    parts
        .allowed
        .iter()
        .for_each(|mask| body.extend(mask.to_le_bytes()));
    put_number(&mut body, parts.clusters.len() as u64);
    parts
        .clusters
        .iter()
        .for_each(|path| put_number(&mut body, u64::from(*path)));
    put_number(&mut body, parts.classes.len() as u64);
    parts
        .classes
        .iter()
        .for_each(|class| body.extend(class.to_le_bytes()));
    put_number(&mut body, parts.lexicon.len() as u64);
    put_keys(&mut body, parts.lexicon.iter().map(|(key, _)| *key));
    parts
        .lexicon
        .iter()
        .for_each(|(_, entry)| body.extend(entry.cluster.to_le_bytes()));
    parts
        .lexicon
        .iter()
        .for_each(|(_, entry)| body.extend(entry.class.to_le_bytes()));
    put_rows(&mut body, &parts.xpos_rows, parts.xpos.len());
    put_rows(&mut body, &parts.upos_rows, parts.upos.len());

    let mut deflater = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    deflater.write_all(&body)?;
    let stored = deflater.finish()?;
    let mut file = Vec::with_capacity(HEADER + stored.len());
    file.extend(MAGIC);
    file.extend(VERSION.to_le_bytes());
    file.extend((body.len() as u32).to_le_bytes());
    file.extend(xxh3_64(&stored).to_le_bytes());
    file.extend(stored);
    Ok(file)
}

/// Reads a model file.
pub(crate) fn decode(file: &[u8]) -> Result<ModelParts, ModelError> {
    let mut header = Bytes(file);
    if header.take(8.min(file.len()))? != &MAGIC[..8.min(file.len())] || file.is_empty() {
        return Err(ModelError::Foreign);
    }
    let found = header.u32()?;
    if found != VERSION {
        return Err(ModelError::Version {
            found,
            expected: VERSION,
        });
    }
    let length = header.u32()? as usize;
    let checksum = header.u64()?;
    let stored = header.0;
    if xxh3_64(stored) != checksum {
        // A cut-off file is the common case: inflating tells it from a changed one.
        let mut probe = Vec::new();
        let end = flate2::read::ZlibDecoder::new(stored)
            .take(MAX_BODY as u64)
            .read_to_end(&mut probe);
        return Err(match end {
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                ModelError::Truncated
            }
            _ => ModelError::Checksum,
        });
    }
    if length > MAX_BODY {
        return Err(ModelError::TooLarge {
            limit: MAX_BODY as u64,
        });
    }
    let mut body = Vec::new();
    flate2::read::ZlibDecoder::new(stored)
        .take(length as u64 + 1)
        .read_to_end(&mut body)
        .map_err(|_| ModelError::Malformed("the body does not inflate"))?;
    if body.len() != length {
        return Err(ModelError::Malformed(
            "the body has another length than the header says",
        ));
    }
    let mut bytes = Bytes(&body);
    let parts = decode_body(&mut bytes)?;
    if !bytes.0.is_empty() {
        return Err(ModelError::Malformed("bytes after the last section"));
    }
    Ok(parts)
}

fn decode_body(bytes: &mut Bytes<'_>) -> Result<ModelParts, ModelError> {
    let xpos = bytes.strings()?;
    let upos = bytes.strings()?;
    if xpos.is_empty() || upos.is_empty() || xpos.len() > 56 || upos.len() > MOST_TAGS.min(56) {
        return Err(ModelError::Malformed("no tags, or more than 56"));
    }
    let [sources, notice] = <[String; 2]>::try_from(bytes.strings()?)
        .map_err(|_| ModelError::Malformed("sources and notice are missing"))?;
    let allowed = (0..xpos.len())
        .map(|_| bytes.u64())
        .collect::<Result<Vec<_>, _>>()?;
    let count = bytes.count(1)?;
    let clusters = (0..count)
        .map(|_| bytes.number().map(|n| n as u32))
        .collect::<Result<Vec<_>, _>>()?;
    let count = bytes.count(8)?;
    let classes = (0..count)
        .map(|_| bytes.u64())
        .collect::<Result<Vec<_>, _>>()?;
    let count = bytes.count(5)?;
    let keys = bytes.keys(count)?;
    let cluster = bytes.take(count * 2)?;
    let class = bytes.take(count * 2)?;
    let pair = |column: &[u8], at: usize| u16::from_le_bytes([column[2 * at], column[2 * at + 1]]);
    let lexicon: Vec<(u32, Entry)> = keys
        .into_iter()
        .enumerate()
        .map(|(at, key)| {
            (
                key,
                Entry {
                    cluster: pair(cluster, at),
                    class: pair(class, at),
                },
            )
        })
        .collect();
    if lexicon
        .iter()
        .any(|(_, e)| e.cluster as usize > clusters.len() || e.class as usize > classes.len())
    {
        return Err(ModelError::Malformed(
            "a word's cluster or class does not exist",
        ));
    }
    let xpos_rows = bytes.rows(xpos.len())?;
    let upos_rows = bytes.rows(upos.len())?;
    Ok(ModelParts {
        xpos,
        upos,
        sources,
        notice,
        allowed,
        clusters,
        classes,
        lexicon,
        xpos_rows,
        upos_rows,
    })
}

fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn put_strings(out: &mut Vec<u8>, strings: &[String]) {
    put_number(out, strings.len() as u64);
    for string in strings {
        put_number(out, string.len() as u64);
        out.extend(string.as_bytes());
    }
}

fn put_keys(out: &mut Vec<u8>, keys: impl Iterator<Item = u32>) {
    let mut last = 0;
    for key in keys {
        put_number(out, u64::from(key - last));
        last = key;
    }
}

fn mask_bytes(tags: usize) -> usize {
    tags.div_ceil(8)
}

fn put_rows(out: &mut Vec<u8>, rows: &SparseRows, tags: usize) {
    put_number(out, rows.keys.len() as u64);
    put_keys(out, rows.keys.iter().copied());
    rows.masks
        .iter()
        .for_each(|mask| out.extend(&mask.to_le_bytes()[..mask_bytes(tags)]));
    out.extend(rows.weights.iter().map(|weight| *weight as u8));
}

/// What is left to read.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], ModelError> {
        let (head, tail) = self
            .0
            .split_at_checked(count)
            .ok_or(ModelError::Truncated)?;
        self.0 = tail;
        Ok(head)
    }

    fn u32(&mut self) -> Result<u32, ModelError> {
        self.take(4)?
            .try_into()
            .map(u32::from_le_bytes)
            .map_err(|_| ModelError::Truncated)
    }

    fn u64(&mut self) -> Result<u64, ModelError> {
        self.take(8)?
            .try_into()
            .map(u64::from_le_bytes)
            .map_err(|_| ModelError::Truncated)
    }

    fn number(&mut self) -> Result<u64, ModelError> {
        let mut number = 0;
        for shift in (0..63).step_by(7) {
            let byte = self.take(1)?[0];
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(ModelError::Malformed("a number is too long"))
    }

    /// A count of things of at least `least` bytes each: refused when the rest cannot hold them.
    fn count(&mut self, least: usize) -> Result<usize, ModelError> {
        let count = self.number()?;
        if count > (self.0.len() / least) as u64 {
            return Err(ModelError::Malformed("a count is larger than the file"));
        }
        Ok(count as usize)
    }

    fn strings(&mut self) -> Result<Vec<String>, ModelError> {
        let count = self.count(1)?;
        (0..count)
            .map(|_| {
                let length = self.count(1)?;
                let text = std::str::from_utf8(self.take(length)?);
                text.map(str::to_owned)
                    .map_err(|_| ModelError::Malformed("text that is not UTF-8"))
            })
            .collect()
    }

    fn keys(&mut self, count: usize) -> Result<Vec<u32>, ModelError> {
        let mut last = 0_u64;
        (0..count)
            .map(|_| {
                let step = self.number()?;
                last = last.saturating_add(step);
                if step == 0 || last > u64::from(u32::MAX) {
                    return Err(ModelError::Malformed("keys are not increasing"));
                }
                Ok(last as u32)
            })
            .collect()
    }

    fn rows(&mut self, tags: usize) -> Result<SparseRows, ModelError> {
        let width = mask_bytes(tags);
        let count = self.count(1 + width)?;
        let keys = self.keys(count)?;
        if keys.iter().any(|key| key & 1 == 0) {
            return Err(ModelError::Malformed("an even row key"));
        }
        let mut total = 0;
        let masks = (0..count)
            .map(|_| {
                let mut mask = [0; 8];
                mask[..width].copy_from_slice(self.take(width)?);
                let mask = u64::from_le_bytes(mask);
                total += mask.count_ones() as usize;
                if mask >> tags == 0 {
                    Ok(mask)
                } else {
                    Err(ModelError::Malformed(
                        "a weight for a tag that does not exist",
                    ))
                }
            })
            .collect::<Result<Vec<_>, _>>()?;
        let weights = self.take(total)?.iter().map(|byte| *byte as i8).collect();
        Ok(SparseRows {
            keys,
            masks,
            weights,
        })
    }
}
