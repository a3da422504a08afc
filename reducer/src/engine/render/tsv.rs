//! Fields of tab-separated values: what would break a line or hide in it is escaped.

/// Appends a field. Tab, newline and carriage return become `\t`, `\n`, `\r`, the backslash `\\`,
/// every other control byte `\xNN`; all other bytes go through as they are.
pub(crate) fn push_escaped(line: &mut Vec<u8>, field: &[u8]) {
    let mut rest = field;
    while let Some(at) = rest.iter().position(|&byte| is_special(byte)) {
        line.extend_from_slice(&rest[..at]);
        match rest[at] {
            b'\t' => line.extend_from_slice(b"\\t"),
            b'\n' => line.extend_from_slice(b"\\n"),
            b'\r' => line.extend_from_slice(b"\\r"),
            b'\\' => line.extend_from_slice(b"\\\\"),
            byte => line.extend_from_slice(format!("\\x{byte:02X}").as_bytes()),
        }
        rest = &rest[at + 1..];
    }
    line.extend_from_slice(rest);
}

fn is_special(byte: u8) -> bool {
    byte < 0x20 || byte == 0x7F || byte == b'\\'
}
