//! Numbers, strings and keys in a model file, written and read. Reading trusts nothing: every count
//! is checked against the bytes that are left before anything is allocated for it. Must not know
//! the order of the parts.

use super::error::ModelError;

pub(super) fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

pub(super) fn put_strings(out: &mut Vec<u8>, strings: &[String]) {
    put_number(out, strings.len() as u64);
    for string in strings {
        put_number(out, string.len() as u64);
        out.extend(string.as_bytes());
    }
}

/// Increasing keys as the steps between them; the first counts from `last`.
pub(super) fn put_keys(out: &mut Vec<u8>, keys: impl Iterator<Item = u32>, mut last: u32) {
    for key in keys {
        put_number(out, u64::from(key - last));
        last = key;
    }
}

/// What is left to read.
pub(super) struct Bytes<'a>(pub(super) &'a [u8]);

impl<'a> Bytes<'a> {
    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], ModelError> {
        let (head, tail) = self
            .0
            .split_at_checked(count)
            .ok_or(ModelError::Truncated)?;
        self.0 = tail;
        Ok(head)
    }

    pub(super) fn u32(&mut self) -> Result<u32, ModelError> {
        self.take(4)?
            .try_into()
            .map(u32::from_le_bytes)
            .map_err(|_| ModelError::Truncated)
    }

    pub(super) fn u64(&mut self) -> Result<u64, ModelError> {
        self.take(8)?
            .try_into()
            .map(u64::from_le_bytes)
            .map_err(|_| ModelError::Truncated)
    }

    #[inline]
    pub(super) fn number(&mut self) -> Result<u64, ModelError> {
        let mut number = 0;
        for shift in (0..63).step_by(7) {
            let (&byte, rest) = self.0.split_first().ok_or(ModelError::Truncated)?;
            self.0 = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(ModelError::Malformed("a number is too long"))
    }

    /// A count of things of at least `least` bytes each: refused when the rest cannot hold them.
    pub(super) fn count(&mut self, least: usize) -> Result<usize, ModelError> {
        let count = self.number()?;
        if count > (self.0.len() / least) as u64 {
            return Err(ModelError::Malformed("a count is larger than the file"));
        }
        Ok(count as usize)
    }

    pub(super) fn strings(&mut self) -> Result<Vec<String>, ModelError> {
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

    /// Tags: as [`Bytes::strings`], each fit for a column of a file.
    pub(super) fn tags(&mut self) -> Result<Vec<String>, ModelError> {
        let tags = self.strings()?;
        let unfit = |c: char| c.is_whitespace() || c.is_control();
        if tags.iter().any(|tag| tag.is_empty() || tag.contains(unfit)) {
            return Err(ModelError::Malformed(
                "an empty tag, or one with white space",
            ));
        }
        Ok(tags)
    }

    /// The key after `last`.
    #[inline]
    pub(super) fn key(&mut self, last: u32) -> Result<u32, ModelError> {
        let step = self.number()?;
        let key = u64::from(last).saturating_add(step);
        if step == 0 || key > u64::from(u32::MAX) {
            return Err(ModelError::Malformed("keys are not increasing"));
        }
        Ok(key as u32)
    }
}
