//! One parsed line and the values of its fields.
//!
//! It must not know in which format the line was written.

use gristmill_common::spec::Field;
use memchr::{memchr, memrchr};

use super::time::{Clock, When};

/// What stands for a value that a line does not have, as servers write it.
pub(super) const NONE: &[u8] = b"-";

/// A line's fields as they were written: quoted texts still have their escapes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry<'a> {
    pub(super) host: &'a [u8],
    pub(super) user: &'a [u8],
    pub(super) time: When<'a>,
    pub(super) request: Request<'a>,
    pub(super) status: &'a [u8],
    /// As written, `-` included.
    pub(super) size: &'a [u8],
    /// Bytes sent; `-` is 0.
    pub(super) bytes: u64,
    pub(super) referer: &'a [u8],
    pub(super) agent: &'a [u8],
    pub(super) vhost: &'a [u8],
    /// Whether there may be escapes to undo.
    pub(super) escapes: bool,
}

impl Default for Entry<'_> {
    fn default() -> Self {
        Self {
            host: NONE,
            user: NONE,
            time: When::default(),
            request: Request::Line(NONE),
            status: NONE,
            size: NONE,
            bytes: 0,
            referer: NONE,
            agent: NONE,
            vhost: NONE,
            escapes: true,
        }
    }
}

impl<'a> Entry<'a> {
    /// The value of a field, escapes undone. `scratch` is used where it cannot be borrowed from the
    /// line.
    pub(super) fn value<'b>(&self, field: Field, scratch: &'b mut Scratch) -> &'b [u8]
    where
        'a: 'b,
    {
        let raw = match field {
            Field::Host => self.host,
            Field::User => self.user,
            Field::Status => self.status,
            Field::Referer => self.referer,
            Field::Agent => self.agent,
            Field::Vhost => self.vhost,
            Field::Bytes if self.size == NONE => b"0",
            Field::Bytes => self.size,
            Field::Method => self.request.parts().method,
            Field::Path => self.request.parts().path,
            Field::Protocol => self.request.parts().protocol,
            Field::Query => self.request.parts().query(),
            Field::TimeHour => return scratch.clock.hour(&self.time),
            Field::TimeDay => return scratch.clock.day(&self.time),
        };
        if self.escapes {
            unescaped(raw, &mut scratch.buffer)
        } else {
            raw
        }
    }
}

/// Scratch for values that are not in the line as they are.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    buffer: Vec<u8>,
    clock: Clock,
}

/// What was asked for, as the line has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request<'a> {
    /// The request line.
    Line(&'a [u8]),
    /// Its parts, each in a place of its own.
    Parts(Parts<'a>),
}

/// The parts of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Parts<'a> {
    pub(super) method: &'a [u8],
    pub(super) path: &'a [u8],
    pub(super) protocol: &'a [u8],
    /// The query, where it is not in the path.
    pub(super) query: Option<&'a [u8]>,
}

impl<'a> Request<'a> {
    fn parts(&self) -> Parts<'a> {
        match *self {
            Request::Line(line) => Parts::of_line(line),
            Request::Parts(parts) => parts,
        }
    }

    /// The parts, to be filled in one by one.
    pub(super) fn parts_mut(&mut self) -> &mut Parts<'a> {
        if let Request::Line(_) = self {
            *self = Request::Parts(Parts::NONE);
        }
        match self {
            Request::Parts(parts) => parts,
            Request::Line(_) => unreachable!("just replaced"),
        }
    }
}

impl<'a> Parts<'a> {
    const NONE: Parts<'static> = Parts {
        method: NONE,
        path: NONE,
        protocol: NONE,
        query: None,
    };

    /// Takes a request line apart. Without a protocol (HTTP/0.9) that is `-`; what is no request
    /// line at all is a path, and the rest is `-`.
    fn of_line(line: &'a [u8]) -> Self {
        let whole = Self {
            path: line,
            ..Self::NONE
        };
        let is_name = |byte: &u8| byte.is_ascii_alphabetic() || matches!(byte, b'-' | b'_');
        let (method, rest) = match line.iter().position(|byte| !is_name(byte)) {
            Some(end) if end > 0 && line[end] == b' ' => (&line[..end], &line[end + 1..]),
            _ => return whole,
        };
        let (path, protocol) = match rest.split_last_chunk::<9>() {
            // Nearly every protocol is as long as this.
            Some((path, [b' ', protocol @ ..])) if is_protocol(protocol) => (path, &protocol[..]),
            _ => match memrchr(b' ', rest) {
                Some(last) if rest[last + 1..].starts_with(b"HTTP/") => {
                    (&rest[..last], &rest[last + 1..])
                }
                _ => (rest, NONE),
            },
        };
        Self {
            method,
            path,
            protocol,
            query: None,
        }
    }

    /// Whether the path of a request line may be `path`. No is certain, and found without taking
    /// the line apart.
    #[inline]
    pub(super) fn may_have_path(line: &[u8], path: &[u8]) -> bool {
        // A path is the whole line, or it begins after the method, which has no space, and ends
        // before a space or with the line.
        let after_method = || {
            let space = line.iter().position(|&byte| byte == b' ')?;
            let rest = &line[space + 1..];
            let ends = rest.get(path.len()).is_none_or(|&byte| byte == b' ');
            (ends && rest.starts_with(path)).then_some(())
        };
        after_method().is_some() || line == path
    }

    fn query(&self) -> &'a [u8] {
        self.query.unwrap_or_else(|| {
            memchr(b'?', self.path).map_or(&[][..], |mark| &self.path[mark + 1..])
        })
    }
}

/// Whether a text is a protocol and has no space.
#[inline]
fn is_protocol(text: &[u8]) -> bool {
    text.starts_with(b"HTTP/") && !text.contains(&b' ')
}

/// Undoes the escapes that Apache and nginx write in quoted fields: `\"`, `\\`, `\xHH` and C's
/// control letters. Anything else after a backslash stays as it is.
fn unescaped<'b>(raw: &'b [u8], buffer: &'b mut Vec<u8>) -> &'b [u8] {
    let Some(mut at) = memchr(b'\\', raw) else {
        return raw;
    };
    buffer.clear();
    let mut rest = raw;
    loop {
        buffer.extend_from_slice(&rest[..at]);
        let (byte, len) = escape(&rest[at..]);
        buffer.push(byte);
        rest = &rest[at + len..];
        match memchr(b'\\', rest) {
            Some(next) => at = next,
            None => break,
        }
    }
    buffer.extend_from_slice(rest);
    buffer
}

/// The byte that an escape stands for, and the escape's length. `text` begins with a backslash.
fn escape(text: &[u8]) -> (u8, usize) {
    let hex = |digit: u8| (digit as char).to_digit(16).map(|value| value as u8);
    match text {
        [_, b'x', high, low, ..] => match (hex(*high), hex(*low)) {
            (Some(high), Some(low)) => (high << 4 | low, 4),
            _ => (b'\\', 1),
        },
        [_, quoted @ (b'"' | b'\\'), ..] => (*quoted, 2),
        [_, b'n', ..] => (b'\n', 2),
        [_, b'r', ..] => (b'\r', 2),
        [_, b't', ..] => (b'\t', 2),
        [_, b'b', ..] => (0x08, 2),
        [_, b'v', ..] => (0x0B, 2),
        [_, b'f', ..] => (0x0C, 2),
        _ => (b'\\', 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_undone() {
        let undo = |text: &[u8]| unescaped(text, &mut Vec::new()).to_vec();
        assert_eq!(undo(br#"plain"#), b"plain");
        assert_eq!(undo(br#"a\"b\\c"#), br#"a"b\c"#);
        assert_eq!(undo(br"\x16\x03\xzz\q\"), b"\x16\x03\\xzz\\q\\");
        assert_eq!(undo(br"\n\t\r\b\v\f"), b"\n\t\r\x08\x0B\x0C");
        assert_eq!(undo(br"\x4"), br"\x4");
    }

    #[test]
    fn request_lines_come_apart() {
        let split = |text: &'static str| {
            let parts = Parts::of_line(text.as_bytes());
            assert!(Parts::may_have_path(text.as_bytes(), parts.path));
            assert!(!Parts::may_have_path(text.as_bytes(), b"/elsewhere"));
            [parts.method, parts.path, parts.protocol]
                .map(|part| std::str::from_utf8(part).unwrap())
        };
        assert_eq!(split("GET /a?b=c HTTP/1.1"), ["GET", "/a?b=c", "HTTP/1.1"]);
        assert_eq!(split("GET /a b HTTP/1.1"), ["GET", "/a b", "HTTP/1.1"]);
        assert_eq!(split("GET /a HTTP/2"), ["GET", "/a", "HTTP/2"]);
        assert_eq!(split("GET /a HTTP/ x.1"), ["GET", "/a HTTP/ x.1", "-"]);
        assert_eq!(split("GET /a HTTP/1. "), ["GET", "/a HTTP/1. ", "-"]);
        assert_eq!(split("G=T /a HTTP/1.1"), ["-", "G=T /a HTTP/1.1", "-"]);
        assert_eq!(split(" /a HTTP/1.1"), ["-", " /a HTTP/1.1", "-"]);
        assert_eq!(split("GET /old"), ["GET", "/old", "-"]);
        assert_eq!(split("-"), ["-", "-", "-"]);
        assert_eq!(split(r"\x16\x03 x"), ["-", r"\x16\x03 x", "-"]);
        assert_eq!(split(""), ["-", "", "-"]);
        assert_eq!(split("GET  HTTP/1.1"), ["GET", "", "HTTP/1.1"]);
    }
}
