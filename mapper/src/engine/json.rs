//! Writes JSON (RFC 8259) piece by piece: a tree of values would cost more than most work. Bytes
//! that are not UTF-8 can stand in no string: they show as U+FFFD, and a member of an object has
//! them as they are in base64 (RFC 4648) beside it.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Appends `"NAME":"text"`, and `"NAME_base64":"…"` if the text is not UTF-8.
pub(crate) fn push_member(out: &mut Vec<u8>, name: &str, text: &[u8]) {
    push_name(out, name, "");
    if !push_string(out, text) {
        out.push(b',');
        push_name(out, name, "_base64");
        push_string(out, STANDARD.encode(text).as_bytes());
    }
}

fn push_name(out: &mut Vec<u8>, name: &str, suffix: &str) {
    for part in ["\"", name, suffix, "\":"] {
        out.extend_from_slice(part.as_bytes());
    }
}

/// Appends a string; bytes that are not UTF-8 become U+FFFD. Says whether all of it was UTF-8.
pub(crate) fn push_string(out: &mut Vec<u8>, text: &[u8]) -> bool {
    let plain = |byte: &u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
    if text.iter().all(plain) {
        out.push(b'"');
        out.extend_from_slice(text);
        out.push(b'"');
        return true;
    }
    let utf8 = std::str::from_utf8(text);
    let shown = utf8.map_or_else(|_| String::from_utf8_lossy(text), Cow::Borrowed);
    // Writing to memory cannot fail.
    let _ = serde_json::to_writer(out, &shown);
    utf8.is_ok()
}

/// Appends a list, each item as `push` writes it.
pub(crate) fn push_list<T>(
    out: &mut Vec<u8>,
    items: impl IntoIterator<Item = T>,
    mut push: impl FnMut(&mut Vec<u8>, T),
) {
    out.push(b'[');
    for (at, item) in items.into_iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        push(out, item);
    }
    out.push(b']');
}

#[cfg(test)]
mod tests {
    use gristmill_tagger::conllu::push_number;

    use super::*;

    #[test]
    fn texts_that_differ_in_a_byte_differ() {
        let member = |text: &[u8]| {
            let mut out = Vec::new();
            push_member(&mut out, "text", text);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(
            member("caf\u{E9}\n".as_bytes()),
            "\"text\":\"caf\u{E9}\\n\""
        );
        assert_eq!(
            member(b"caf\xE9"),
            "\"text\":\"caf\u{FFFD}\",\"text_base64\":\"Y2Fm6Q==\""
        );
        assert_ne!(member(b"caf\xE9"), member(b"caf\xE8"));
    }

    #[test]
    fn what_is_written_is_what_serde_json_writes() {
        for text in [
            "",
            "plain",
            "a \"quoted\" \\ path",
            "tab\tand\nnewline \u{0}\u{1f}\u{7f}\u{85}",
            "\u{e9}t\u{e9} \u{1f469}\u{200d}\u{1f680} \u{202e}",
        ] {
            let mut out = Vec::new();
            push_string(&mut out, text.as_bytes());
            let want = serde_json::to_vec(text).unwrap();
            assert_eq!(out, want, "{text:?}");
        }
        let mut out = Vec::new();
        push_string(&mut out, b"caf\xe9");
        push_list(&mut out, [0, 7, u64::MAX], push_number);
        push_list(&mut out, [], push_number);
        let want = "\"caf\u{fffd}\"[0,7,18446744073709551615][]";
        assert_eq!(String::from_utf8(out).unwrap(), want);
    }
}
