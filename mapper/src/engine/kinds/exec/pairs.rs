//! `key TAB value` lines, as Hadoop Streaming has them, into a table.

use gristmill_common::key::push_field;
use gristmill_common::spec::Reduce;

use crate::engine::table::Table;

/// The longest key that a table takes, with its value where values are told apart, in bytes.
const MOST: usize = 512 << 10;

/// Adds all pairs of a program's output to the table.
///
/// # Errors
/// When a line is no pair or its value no number; nothing is added then.
pub(super) fn add(table: &mut Table, reduce: Reduce, text: &[u8]) -> Result<(), String> {
    for (number, line) in lines(text).enumerate() {
        let (key, value) = pair(line);
        let wrong = |what: String| Err(format!("line {} of its output: {what}", number + 1));
        if key.len() > MOST || reduce == Reduce::Distinct && value.len() > MOST {
            return wrong(format!("a key or value of more than {MOST} bytes"));
        }
        if takes_numbers(reduce) && number_of(value).is_none() {
            let shown = String::from_utf8_lossy(&value[..value.len().min(80)]);
            return wrong(format!(
                "its value `{shown}` is no whole number from 0 to 2^64 - 1"
            ));
        }
    }
    let mut encoded = Vec::new();
    for (key, value) in lines(text).map(pair) {
        match reduce {
            Reduce::Count => table.add(key, &[1]),
            Reduce::Sum | Reduce::Min | Reduce::Max => {
                table.add(key, &[number_of(value).unwrap_or_default()]);
            }
            Reduce::Distinct => {
                encoded.clear();
                push_field(&mut encoded, key);
                table.add(&encoded, &[]);
                let group = encoded.len();
                push_field(&mut encoded, value);
                table.member(&encoded, group);
            }
        }
    }
    Ok(())
}

fn takes_numbers(reduce: Reduce) -> bool {
    matches!(reduce, Reduce::Sum | Reduce::Min | Reduce::Max)
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    let none = text.is_empty();
    text.split(|&byte| byte == b'\n').skip(usize::from(none))
}

/// A line without a tab is a key with an empty value.
fn pair(line: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memchr(b'\t', line) {
        Some(tab) => (&line[..tab], &line[tab + 1..]),
        None => (line, &[]),
    }
}

fn number_of(text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text.trim_ascii()).ok()?;
    text.parse().ok()
}
