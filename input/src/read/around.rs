//! What stands in front of a zip and behind it in one file: its directory names neither.

use crate::directory::{BUFFER, Directory};
use crate::sniff::{is_zip, runs};
use crate::stream::Random;

/// How many bytes are read at a time.
const STEP: usize = 64 << 10;

/// How many bytes stand in front of a zip's first member or behind its end, and are not zero. A
/// program in front is no loss, nor is the line that names one: self-extractors and zipapps.
pub(super) fn bytes_around(file: &Random<'_>, directory: &Directory<'_, '_>) -> u64 {
    let mut head = [0; 8];
    let got = file.read(&mut head, 0).unwrap_or(0);
    let head = &head[..got];
    let front = match is_zip(head) || runs(head) {
        true => 0,
        false => not_zero(file, 0, first_member(directory)),
    };
    front + not_zero(file, directory.end_offset(), file.size())
}

/// Where the first of the members is, or the directory where there are none.
fn first_member(directory: &Directory<'_, '_>) -> u64 {
    let mut buffer = vec![0; BUFFER];
    let mut entries = directory.entries(&mut buffer);
    let mut first = directory.directory_offset();
    while let Ok(Some(record)) = entries.next_entry() {
        first = first.min(record.local_header_offset());
    }
    first
}

/// How many bytes from `from` to `to` are not zero. What an object holds would be fetched for that
/// alone, so there all of them count; and those that cannot be read.
fn not_zero(file: &Random<'_>, from: u64, to: u64) -> u64 {
    let mut all = to.saturating_sub(from);
    if file.is_far() {
        return all;
    }
    let mut piece = vec![0; STEP.min(all as usize)];
    let mut at = from;
    while at < to {
        let want = piece.len().min((to - at) as usize);
        match file.read(&mut piece[..want], at) {
            Ok(got) if got > 0 => {
                let zeros = piece[..got].iter().filter(|&&byte| byte == 0).count();
                all -= zeros as u64;
                at += got as u64;
            }
            _ => break,
        }
    }
    all
}
