//! Comma-separated values (RFC 4180).

/// Appends a text: in quotes where it could be taken for anything else, or for no value.
pub(crate) fn push_text(line: &mut Vec<u8>, text: &[u8]) {
    let plain = !text.is_empty()
        && text != b"\\N"
        && !text
            .iter()
            .any(|byte| matches!(byte, b'"' | b',' | b'\n' | b'\r'));
    if plain {
        line.extend_from_slice(text);
        return;
    }
    line.push(b'"');
    for &byte in text {
        if byte == b'"' {
            line.push(b'"');
        }
        line.push(byte);
    }
    line.push(b'"');
}
