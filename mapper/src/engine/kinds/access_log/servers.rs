//! Lines as servers write them by default: Common, Combined and vhost-combined, told apart line by
//! line.

use memchr::{memchr_iter, memchr2};

use super::client::{parse_client, skip_blanks, token};
use super::entry::{Entry, Request};
use super::time::{Time, When};

/// Why a line is none of these.
pub(super) type Reason = &'static str;

const NO_REQUEST: Reason =
    "no quoted request after the time; --line-format describes other formats";
const NO_STATUS: Reason = "no status after the request; --line-format describes other formats";
const NO_BYTES: Reason = "no bytes after the status; --line-format describes other formats";
const NO_REFERER: Reason =
    "no quoted referer after the bytes; --line-format describes other formats";
const NO_AGENT: Reason =
    "no quoted user agent after the referer; --line-format describes other formats";

/// Parses a line without its terminator. Blanks between fields may be several, as Jetty has them;
/// what follows the user agent is passed over, as long as it is fields.
pub(super) fn parse(line: &[u8]) -> Result<Entry<'_>, Reason> {
    let (client, time, rest) = around_time(line)?;
    let mut entry = parse_client(client)?;
    entry.time = When::Written(time);
    let rest = after_blanks(rest)
        .and_then(|rest| rest.strip_prefix(b"\""))
        .ok_or(NO_REQUEST)?;
    let (request, rest) = quoted(rest).ok_or("the request's quote is not closed")?;
    entry.request = Request::Line(request);
    let rest = after_blanks(rest).ok_or(NO_STATUS)?;
    let (status, rest) = token(rest);
    entry.status = checked_status(status)?;
    let (size, rest) = token(rest.ok_or(NO_BYTES)?);
    (entry.size, entry.bytes) = (size, checked_bytes(size)?);
    let Some(rest) = rest.filter(|rest| !rest.is_empty()) else {
        return Ok(entry);
    };
    let rest = rest.strip_prefix(b"\"").ok_or(NO_REFERER)?;
    let (referer, rest) = quoted(rest).ok_or("the referer's quote is not closed")?;
    let rest = after_blanks(rest)
        .and_then(|rest| rest.strip_prefix(b"\""))
        .ok_or(NO_AGENT)?;
    let (agent, rest) = quoted(rest).ok_or("the user agent's quote is not closed")?;
    if !are_fields(rest) {
        return Err("text after the user agent; --line-format describes other formats");
    }
    (entry.referer, entry.agent) = (referer, agent);
    Ok(entry)
}

/// What is before the first time in brackets after a blank, the time, and what is after the
/// brackets.
fn around_time(line: &[u8]) -> Result<(&[u8], Time<'_>, &[u8]), Reason> {
    let mut wrong = "no [time]; --line-format describes other formats";
    for at in memchr_iter(b'[', line).filter(|&at| at > 0 && line[at - 1] == b' ') {
        wrong = "the time is not like 17/May/2015:10:05:03 +0000; --line-format describes other formats";
        if let Some((text, after)) = line[at + 1..].split_first_chunk()
            && let Some(after) = after.strip_prefix(b"]")
            && let Some(time) = Time::parse(text)
        {
            return Ok((&line[..at - 1], time, after));
        }
    }
    Err(wrong)
}

/// What is after a run of blanks; `None` if there is none.
fn after_blanks(text: &[u8]) -> Option<&[u8]> {
    text.starts_with(b" ").then(|| skip_blanks(text))
}

/// Whether a text is nothing, or fields with blanks before them: words, `key="quoted"` and quoted
/// ones. A quote elsewhere means that the field before was not ended where it seemed.
fn are_fields(text: &[u8]) -> bool {
    let mut rest = text;
    while !rest.is_empty() {
        let Some(field) = after_blanks(rest) else {
            return false;
        };
        let Some(stop) = memchr2(b' ', b'"', field) else {
            return true;
        };
        rest = &field[stop..];
        if field[stop] == b'"' {
            let opens = stop == 0 || matches!(field[stop - 1], b'=' | b':');
            match quoted(&field[stop + 1..]) {
                Some((_, after)) if opens => rest = after,
                _ => return false,
            }
        }
    }
    true
}

/// The text up to a quote that is not escaped, and what is after it.
pub(super) fn quoted(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut from = 0;
    loop {
        let at = from + memchr2(b'"', b'\\', &text[from..])?;
        if text[at] == b'"' {
            return Some((&text[..at], &text[at + 1..]));
        }
        // What is escaped ends nothing. A backslash at the end leaves the quote open.
        from = at + 2;
        if from > text.len() {
            return None;
        }
    }
}

/// A status: three digits, or `-` (HAProxy: `-1`) where the server had none.
pub(super) fn checked_status(text: &[u8]) -> Result<&[u8], Reason> {
    let is_status =
        text == b"-" || text == b"-1" || (text.len() == 3 && text.iter().all(u8::is_ascii_digit));
    is_status
        .then_some(text)
        .ok_or("the status is not three digits")
}

/// A number of bytes; `-` is none.
pub(super) fn checked_bytes(text: &[u8]) -> Result<u64, Reason> {
    if text == b"-" {
        return Ok(0);
    }
    number(text).ok_or("the bytes are not a number")
}

/// A decimal number of digits only.
#[inline]
pub(super) fn number(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    // Nineteen digits cannot overflow.
    let (head, tail) = text.split_at(text.len().min(19));
    let mut value = 0u64;
    for byte in head {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + u64::from(digit);
    }
    tail.iter().try_fold(value, |value, byte| {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_fields_may_follow_the_agent() {
        for text in [
            "",
            " ",
            r#" "-""#,
            r#" "203.0.113.9, 10.0.0.1""#,
            " 512 2048",
            r#" 12 "frontend@file" "http://10.0.0.1:80" 5ms"#,
            r#" 35024 123 "f" "b" "s" 0 0 0 5 5 "----" 1 1"#,
            r#" rt=0.123 uct="0.001" urt="0.1, 0.2""#,
            r#" 543 0.011 [default-web-80] [] 10.0.0.7:80 2 0.010 200 9f0c"#,
            r#"  "a \" b"  7"#,
        ] {
            assert!(are_fields(text.as_bytes()), "{text}");
        }
        for text in [
            "x",
            r#""x""#,
            r#" b""#,
            r#" b" c"#,
            r#" b" c""#,
            r#" "a"b"#,
            r#" "a"#,
        ] {
            assert!(!are_fields(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn numbers_end_at_64_bits() {
        for text in [
            "0",
            "007",
            "9999999999999999999",
            "18446744073709551615",
            "18446744073709551616",
            "000000000000000000000000000001",
            "99999999999999999999999",
            "1x",
            "12345678901234567890x",
            "-1",
            "+1",
            "",
        ] {
            let expected = text.parse().ok().filter(|_| !text.starts_with('+'));
            assert_eq!(number(text.as_bytes()), expected, "{text}");
        }
    }
}
