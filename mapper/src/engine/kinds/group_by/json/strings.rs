//! Where JSON strings end, and what they are without their escapes.

use memchr::memchr2;

use crate::engine::kinds::group_by::parse::Reason;
use crate::engine::simd::END;

/// Finds the ends of strings.
pub(super) trait Strings {
    /// The place of the quote that closes the string opened at `open`, and whether it has escapes.
    fn close(&mut self, text: &[u8], open: usize) -> Result<(usize, bool), Reason>;
}

/// A record ends inside a string.
const UNCLOSED: Reason = "not JSON: it ends inside a string";
const CONTROL: Reason = "not JSON: a control character inside a string";
const ESCAPE: Reason = "not JSON: an escape in a string that means nothing";

/// Strings of a block of lines whose quotes, backslashes and newlines are known.
pub(super) struct Marked<'m> {
    /// The marks that were not passed yet.
    pub(super) marks: &'m [u32],
    /// There are control characters in the block, perhaps in strings.
    pub(super) controls: bool,
}

impl Marked<'_> {
    /// Passes all marks before `end`.
    pub(super) fn pass(&mut self, end: usize) {
        while let [mark, rest @ ..] = self.marks
            && (*mark as usize) < end
        {
            self.marks = rest;
        }
    }
}

impl Marked<'_> {
    /// The next mark, if it is a quote.
    #[inline(always)]
    pub(super) fn next_quote(&self, text: &[u8]) -> Option<usize> {
        let mark = *self.marks.first()? as usize;
        (text.get(mark) == Some(&b'"')).then_some(mark)
    }
}

impl Strings for Marked<'_> {
    #[inline(always)]
    fn close(&mut self, text: &[u8], open: usize) -> Result<(usize, bool), Reason> {
        // The common case: the next mark after the opening quote closes.
        if let [first, second, rest @ ..] = self.marks
            && *first as usize == open
            && text.get(*second as usize) == Some(&b'"')
            && !self.controls
        {
            self.marks = rest;
            return Ok((*second as usize, false));
        }
        self.close_slowly(text, open)
    }
}

impl Marked<'_> {
    #[cold]
    fn close_slowly(&mut self, text: &[u8], open: usize) -> Result<(usize, bool), Reason> {
        self.pass(open + 1);
        let mut escaped = false;
        loop {
            let mark = match self.marks.first() {
                None | Some(&END) => return Err(UNCLOSED),
                Some(&mark) => mark as usize,
            };
            match text[mark] {
                b'"' => {
                    self.marks = &self.marks[1..];
                    if self.controls {
                        no_controls(&text[open + 1..mark])?;
                    }
                    return Ok((mark, escaped));
                }
                b'\\' => {
                    escaped = true;
                    let len = escape_len(&text[mark..])?;
                    self.pass(mark + len);
                }
                _ => return Err(UNCLOSED),
            }
        }
    }
}

/// Strings of a text of which nothing is known.
pub(super) struct Unmarked;

impl Strings for Unmarked {
    fn close(&mut self, text: &[u8], open: usize) -> Result<(usize, bool), Reason> {
        let (mut at, mut escaped) = (open + 1, false);
        loop {
            at += memchr2(b'"', b'\\', &text[at..]).ok_or(UNCLOSED)?;
            if text[at] == b'"' {
                no_controls(&text[open + 1..at])?;
                return Ok((at, escaped));
            }
            escaped = true;
            at += escape_len(&text[at..])?;
        }
    }
}

fn no_controls(string: &[u8]) -> Result<(), Reason> {
    match string.iter().any(|&byte| byte < b' ') {
        true => Err(CONTROL),
        false => Ok(()),
    }
}

/// The length of the escape that `text` begins with.
fn escape_len(text: &[u8]) -> Result<usize, Reason> {
    match text {
        [
            _,
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't',
            ..,
        ] => Ok(2),
        [_, b'u', a, b, c, d, ..] if [a, b, c, d].iter().all(|byte| byte.is_ascii_hexdigit()) => {
            Ok(6)
        }
        _ => Err(ESCAPE),
    }
}

/// Appends a string without its escapes; a backslash before any other letter is passed over.
pub(in crate::engine::kinds::group_by) fn unescape(
    string: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), Reason> {
    let mut rest = string;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        out.extend_from_slice(&rest[..at]);
        let escape = rest.get(at + 1).copied().unwrap_or(b'\\');
        rest = rest.get(at + 2..).unwrap_or_default();
        match escape {
            b'b' => out.push(0x08),
            b'f' => out.push(0x0C),
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'u' => {
                let character;
                (character, rest) = unicode(rest)?;
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
            other => out.push(other),
        }
    }
    out.extend_from_slice(rest);
    Ok(())
}

/// The character that `rest` goes on with after `\u`.
fn unicode(rest: &[u8]) -> Result<(char, &[u8]), Reason> {
    const HEX: Reason = "an escape \\u in a field without four hexadecimal digits";
    const LONE: Reason = "half a surrogate pair in a field, which is no character";
    let (first, rest) = hex(rest).ok_or(HEX)?;
    if let Some(character) = char::from_u32(first) {
        return Ok((character, rest));
    }
    let low = rest.strip_prefix(b"\\u").and_then(hex);
    match low {
        Some((second, rest)) if first < 0xDC00 && (0xDC00..0xE000).contains(&second) => {
            let point = 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
            Ok((char::from_u32(point).ok_or(LONE)?, rest))
        }
        _ => Err(LONE),
    }
}

fn hex(text: &[u8]) -> Option<(u32, &[u8])> {
    let (digits, rest) = text.split_at_checked(4)?;
    // A number may have a sign, an escape may not.
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let number = u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    Some((number, rest))
}
