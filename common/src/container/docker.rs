//! A line of a container's log as Docker's json-file driver writes it:
//! `{"log":"TEXT\n","stream":…`. Of a line longer than 16 KiB each 16 KiB are a part, and only the
//! last ends with the newline.

use memchr::memchr2;

use crate::quotes::is_escaped;

const BEGIN: &[u8] = b"{\"log\":\"";
const STDERR: &[u8] = b",\"stream\":\"stderr\"";

/// One line of such a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DockerLine {
    /// It is of stderr, not of stdout.
    pub stderr: bool,
    /// Docker cut the line behind it.
    pub partial: bool,
}

impl DockerLine {
    /// The length in bytes of a part: Docker's buffer. What is shorter was not cut by Docker, and
    /// if it has no newline, somebody else took that off. Escapes only lengthen a text.
    pub const PART: usize = 16 << 10;

    /// Reads a line without its terminator. `None` if it is no line of such a log.
    #[must_use]
    pub fn parse(line: &[u8]) -> Option<Self> {
        let text = line.strip_prefix(BEGIN)?;
        let end = end_of(text)?;
        Some(Self {
            stderr: text[end + 1..].starts_with(STDERR),
            partial: end >= Self::PART && !ends_with_newline(&text[..end]),
        })
    }
}

/// Where the quote is that ends a JSON string.
fn end_of(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += memchr2(b'"', b'\\', text.get(at..)?)?;
        if text[at] == b'"' {
            return Some(at);
        }
        at += 2;
    }
}

/// Whether a JSON string ends with an escaped newline, and not with an escaped backslash and an n.
fn ends_with_newline(text: &[u8]) -> bool {
    text.ends_with(b"n") && is_escaped(text, text.len() - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_where_its_text_is_long_and_has_no_newline() {
        let long = "x".repeat(DockerLine::PART);
        let parse = |text: &str, stream: &str| {
            let line = format!(r#"{{"log":"{text}","stream":"{stream}","time":"t"}}"#);
            let line = DockerLine::parse(line.as_bytes())?;
            Some((line.stderr, line.partial))
        };
        assert_eq!(parse(r"a\n", "stdout"), Some((false, false)));
        assert_eq!(parse("short", "stderr"), Some((true, false)));
        assert_eq!(parse(&long, "stdout"), Some((false, true)));
        assert_eq!(parse(&long, "stderr"), Some((true, true)));
        assert_eq!(parse(&format!(r"{long}\n"), "stdout"), Some((false, false)));
        assert_eq!(parse(&format!(r"{long}\\n"), "stdout"), Some((false, true)));
        assert_eq!(
            parse(&format!(r"{long}\\\n"), "stdout"),
            Some((false, false))
        );
        assert_eq!(
            parse(&format!(r#"{long}\","stream":"stderr"#), "stdout"),
            Some((false, true))
        );
        for other in ["{\"log\":\"open", "{\"log\":\"a\\", "{\"a\":1}", ""] {
            assert_eq!(DockerLine::parse(other.as_bytes()), None, "{other}");
        }
    }
}
