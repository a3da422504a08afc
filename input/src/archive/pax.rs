//! The records of an extended header of a tar (POSIX pax): `LENGTH KEY=VALUE`, each as long as its
//! length says.

use super::sparse::Described;
use super::tar::BLOCK;
use crate::stream::{Damage, Input};

/// The longest value that is kept, in bytes.
const MAX_VALUE: u64 = 1 << 20;
/// Where a record's key has ended, if it is one that is wanted.
const MAX_KEY: usize = 64;

/// What extended headers say of the next member.
#[derive(Default)]
pub(crate) struct Extended {
    /// Its name.
    pub(crate) name: Option<Vec<u8>>,
    /// What it leads to, if it is a link.
    pub(crate) link: Option<Vec<u8>>,
    /// The length of its data; the inner `None` is one that cannot be read.
    pub(crate) size: Option<Option<u64>>,
    /// How much of it stands in volumes before this one.
    pub(crate) before: Option<u64>,
    /// Where its data belongs, if it has holes.
    pub(crate) sparse: Described,
}

/// What reading an extended header came to, unless the tar ended in it.
pub(crate) enum Read {
    /// All of it was understood.
    Whole,
    /// What is wrong with it; what stood before is used.
    Malformed(&'static str),
}

impl Extended {
    /// Takes in `size` bytes of records, which are next in `input`. Values that are not wanted are
    /// stepped over and not judged.
    ///
    /// # Errors
    /// When the stream is damaged.
    pub(crate) fn read(&mut self, input: &mut Input<'_>, size: u64) -> Result<Read, Damage> {
        let end = input.offset().saturating_add(size);
        let result = self.records(input, end)?;
        let left = end - input.offset();
        input.skip(left)?;
        Ok(result)
    }

    fn records(&mut self, input: &mut Input<'_>, end: u64) -> Result<Read, Damage> {
        loop {
            let left = end - input.offset();
            let room = usize::try_from(left).map_or(MAX_KEY, |left| left.min(MAX_KEY));
            let bytes = input.want(room)?;
            let bytes = &bytes[..bytes.len().min(room)];
            if bytes.len() < room {
                // Cut off, which the caller meets too.
                return Ok(Read::Whole);
            }
            // Some writers fill the block up, and say so in the size.
            if bytes.iter().all(|&byte| byte == 0) && left < BLOCK as u64 {
                return Ok(Read::Whole);
            }
            let Some((length, digits)) = length(bytes) else {
                return Ok(Read::Malformed(
                    "a record that does not begin with its length",
                ));
            };
            if length > left || length < digits as u64 + 3 {
                return Ok(Read::Malformed("a record of a wrong length"));
            }
            let rest = &bytes[digits..bytes.len().min(length as usize)];
            let key = memchr::memchr(b'=', rest).map(|equals| rest[..equals].to_vec());
            let Some(key) = key.filter(|key| is_wanted(key)) else {
                input.skip(length)?;
                continue;
            };
            let before = (digits + key.len() + 1) as u64;
            input.consume(before as usize);
            let value = length - before;
            if value > MAX_VALUE {
                return Ok(Read::Malformed("a value of more than 1 MiB"));
            }
            let value = value as usize;
            let bytes = input.want(value)?;
            let Some(bytes) = bytes.get(..value) else {
                return Ok(Read::Whole);
            };
            let Some((b'\n', text)) = bytes.split_last() else {
                return Ok(Read::Malformed("a record that does not end where it says"));
            };
            self.take(&key, text);
            input.consume(value);
        }
    }

    fn take(&mut self, key: &[u8], value: &[u8]) {
        match key {
            b"path" => self.name = Some(value.to_vec()),
            b"linkpath" => self.link = Some(value.to_vec()),
            b"size" => self.size = Some(decimal(value)),
            b"GNU.volume.offset" => self.before = decimal(value),
            _ => self.sparse.record(key, value),
        }
    }
}

fn is_wanted(key: &[u8]) -> bool {
    matches!(key, b"path" | b"linkpath" | b"size" | b"GNU.volume.offset")
        || key.starts_with(b"GNU.sparse.")
}

/// The length that a record begins with, and how many bytes it and its blank take.
fn length(bytes: &[u8]) -> Option<(u64, usize)> {
    let blank = memchr::memchr(b' ', &bytes[..bytes.len().min(21)])?;
    Some((decimal(&bytes[..blank])?, blank + 1))
}

/// A decimal number; `None` for anything else.
pub(crate) fn decimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let value: u64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    (value <= i64::MAX as u64).then_some(value)
}
