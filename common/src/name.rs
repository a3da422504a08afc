//! Names in outputs that must be UTF-8: names that differ in any byte differ there too.

use std::borrow::Cow;
use std::fmt::Write;

/// The name as text. A byte that is not UTF-8 appears as `\xNN`, in capital hexadecimal digits; a
/// backslash that would read as the beginning of such an escape appears as `\x5C`. So every name
/// has a text of its own, and most are their text.
#[must_use]
pub fn shown(name: &[u8]) -> Cow<'_, str> {
    escape(name, |_| false)
}

/// The same for an output where a name must stay on its line: controls are escaped too.
#[must_use]
pub fn on_one_line(name: &[u8]) -> Cow<'_, str> {
    escape(name, char::is_control)
}

fn escape(name: &[u8], special: impl Fn(char) -> bool) -> Cow<'_, str> {
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
    fn names_that_differ_are_shown_differently() {
        let names: [&[u8]; 9] = [
            b"a\xFF",
            b"a\xFE",
            b"a\\xFF",
            b"a\\x5CxFF",
            "a\u{FFFD}".as_bytes(),
            b"a\\xff",
            b"a\\xfile",
            b"\\\xFF",
            b"\\\\xFF",
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
        assert_eq!(shown("fäle\n".as_bytes()), "fäle\n");
        assert_ne!(on_one_line(b"a\n"), on_one_line(b"a\t"));
    }
}
