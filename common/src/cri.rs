//! Lines of a container's log as Kubernetes' runtimes write it (CRI's logging format): `TIME STREAM
//! TAGS TEXT`. A long line comes in parts, all but the last with the tag `P`.
//!
//! A record is a line, or all parts of one and what stands between them: the other stream's lines
//! may.

use memchr::memchr;

/// One line of such a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CriLine<'a> {
    /// It is of stderr, not of stdout.
    pub stderr: bool,
    /// The runtime cut the line behind it.
    pub partial: bool,
    /// What the container wrote.
    pub text: &'a [u8],
}

/// A time takes at least so many bytes, and at most.
const TIME: std::ops::RangeInclusive<usize> = 20..=40;

impl<'a> CriLine<'a> {
    /// Reads a line without its terminator. `None` if it is no line of such a log.
    #[must_use]
    pub fn parse(line: &'a [u8]) -> Option<Self> {
        let (time, rest) = word(line)?;
        let is_time = TIME.contains(&time.len())
            && (time[4], time[7], time[10]) == (b'-', b'-', b'T')
            && (time.iter()).all(|byte| byte.is_ascii_digit() || b"-:.TZ+".contains(byte));
        let (stream, rest) = word(rest).filter(|_| is_time)?;
        let stderr = match stream {
            b"stdout" => false,
            b"stderr" => true,
            _ => return None,
        };
        let (tags, text) = word(rest).unwrap_or((rest, b""));
        let partial = match tags.split(|byte| *byte == b':').next() {
            Some(b"P") => true,
            Some(b"F") => false,
            _ => return None,
        };
        Some(Self {
            stderr,
            partial,
            text,
        })
    }
}

/// The first word of a text, and what stands behind the blank.
fn word(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr(b' ', text)?;
    Some((&text[..end], &text[end + 1..]))
}

/// So many bytes of a line tell what it is: its time, stream and tags.
const HEAD: usize = 96;

/// Looks for the end of one record in bytes that come piece by piece.
#[derive(Clone, Debug, Default)]
pub struct Parts {
    /// Whether a line of stdout, of stderr is cut and goes on.
    open: [bool; 2],
    /// What is known of the beginning of a line that is not whole yet.
    head: Vec<u8>,
}

impl Parts {
    /// The end of the record, if it is in `bytes`, which follow those of the calls before.
    pub fn end(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        while let Some(end) = memchr(b'\n', &bytes[at..]) {
            let line = &bytes[at..at + end];
            at += end + 1;
            if self.head.is_empty() {
                self.line(line);
            } else {
                self.keep(line);
                let head = std::mem::take(&mut self.head);
                self.line(&head);
            }
            if self.open == [false; 2] {
                return Some(at);
            }
        }
        self.keep(&bytes[at..]);
        None
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = HEAD - self.head.len();
        self.head.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn line(&mut self, line: &[u8]) {
        if let Some(line) = CriLine::parse(&line[..line.len().min(HEAD)]) {
            self.open[usize::from(line.stderr)] = line.partial;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME: &str = "2026-11-28T10:00:00.123456789Z";

    #[test]
    fn lines_are_told_by_stream_and_tags() {
        let parse = |text: &str| {
            let line = format!("{TIME} {text}");
            let line = CriLine::parse(line.as_bytes())?;
            let text = String::from_utf8(line.text.to_vec()).unwrap();
            Some((line.stderr, line.partial, text))
        };
        assert_eq!(parse("stdout F a b"), Some((false, false, "a b".into())));
        assert_eq!(parse("stderr P x"), Some((true, true, "x".into())));
        assert_eq!(parse("stderr P:extra x"), Some((true, true, "x".into())));
        assert_eq!(parse("stdout F "), Some((false, false, String::new())));
        assert_eq!(parse("stdout F"), Some((false, false, String::new())));
        for other in ["stdin F x", "stdout Q x", "stdout Partial x", "stdout", ""] {
            assert_eq!(parse(other), None, "{other}");
        }
        for other in ["no time stdout F x", "2026-11-28 stdout F x", ""] {
            assert_eq!(CriLine::parse(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn a_record_ends_where_no_line_is_open_however_the_bytes_come() {
        let long = "y".repeat(300);
        let lines = [
            ("stdout F whole", true),
            ("stdout P one,", false),
            ("stderr F between", false),
            (&*format!("stdout P {long}"), false),
            ("stdout F three", true),
            ("stderr P a", false),
            ("stdout P b", false),
            ("stderr F a", false),
            ("stdout F b", true),
        ];
        let (mut text, mut ends) = (String::new(), Vec::new());
        for (line, ends_here) in lines {
            text += &format!("{TIME} {line}\n");
            if ends_here {
                ends.push(text.len());
            }
        }
        text += "no such line\n";
        ends.push(text.len());
        for step in [1, 7, 95, 96, 97, 5000] {
            let (mut found, mut parts) = (Vec::new(), Parts::default());
            let (mut at, mut stop) = (0, 0);
            while at < text.len() {
                if stop == at {
                    stop = (at + step).min(text.len());
                }
                match parts.end(&text.as_bytes()[at..stop]) {
                    Some(end) => {
                        at += end;
                        found.push(at);
                        parts = Parts::default();
                    }
                    None => at = stop,
                }
            }
            assert_eq!(found, ends, "{step}");
        }
    }
}
