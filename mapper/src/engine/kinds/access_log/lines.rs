//! The fast way through a text of whole lines: quotes and newlines are found for many lines at
//! once, and a line that has them where Common and Combined have them is read off their places.
//!
//! Every other line goes to the careful parser, whose verdict counts. What is accepted here is what
//! that parser accepts, with the same fields (a test compares them).

use gristmill_common::record::content;
use memchr::memchr;

use super::client::{is_ipv6_in_groups, parse_client};
use super::entry::{Entry, NONE, Request};
use super::servers::{self, Reason, checked_bytes};
use super::swar::{eight_digits, is_name, is_status};
use super::time::{Known, LEN, Time, When};
use crate::engine::lines::{BLOCK, block_of};
use crate::engine::simd::{END, Marks};

/// Finds and reads lines; holds buffers and the last line's time.
#[derive(Debug, Default)]
pub(super) struct Lines {
    marks: Marks,
    known: Known,
}

impl Lines {
    /// Calls `each` with every line of `text`: its offset, its bytes with terminator, and what it
    /// says. Well-formed lines whose request `wanted` declines may be left out. Returns the number
    /// of lines, those included.
    #[inline]
    pub(super) fn read<'a>(
        &mut self,
        text: &'a [u8],
        wanted: impl Fn(&[u8]) -> bool,
        mut each: impl FnMut(usize, &'a [u8], Result<&Entry<'a>, Reason>),
    ) -> u64 {
        let mut at = 0;
        let mut lines = 0;
        while at < text.len() {
            let block = block_of(&text[at..]);
            if block.len() > BLOCK {
                // One long line: room for its marks would be room that is never given back.
                let parsed = servers::parse(content(block));
                each(at, block, parsed.as_ref().map_err(|reason| *reason));
                lines += 1;
            } else {
                lines += self.read_block(block, &wanted, |start, line, found| {
                    each(at + start, line, found);
                });
            }
            at += block.len();
        }
        lines
    }

    #[inline]
    fn read_block<'a>(
        &mut self,
        block: &'a [u8],
        wanted: impl Fn(&[u8]) -> bool,
        mut each: impl FnMut(usize, &'a [u8], Result<&Entry<'a>, Reason>),
    ) -> u64 {
        let mut marks = self.marks.find(block);
        let mut entry = Entry::default();
        let mut start = 0;
        let mut lines = 0;
        while start < block.len() {
            lines += 1;
            let placed = Placed::find(block, start, marks, &mut self.known)
                .or_else(|| Placed::find_escaped(block, start, marks, &mut self.known));
            if let Some(placed) = placed {
                if placed.request_escapes || wanted(placed.request) {
                    placed.fill(&mut entry);
                    each(start, &block[start..placed.next], Ok(&entry));
                }
                marks = &marks[placed.marks..];
                start = placed.next;
                continue;
            }
            let is_newline = |&at: &u32| at == END || block[at as usize] == b'\n';
            let passed = marks.iter().position(is_newline).unwrap_or(0);
            let next = match marks[passed] {
                END => block.len(),
                newline => newline as usize + 1,
            };
            let line = &block[start..next];
            let parsed = servers::parse(content(line));
            each(start, line, parsed.as_ref().map_err(|reason| *reason));
            marks = &marks[(passed + 1).min(marks.len())..];
            start = next;
        }
        lines
    }
}

/// A well-formed line, its fields found and checked.
struct Placed<'a> {
    client: Client<'a>,
    time: Time<'a>,
    request: &'a [u8],
    status: &'a [u8],
    size: &'a [u8],
    bytes: u64,
    referer: &'a [u8],
    agent: &'a [u8],
    /// Whether there are escapes in the line, and in its request.
    escapes: bool,
    request_escapes: bool,
    /// How many marks the line has, newline included.
    marks: usize,
    /// Where the next line begins.
    next: usize,
}

impl<'a> Placed<'a> {
    /// Reads the line of `block` that begins at `start` off the places of its marks, which `marks`
    /// begin with.
    #[inline(always)]
    fn find(block: &'a [u8], start: usize, marks: &[u32], known: &mut Known) -> Option<Self> {
        let marks = marks.first_chunk::<7>()?;
        let is = |number: usize, mark: u8| block.get(marks[number] as usize) == Some(&mark);
        let quotes = |count: usize| (0..count).all(|number| is(number, b'"'));
        // Where the marks are known to be in the line, they are in order and in the block.
        if is(6, b'\n') && quotes(6) {
            Self::read::<7>(block, start, marks, known)
        } else if is(2, b'\n') && quotes(2) {
            Self::read::<3>(block, start, marks, known)
        } else {
            None
        }
    }

    /// As [`Self::find`] for a Combined line that may have escapes.
    #[inline(always)]
    fn find_escaped(
        block: &'a [u8],
        start: usize,
        marks: &[u32],
        known: &mut Known,
    ) -> Option<Self> {
        let mut places = [END; 7];
        let (mut count, mut at) = (0, 0);
        let (mut escapes, mut request_escapes) = (false, false);
        loop {
            let mark = *marks.get(at)?;
            at += 1;
            match block.get(mark as usize)? {
                b'"' if count < 6 => {
                    places[count] = mark;
                    count += 1;
                }
                // Only in quotes it is an escape. What is escaped is no mark.
                b'\\' if count % 2 == 1 => {
                    escapes = true;
                    request_escapes |= count == 1;
                    if *marks.get(at)? == mark + 1 {
                        if block.get(mark as usize + 1) == Some(&b'\n') {
                            return None;
                        }
                        at += 1;
                    }
                }
                b'\n' if count == 6 => {
                    places[6] = mark;
                    break;
                }
                _ => return None,
            }
        }
        let found = Self::read::<7>(block, start, &places, known)?;
        Some(Self {
            escapes,
            request_escapes,
            marks: at,
            ..found
        })
    }

    /// Reads a line off the places of its quotes and its newline: `COUNT` in all.
    #[inline(always)]
    fn read<const COUNT: usize>(
        block: &'a [u8],
        start: usize,
        places: &[u32; 7],
        known: &mut Known,
    ) -> Option<Self> {
        let at = |number: usize| places[number] as usize;
        let newline = at(COUNT - 1);
        let end = newline - usize::from(block[newline - 1] == b'\r');
        let before = block.get(start..at(0))?;
        let (client, framed) = before.split_last_chunk::<{ LEN + 4 }>()?;
        let time = known.check(framed)?;
        let client = Client::find(client, before)?;
        // Between the request's quote and what comes next: ` 200 123`.
        let numbers_end = if COUNT == 3 { end } else { at(2) - 1 };
        if !is_status(block[at(1)..].first_chunk()?) {
            return None;
        }
        let size = block.get(at(1) + 6..numbers_end)?;
        let bytes = match eight_digits(&block[..numbers_end], size.len()) {
            Some(bytes) => bytes,
            None => checked_bytes(size).ok()?,
        };
        let (mut referer, mut agent) = (NONE, NONE);
        if COUNT == 7 {
            let spaces = block[at(2) - 1] == b' ' && block[at(3) + 1] == b' ';
            if !spaces || at(4) != at(3) + 2 || at(5) + 1 != end {
                return None;
            }
            referer = &block[at(2) + 1..at(3)];
            agent = &block[at(4) + 1..at(5)];
        }
        Some(Self {
            client,
            time,
            request: &block[at(0) + 1..at(1)],
            status: &block[at(1) + 2..at(1) + 5],
            size,
            bytes,
            referer,
            agent,
            escapes: false,
            request_escapes: false,
            marks: COUNT,
            next: newline + 1,
        })
    }

    /// Sets every field of `entry`.
    #[inline(always)]
    fn fill(&self, entry: &mut Entry<'a>) {
        *entry = Entry {
            host: self.client.host,
            user: self.client.user,
            vhost: self.client.vhost,
            time: When::Written(self.time),
            request: Request::Line(self.request),
            status: self.status,
            size: self.size,
            bytes: self.bytes,
            referer: self.referer,
            agent: self.agent,
            escapes: self.escapes,
        };
    }
}

/// Who asked whom.
struct Client<'a> {
    host: &'a [u8],
    user: &'a [u8],
    vhost: &'a [u8],
}

impl<'a> Client<'a> {
    /// Reads `host ident user`, which `before` begins with; at least 16 bytes follow there.
    #[inline(always)]
    fn find(client: &'a [u8], before: &[u8]) -> Option<Self> {
        // Nearly every line is from nobody that the server knows.
        if let Some(host) = client.strip_suffix(b" - -")
            && (is_name(before, host.len()) || is_ipv6_in_groups(host))
        {
            return Some(Self {
                host,
                user: NONE,
                vhost: NONE,
            });
        }
        // The careful parser would take an earlier bracket for the time's.
        if memchr(b'[', client).is_some() {
            return None;
        }
        let parsed = parse_client(client).ok()?;
        Some(Self {
            host: parsed.host,
            user: parsed.user,
            vhost: parsed.vhost,
        })
    }
}
