//! logfmt: `level=info msg="a text" debug`, as Heroku and Go programs write it.

use std::ops::Range;

use super::{Parser, Reason};
use crate::engine::kinds::group_by::field::{Found, Keys};
use crate::engine::kinds::group_by::json::unescape;

const NONE: Reason = "not logfmt: no key=value";
const JSON: Reason = "not logfmt: a JSON object";
const OPEN: Reason = "not logfmt: a quote that is not closed";

/// Reads lines of keys and values.
#[derive(Clone, Debug)]
pub(super) struct Logfmt(pub(super) Keys);

impl Parser for Logfmt {
    fn record(&mut self, text: &[u8], found: &mut Found) -> Result<bool, Reason> {
        // One with a `=` in a value would be pairs.
        if let [b'{', .., b'}'] = text.trim_ascii() {
            return Err(JSON);
        }
        let any = pairs(text, |key, value| {
            let Some(field) = self.0.field(&text[key.clone()]) else {
                return;
            };
            match value {
                // A key alone has no value.
                None => found.set_null(field, key.start, key.end),
                Some((value, escaped)) => found.set(field, value.start, value.end, escaped),
            }
        })?;
        found.unescape(text, unquote)?;
        Ok(any)
    }
}

/// Appends a quoted value without its escapes: those of Go's `strconv.Quote`, as most programs
/// write them, and JSON's. A backslash before any other letter stays.
fn unquote(value: &[u8], out: &mut Vec<u8>) -> Result<(), Reason> {
    let mut rest = value;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        out.extend_from_slice(&rest[..at]);
        rest = &rest[at..];
        let taken = match rest {
            [_, b'a', ..] => put(out, b"\x07"),
            [_, b'v', ..] => put(out, b"\x0B"),
            [_, b'x', ..] => {
                let byte = number(rest, 2).ok_or("an escape \\x without two hexadecimal digits")?;
                out.push(byte as u8);
                4
            }
            [_, b'U', ..] => {
                let character = number(rest, 8).and_then(char::from_u32);
                let character = character.ok_or("an escape \\U that is no character")?;
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                10
            }
            // A surrogate pair is two escapes.
            [_, b'u', _, _, _, _, b'\\', b'u', ..] if is_surrogate(rest) => {
                let pair = rest.len().min(12);
                unescape(&rest[..pair], out)?;
                pair
            }
            [_, b'u', ..] => {
                let escape = rest.len().min(6);
                unescape(&rest[..escape], out)?;
                escape
            }
            [
                _,
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't',
                ..,
            ] => {
                unescape(&rest[..2], out)?;
                2
            }
            _ => put(out, b"\\") - 1,
        };
        rest = &rest[taken..];
    }
    out.extend_from_slice(rest);
    Ok(())
}

/// Appends what an escape of one letter stands for; its length.
fn put(out: &mut Vec<u8>, bytes: &[u8]) -> usize {
    out.extend_from_slice(bytes);
    2
}

/// The number that `digits` hexadecimal digits behind an escape's letter write.
fn number(escape: &[u8], digits: usize) -> Option<u32> {
    let digits = escape.get(2..2 + digits)?;
    let all = digits.iter().all(u8::is_ascii_hexdigit);
    let text = std::str::from_utf8(digits).ok().filter(|_| all)?;
    u32::from_str_radix(text, 16).ok()
}

fn is_surrogate(escape: &[u8]) -> bool {
    number(escape, 4).is_some_and(|half| (0xD800..0xDC00).contains(&half))
}

/// Gives each key of a record, where it is, and its value if it has one: where that is, and whether
/// it has escapes. False if there are none.
pub(super) fn pairs(
    text: &[u8],
    mut give: impl FnMut(Range<usize>, Option<(Range<usize>, bool)>),
) -> Result<bool, Reason> {
    let (mut at, mut pairs, mut keys) = (0, 0, 0);
    loop {
        while text.get(at).is_some_and(|byte| *byte <= b' ') {
            at += 1;
        }
        if at == text.len() {
            break;
        }
        let key = at;
        while text
            .get(at)
            .is_some_and(|byte| *byte > b' ' && *byte != b'=')
        {
            at += 1;
        }
        let key = key..at;
        keys += 1;
        if text.get(at) != Some(&b'=') {
            give(key, None);
            continue;
        }
        pairs += usize::from(!key.is_empty());
        at += 1;
        let start = at;
        if text.get(at) == Some(&b'"') {
            let (end, escaped) = quote_end(text, at + 1).ok_or(OPEN)?;
            give(key, Some((start + 1..end, escaped)));
            at = end + 1;
            continue;
        }
        while text.get(at).is_some_and(|byte| *byte > b' ') {
            at += 1;
        }
        give(key, Some((start..at, false)));
    }
    match (keys, pairs) {
        (0, _) => Ok(false),
        (_, 0) => Err(NONE),
        _ => Ok(true),
    }
}

/// The quote that closes what begins at `start`, and whether there are escapes before it.
fn quote_end(text: &[u8], start: usize) -> Option<(usize, bool)> {
    let (mut at, mut escaped) = (start, false);
    loop {
        at += memchr::memchr2(b'"', b'\\', text.get(at..)?)?;
        if text[at] == b'"' {
            return Some((at, escaped));
        }
        escaped = true;
        at += 2;
    }
}
