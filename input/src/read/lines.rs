//! A range of a plain text: the lines that begin in it.

use std::io;
use std::ops::Range;

use super::walker::Walker;
use crate::cut::Stretch;
use crate::error::Halt;
use crate::sniff::is_plain;
use crate::stream::{Damage, Random};

/// How much is read at once where a line's end is looked for.
const BLOCK: usize = 64 << 10;

/// Cuts the lines of a text that begin in `range`. A line that begins before it is another range's,
/// and one that ends behind it is this one's, to its end.
pub(super) fn walk(
    walker: &mut Walker<'_, '_>,
    name: &[u8],
    file: &Random<'_>,
    range: Range<u64>,
) -> Result<(), Halt> {
    let size = file.size();
    let plain = is_plain(file);
    if file.is_stopping() {
        return Err(Halt::Stopped);
    }
    if !plain {
        let damage = file.trouble().unwrap_or_else(|| {
            Damage::unusable("is no longer the plain text that it was when the job was planned")
        });
        return walker.fault(name, range.start, damage);
    }
    let progress = walker.reading.progress;
    let lines = lines_in(file, &range)
        .and_then(|(start, end)| Ok((start, end, file.stream(start..end, progress)?)));
    let (start, end, mut input) = match lines {
        Ok(lines) => lines,
        Err(_) if file.is_stopping() => return Err(Halt::Stopped),
        Err(error) => {
            let damage = (file.trouble())
                .unwrap_or_else(|| Damage::unusable(format!("cannot be read: {error}")));
            return walker.fault(name, range.start, damage);
        }
    };
    if start >= end {
        // One line, which another range has, fills it.
        return Ok(());
    }
    let stretch = Stretch {
        offset: start,
        begins: start == 0,
        ends: end >= size,
    };
    walker.document_from(name, stretch, &mut *input)
}

/// Where the first line begins that begins in a range, and where the last of them ends; an empty
/// range if none begins there. Only then is more read than the range: a line of many ranges is read
/// once by the range that it begins in, and not by the others.
fn lines_in(file: &Random<'_>, range: &Range<u64>) -> io::Result<(u64, u64)> {
    let start = first_line(file, range.start, range.end)?;
    if start >= range.end {
        return Ok((start, start));
    }
    Ok((start, first_line(file, range.end, file.size())?))
}

/// The offset at or after `at` where a line begins; `size` if there is none before.
fn first_line(file: &Random<'_>, at: u64, size: u64) -> io::Result<u64> {
    if at == 0 || at >= size {
        return Ok(at.min(size));
    }
    // The byte before tells whether one begins right there.
    let mut from = at - 1;
    let mut block = vec![0; BLOCK];
    while from < size {
        if file.is_stopping() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let got = match file.read(&mut block, from)? {
            0 => {
                let planned = file.size();
                return Err(io::Error::other(format!(
                    "the file ends at byte {from}, when the job was planned it had {planned}"
                )));
            }
            got => got,
        };
        if let Some(newline) = memchr::memchr(b'\n', &block[..got]) {
            return Ok(from + newline as u64 + 1);
        }
        from += got as u64;
    }
    Ok(size)
}
