//! A range of a plain text: the lines that begin in it.

use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::ops::Range;
use std::os::unix::fs::FileExt;

use super::walker::Walker;
use crate::cut::Stretch;
use crate::error::Halt;
use crate::sniff::{Format, sniff};
use crate::stream::{Damage, Input, RawFile};

/// How much is read at once where a line's end is looked for.
const BLOCK: usize = 64 << 10;

/// Cuts the lines of a text of `size` bytes that begin in `range`. A line that begins before it is
/// another range's, and one that ends behind it is this one's, to its end.
pub(super) fn walk(
    walker: &mut Walker<'_, '_>,
    name: &[u8],
    mut file: File,
    range: Range<u64>,
    size: u64,
) -> Result<(), Halt> {
    let Some(is_text) = is_text(walker, &file, size)? else {
        return Err(Halt::Stopped);
    };
    if !is_text {
        let damage =
            Damage::unusable("is no longer the plain text that it was when the job was planned");
        return walker.fault(name, range.start, damage);
    }
    let lines = first_line(&file, range.start, size)
        .and_then(|start| Ok((start, first_line(&file, range.end, size)?)))
        .and_then(|(start, end)| file.seek(SeekFrom::Start(start)).map(|_| (start, end)));
    let (start, end) = match lines {
        Ok(lines) => lines,
        Err(error) => {
            let damage = Damage::unusable(format!("cannot be read: {error}"));
            return walker.fault(name, range.start, damage);
        }
    };
    if start >= end {
        // One line, which another range has, fills it.
        return Ok(());
    }
    let reading = walker.reading;
    let mut input = RawFile::new(file, Some(end), reading.progress, reading.shutdown).at(start);
    let stretch = Stretch {
        offset: start,
        begins: start == 0,
        ends: end >= size,
    };
    walker.document_from(name, stretch, &mut input)
}

/// Whether a file is plain text by its first bytes; none when a stop was asked for.
fn is_text(walker: &Walker<'_, '_>, file: &File, size: u64) -> Result<Option<bool>, Halt> {
    let progress = gristmill_common::progress::Progress::default();
    let shutdown = walker.reading.shutdown;
    let Ok(copy) = file.try_clone() else {
        return Ok(Some(false));
    };
    let head = RawFile::new(copy, Some(size), &progress, shutdown);
    let plain = sniff(&mut Input::glance(head)) == Format::Plain;
    Ok((!shutdown.is_stopping()).then_some(plain))
}

/// The offset at or after `at` where a line begins; the file's end if there is none.
fn first_line(file: &File, at: u64, size: u64) -> io::Result<u64> {
    if at == 0 || at >= size {
        return Ok(at.min(size));
    }
    // The byte before tells whether one begins right there.
    let mut from = at - 1;
    let mut block = vec![0; BLOCK];
    while from < size {
        let most = usize::try_from(size - from).map_or(BLOCK, |left| left.min(BLOCK));
        let got = match file.read_at(&mut block[..most], from) {
            Ok(0) => break,
            Ok(got) => got,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if let Some(newline) = memchr::memchr(b'\n', &block[..got]) {
            return Ok(from + newline as u64 + 1);
        }
        from += got as u64;
    }
    Ok(size)
}
