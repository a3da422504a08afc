//! JSON lines. In names and keys, bytes that are not UTF-8 are escaped ([`shown`]); in text they
//! appear as U+FFFD.

use gristmill_common::name::shown;

use super::{Cell, Column, push_value};

/// Appends an object: the key's fields as strings, without absent ones, then the columns as
/// numbers and the texts.
pub(crate) fn push_row<'t>(
    line: &mut Vec<u8>,
    names: &[String],
    cells: &[Cell<'_>],
    (columns, values): (&[Column], &[u128]),
    texts: impl Iterator<Item = (&'t String, &'t Cell<'t>)>,
) {
    let mut before = b'{';
    let text = |line: &mut Vec<u8>, name: &str, cell: &Cell<'_>, before: &mut u8| {
        if *cell == Cell::Absent {
            return;
        }
        line.push(*before);
        push_string(line, name.as_bytes());
        line.push(b':');
        match cell {
            Cell::Text(text) => push_name(line, text),
            _ => line.extend_from_slice(b"null"),
        }
        *before = b',';
    };
    for (name, cell) in names.iter().zip(cells) {
        text(line, name, cell, &mut before);
    }
    for (column, &value) in columns.iter().zip(values) {
        line.push(before);
        push_string(line, column.name.as_bytes());
        line.push(b':');
        push_value(line, column, value, b"null");
        before = b',';
    }
    for (name, cell) in texts {
        text(line, name, cell, &mut before);
    }
    if before == b'{' {
        line.push(b'{');
    }
    line.push(b'}');
}

/// Appends a name or key as a JSON string: those that differ in any byte differ here too.
pub(crate) fn push_name(line: &mut Vec<u8>, name: &[u8]) {
    push_string(line, shown(name).as_bytes());
}

/// Appends a JSON string (RFC 8259): quotes, backslashes and controls escaped.
pub(crate) fn push_string(line: &mut Vec<u8>, bytes: &[u8]) {
    // Most bytes are UTF-8, and `from_utf8` is the faster one to see it.
    match std::str::from_utf8(bytes) {
        Ok(text) => push_str(line, text),
        Err(_) => push_str(line, &String::from_utf8_lossy(bytes)),
    }
}

/// Appends a text as [`push_string`] does.
pub(crate) fn push_str(line: &mut Vec<u8>, text: &str) {
    if serde_json::to_writer(&mut *line, text).is_err() {
        // A string into memory cannot fail.
        line.extend_from_slice(b"\"\"");
    }
}
