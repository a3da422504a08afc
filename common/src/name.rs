//! Names in outputs that must be UTF-8: names that differ in any byte differ there too.

use std::borrow::Cow;
use std::fmt::Write;

/// The name as text. A byte that is not UTF-8 appears as `\xNN`, in capital hexadecimal digits; a
/// backslash that would read as the beginning of such an escape appears as `\x5C`. So every name
/// has a text of its own, and most are their text: such bytes are from `\x80` on.
#[must_use]
pub fn shown(name: &[u8]) -> Cow<'_, str> {
    escape(name, is_escape_of_no_text, |_| false)
}

/// The same for an output where a name must stay on its line: controls are escaped too.
#[must_use]
pub fn on_one_line(name: &[u8]) -> Cow<'_, str> {
    escape(name, is_escape, char::is_control)
}

/// A message for a terminal, which may hold names from an archive: controls but line feeds and tabs
/// are escaped, so that a name can neither colour nor move what is on the screen.
#[must_use]
pub fn for_terminal(message: &str) -> Cow<'_, str> {
    let is_special = |found: char| found.is_control() && found != '\n' && found != '\t';
    match message.contains(is_special) {
        true => escape(message.as_bytes(), |_| false, is_special),
        false => Cow::Borrowed(message),
    }
}

fn escape(
    name: &[u8],
    is_escape: impl Fn(&[u8]) -> bool,
    special: impl Fn(char) -> bool,
) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(name)
        && !text.contains("\\x")
        && !text.contains(&special)
    {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(name.len() + 16);
    for part in name.utf8_chunks() {
        let valid = part.valid();
        for (at, found) in valid.char_indices() {
            if special(found) || (found == '\\' && is_escape(&valid.as_bytes()[at..])) {
                let end = at + found.len_utf8();
                push_bytes(&mut shown, &valid.as_bytes()[at..end]);
            } else {
                shown.push(found);
            }
        }
        push_bytes(&mut shown, part.invalid());
    }
    Cow::Owned(shown)
}

fn is_escape(bytes: &[u8]) -> bool {
    let digit = |byte: &u8| byte.is_ascii_digit() || (b'A'..=b'F').contains(byte);
    matches!(bytes, [b'\\', b'x', a, b, ..] if digit(a) && digit(b))
}

/// Whether a byte that is not UTF-8 appears as this, or a backslash before that.
fn is_escape_of_no_text(bytes: &[u8]) -> bool {
    let Some(mut rest) = bytes.strip_prefix(b"\\x") else {
        return false;
    };
    while let Some(further) = rest.strip_prefix(b"5Cx") {
        rest = further;
    }
    let digit = |byte: &u8| byte.is_ascii_digit() || (b'A'..=b'F').contains(byte);
    matches!(rest, [a, b, ..] if *a >= b'8' && digit(a) && digit(b))
}

fn push_bytes(shown: &mut String, bytes: &[u8]) {
    for byte in bytes {
        // Writing to memory cannot fail.
        let _ = write!(shown, "\\x{byte:02X}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_does_not_reach_the_terminal() {
        let message = "a\u{1B}[31m.zip: broken\n  \u{9B}K\ttail\u{7}";
        assert_eq!(
            for_terminal(message),
            "a\\x1B[31m.zip: broken\n  \\xC2\\x9BK\ttail\\x07"
        );
        assert_eq!(for_terminal("caf\u{E9} \\x1B"), "caf\u{E9} \\x1B");
    }

    #[test]
    fn names_that_differ_are_shown_differently() {
        let names: [&[u8]; 13] = [
            b"a\xFF",
            b"a\xFE",
            b"a\\xFF",
            b"a\\x5CxFF",
            "a\u{FFFD}".as_bytes(),
            b"a\\xff",
            b"a\\xfile",
            b"\\\xFF",
            b"\\\\xFF",
            b"\\x5C\\xFF",
            b"\\x5C\xFF",
            b"\\x5Cx5CxFF",
            b"\\x5Cx41",
        ];
        for show in [shown, on_one_line] {
            let mut all: Vec<_> = names.iter().map(|name| show(name)).collect();
            all.sort();
            all.dedup();
            assert_eq!(all.len(), names.len(), "{all:?}");
        }
        assert_eq!(shown(b"a\xFF"), "a\\xFF");
        assert_eq!(shown(b"a\\xFF"), "a\\x5CxFF");
        assert_eq!(shown(b"a\\xfile"), "a\\xfile");
        // No byte that is not UTF-8 appears so.
        for text in ["C:\\x64\\bin", "say \\x22hi\\x22", "\\x5C", "\\x5Cx41"] {
            assert_eq!(shown(text.as_bytes()), text);
        }
        assert_eq!(shown("fäle\n".as_bytes()), "fäle\n");
        assert_ne!(on_one_line(b"a\n"), on_one_line(b"a\t"));
    }
}
