//! BGZF: gzip members of at most 64 KiB, each of which states its length (the SAM/BAM
//! specification, 4.1). `bgzip` writes it.

use super::{Collector, MOST_STEPS, SeekPoint, SeekTable};
use crate::stream::Random;

/// The length of a member's header.
pub(super) const HEADER: usize = 18;
/// The length of a member's trailer: a checksum and the length of its text.
const TRAILER: u64 = 8;

/// The length of the member that begins so, if it states one.
fn length_of(head: &[u8; HEADER]) -> Option<u64> {
    let [0x1F, 0x8B, 8, 4, .., 6, 0, b'B', b'C', 2, 0, low, high] = *head else {
        return None;
    };
    let length = u64::from(u16::from_le_bytes([low, high])) + 1;
    (length >= HEADER as u64 + TRAILER).then_some(length)
}

/// The table of a file of such members and nothing else.
pub(super) fn table(file: &Random<'_>, least: SeekPoint) -> Option<SeekTable> {
    let mut found = Collector::new(least);
    let mut at = SeekPoint { packed: 0, text: 0 };
    let mut head = [0; HEADER];
    file.at(&mut head, 0).ok()?;
    for _ in 0..MOST_STEPS {
        let end = at.packed + length_of(&head)?;
        // The member's length of text, and what follows it: one call for both.
        let mut around = [0; 4 + HEADER];
        let last = end == file.size();
        let wanted = if last { 4 } else { 4 + HEADER };
        file.at(&mut around[..wanted], end - 4).ok()?;
        let (text, next) = around.split_first_chunk::<4>()?;
        at.packed = end;
        at.text = at.text.checked_add(u64::from(u32::from_le_bytes(*text)))?;
        if last {
            return Some(found.finish(at));
        }
        head.copy_from_slice(next);
        found.add(at);
    }
    None
}
