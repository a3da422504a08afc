//! The fast way through a text of whole lines: quotes and newlines are found for many lines at
//! once, and a line that has them where Common and Combined have them is read off their places.
//!
//! Every other line goes to the careful parser, whose verdict counts. What is accepted here is what
//! that parser accepts, with the same fields (a test compares them).

use gristmill_common::record::content;
use memchr::{memchr, memrchr};

use super::entry::{Entry, NONE, Request};
use super::servers::{self, Reason, checked_bytes, parse_client};
use super::time::{Known, LEN};
use crate::simd::Marks;

/// Bytes of lines whose marks are found at once: they and their marks stay in the nearest cache.
const BLOCK: usize = 8 << 10;

/// Finds and reads lines; holds buffers and the last line's time.
#[derive(Debug, Default)]
pub(super) struct Lines {
    marks: Marks,
    known: Known,
}

impl Lines {
    /// Calls `each` with every line of `text`: its offset, its bytes with terminator, and what it
    /// says.
    #[inline]
    pub(super) fn read<'a>(
        &mut self,
        text: &'a [u8],
        mut each: impl FnMut(usize, &'a [u8], Result<&Entry<'a>, Reason>),
    ) {
        let mut at = 0;
        while at < text.len() {
            let block = block_of(&text[at..]);
            if block.len() > BLOCK {
                // One long line: room for its marks would be room that is never given back.
                let parsed = servers::parse(content(block));
                each(at, block, parsed.as_ref().map_err(|reason| *reason));
            } else {
                self.read_block(block, |start, line, found| each(at + start, line, found));
            }
            at += block.len();
        }
    }

    #[inline]
    fn read_block<'a>(
        &mut self,
        block: &'a [u8],
        mut each: impl FnMut(usize, &'a [u8], Result<&Entry<'a>, Reason>),
    ) {
        self.marks.find(block);
        let mut quotes = &self.marks.quotes[..];
        let mut escapes = &self.marks.escapes[..];
        let mut newlines = self.marks.newlines.iter();
        let mut start = 0;
        let mut entry = Entry::default();
        while start < block.len() {
            let newline = newlines.next().map_or(block.len(), |&at| at as usize);
            let next = (newline + 1).min(block.len());
            let line = &block[start..next];
            let text = content(line);
            let end = (start + text.len()) as u32;
            let placed = if escapes[0] < end {
                None
            } else {
                place(text, start as u32, end, quotes, &mut self.known, &mut entry)
            };
            match placed {
                Some(count) => {
                    each(start, line, Ok(&entry));
                    quotes = &quotes[count..];
                }
                None => match servers::parse(text) {
                    Ok(entry) => each(start, line, Ok(&entry)),
                    Err(reason) => each(start, line, Err(reason)),
                },
            }
            while quotes[0] < end {
                quotes = &quotes[1..];
            }
            while escapes[0] < end {
                escapes = &escapes[1..];
            }
            start = next;
        }
    }
}

/// The first lines of a text, at most [`BLOCK`] bytes, or one longer line.
fn block_of(text: &[u8]) -> &[u8] {
    if text.len() <= BLOCK {
        return text;
    }
    let end = memrchr(b'\n', &text[..BLOCK])
        .or_else(|| Some(BLOCK + memchr(b'\n', &text[BLOCK..])?))
        .map_or(text.len(), |newline| newline + 1);
    &text[..end]
}

/// Reads a line without escapes off the places of its quotes, which `quotes` begin with. `line` is
/// what lies from `start` to `end`. Sets every field of `entry` and returns the number of quotes, or
/// leaves anything in it.
#[inline]
fn place<'a>(
    line: &'a [u8],
    start: u32,
    end: u32,
    quotes: &[u32],
    known: &mut Known,
    entry: &mut Entry<'a>,
) -> Option<usize> {
    let quotes = quotes.first_chunk::<7>()?;
    let at = |number: usize| (quotes[number] - start) as usize;
    let common = quotes[1] < end && quotes[2] >= end;
    let combined = quotes[5] < end && quotes[6] >= end;
    if !(common || combined) {
        return None;
    }
    client_and_time(line.get(..at(0))?, known, entry)?;
    entry.escapes = false;
    entry.request = Request::Line(line.get(at(0) + 1..at(1))?);
    if common {
        numbers(line.get(at(1) + 1..)?, entry)?;
        (entry.referer, entry.agent) = (NONE, NONE);
        return Some(2);
    }
    let between = line.get(at(1) + 1..at(2))?;
    numbers(between.strip_suffix(b" ")?, entry)?;
    if quotes[4] != quotes[3] + 2 || line[at(3) + 1] != b' ' || at(5) + 1 != line.len() {
        return None;
    }
    entry.referer = line.get(at(2) + 1..at(3))?;
    entry.agent = line.get(at(4) + 1..at(5))?;
    Some(6)
}

/// Reads `host ident user [time] `.
#[inline]
fn client_and_time<'a>(text: &'a [u8], known: &mut Known, entry: &mut Entry<'a>) -> Option<()> {
    let (client, time) = text.split_last_chunk::<{ LEN + 4 }>()?;
    let [b' ', b'[', time @ .., b']', b' '] = time else {
        return None;
    };
    entry.time = known.check(time.first_chunk::<LEN>()?)?;
    // Nearly every line is from nobody that the server knows.
    if let Some(host) = client.strip_suffix(b" - -")
        && !host.is_empty()
        && !host.contains(&b' ')
    {
        (entry.host, entry.user, entry.vhost) = (host, NONE, NONE);
        return Some(());
    }
    // The careful parser would take an earlier bracket for the time's.
    if memchr(b'[', client).is_some() {
        return None;
    }
    let parsed = parse_client(client).ok()?;
    (entry.host, entry.user, entry.vhost) = (parsed.host, parsed.user, parsed.vhost);
    Some(())
}

/// Reads ` status bytes`.
#[inline]
fn numbers<'a>(text: &'a [u8], entry: &mut Entry<'a>) -> Option<()> {
    let ([b' ', status @ .., b' '], size) = text.split_first_chunk::<5>()? else {
        return None;
    };
    if !status.iter().all(u8::is_ascii_digit) {
        return None;
    }
    entry.status = status;
    entry.size = size;
    entry.bytes = checked_bytes(size).ok()?;
    Some(())
}
