//! A line of a container's log as Kubernetes' runtimes write it (CRI's logging format): `TIME
//! STREAM TAGS TEXT`. A long line comes in parts, all but the last with the tag `P`.

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
}
