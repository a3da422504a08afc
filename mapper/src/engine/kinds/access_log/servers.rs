//! Lines as servers write them by default: Common, Combined and vhost-combined, told apart line by
//! line.

use memchr::{memchr, memchr_iter, memchr2};

use super::entry::{Entry, Request};
use super::time::Time;

/// Why a line is none of these.
pub(super) type Reason = &'static str;

/// Parses a line without its terminator.
pub(super) fn parse(line: &[u8]) -> Result<Entry<'_>, Reason> {
    let bracket = memchr_iter(b'[', line)
        .find(|&at| at > 0 && line[at - 1] == b' ')
        .ok_or("no [time]")?;
    let mut entry = parse_client(&line[..bracket - 1])?;
    let (time, rest) = line[bracket + 1..]
        .split_first_chunk()
        .ok_or("the time is cut off")?;
    entry.time = Time::parse(time).ok_or("the time is not like 17/May/2015:10:05:03 +0000")?;
    let rest = rest
        .strip_prefix(b"] \"")
        .ok_or("no quoted request after the time")?;
    let (request, rest) = quoted(rest).ok_or("the request's quote is not closed")?;
    entry.request = Request::Line(request);
    let rest = rest
        .strip_prefix(b" ")
        .ok_or("no status after the request")?;
    let (status, rest) = token(rest);
    entry.status = checked_status(status)?;
    let rest = rest.ok_or("no bytes after the status")?;
    let (size, rest) = token(rest);
    (entry.size, entry.bytes) = (size, checked_bytes(size)?);
    let Some(rest) = rest else {
        return Ok(entry);
    };
    let rest = rest
        .strip_prefix(b"\"")
        .ok_or("no quoted referer after the bytes")?;
    let (referer, rest) = quoted(rest).ok_or("the referer's quote is not closed")?;
    let rest = rest
        .strip_prefix(b" \"")
        .ok_or("no quoted user agent after the referer")?;
    let (agent, rest) = quoted(rest).ok_or("the user agent's quote is not closed")?;
    if !rest.is_empty() {
        return Err("text after the last field; --line-format describes other formats");
    }
    (entry.referer, entry.agent) = (referer, agent);
    Ok(entry)
}

/// `host ident user`, with `vhost:port` before it in vhost-combined. A user may have spaces.
pub(super) fn parse_client(text: &[u8]) -> Result<Entry<'_>, Reason> {
    let mut entry = Entry::default();
    let mut fields = text;
    let (first, rest) = token(fields);
    let more = rest.is_some_and(|rest| memchr_iter(b' ', rest).nth(1).is_some());
    if more && let Some(vhost) = vhost_of(first) {
        entry.vhost = vhost;
        fields = &text[first.len() + 1..];
    }
    let (host, rest) = token(fields);
    let (ident, user) = token(rest.ok_or("fewer than three fields before the time")?);
    let user = user.ok_or("fewer than three fields before the time")?;
    if host.is_empty() || ident.is_empty() || user.is_empty() {
        return Err("an empty field before the time");
    }
    (entry.host, entry.user) = (host, user);
    Ok(entry)
}

/// The name in `name:port`; an IPv6 address, which has more colons, is none.
fn vhost_of(text: &[u8]) -> Option<&[u8]> {
    let colon = memchr::memrchr(b':', text)?;
    let (name, port) = (&text[..colon], &text[colon + 1..]);
    let is_name = !name.is_empty() && (name[0] == b'[' || memchr(b':', name).is_none());
    (is_name && (1..=5).contains(&port.len()) && port.iter().all(u8::is_ascii_digit))
        .then_some(name)
}

/// The text up to a space, and what is after the space if there is one.
fn token(text: &[u8]) -> (&[u8], Option<&[u8]>) {
    match memchr(b' ', text) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    }
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

/// A status: three digits, or `-` where the server had none.
pub(super) fn checked_status(text: &[u8]) -> Result<&[u8], Reason> {
    let is_status = text == b"-" || (text.len() == 3 && text.iter().all(u8::is_ascii_digit));
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
