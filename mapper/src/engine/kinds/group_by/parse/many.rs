//! Texts of many records: the bytes that stand between values are found for a block of lines at
//! once, and a record that has them where nearly every record has them is read off their places.
//!
//! Every other record goes to the careful parser, whose verdict counts. What is accepted here is
//! what that parser accepts, with the same fields (a test compares them).

use gristmill_common::record::{Splitter, content};

use super::{Parser, Reason};
use crate::engine::kinds::group_by::field::Found;
use crate::engine::lines::{BLOCK, block_of};
use crate::engine::simd::Marks;

/// Takes a record that is not blank: its offset and bytes, and the text that its fields are in, or
/// what is wrong with it.
pub(in crate::engine::kinds::group_by) type Each<'e> =
    dyn FnMut(usize, &[u8], Result<(&Found, &[u8]), Reason>) + 'e;

/// Reads records off the places of marks.
pub(super) trait Placed: Parser {
    /// What finds the marks; `None` where records are read one by one.
    fn marks(&mut self) -> &mut Option<Marks>;

    /// Reads the record of `block` that begins at `start`, if it is as nearly all are; `marks` are
    /// those from there on. Returns how many it has, of which the newline at its end is the last.
    fn placed(&self, block: &[u8], start: usize, marks: &[u32], found: &mut Found)
    -> Option<usize>;
}

/// As [`Parser::records`].
pub(super) fn read<P: Placed>(
    parser: &mut P,
    (text, splitter): (&[u8], &Splitter),
    found: &mut Found,
    each: &mut Each<'_>,
) -> Option<u64> {
    // The careful parser is asked while marks are in use.
    let mut finder = parser.marks().take()?;
    let (mut at, mut records) = (0, 0);
    while at < text.len() {
        let block = block_of(&text[at..]);
        // One long line: room for its marks would be room that is never given back.
        let mut marks = match block.len() > BLOCK {
            true => &[][..],
            false => finder.find(block),
        };
        let mut start = 0;
        while start < block.len() {
            records += 1;
            found.clear();
            if let Some(own) = parser.placed(block, start, marks, found) {
                let next = marks[own - 1] as usize + 1;
                each(at + start, &block[start..next], Ok((found, block)));
                marks = &marks[own..];
                start = next;
                continue;
            }
            let rest = &text[at + start..];
            // It may end in another block.
            let record = &rest[..splitter.first_end(rest, true).unwrap_or(rest.len())];
            let content = content(record);
            found.clear();
            match parser.record(content, found) {
                Ok(true) => each(at + start, record, Ok((found, content))),
                Ok(false) => {}
                Err(reason) => each(at + start, record, Err(reason)),
            }
            start += record.len();
            let passed = marks.iter().take_while(|&&mark| (mark as usize) < start);
            marks = &marks[passed.count()..];
        }
        at += start;
    }
    *parser.marks() = Some(finder);
    Some(records)
}
