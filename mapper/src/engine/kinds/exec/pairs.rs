//! Pairs of a key and a value into a table, or kept for a program; `key TAB value` lines, as Hadoop
//! Streaming has them, become pairs.

use gristmill_common::key::push_field;
use gristmill_common::pair::{MAX_KEY, MAX_VALUE};
use gristmill_common::spec::Reduce;

use crate::engine::grouped::Grouped;
use crate::engine::output::Output;
use crate::engine::table::Table;

/// Adds all pairs of a program's output.
///
/// # Errors
/// When a line is no pair or its value no number; nothing is added then.
pub(super) fn add(out: &mut Output, reduce: &Reduce, text: &[u8]) -> Result<(), String> {
    for (number, line) in lines(text).enumerate() {
        let (key, value) = pair(line);
        check(reduce, key, value)
            .map_err(|what| format!("line {} of its output: {what}", number + 1))?;
    }
    for (key, value) in lines(text).map(pair) {
        match reduce {
            Reduce::Program(_) => out.grouped.add(key, value),
            _ => merge(&mut out.table, reduce, key, value),
        }
    }
    Ok(())
}

/// The pairs of a program's output, each line sorted to its key, as lines.
pub(super) fn sorted(text: &[u8]) -> Vec<u8> {
    let mut pairs = Grouped::default();
    for (key, value) in lines(text).map(pair) {
        pairs.add(key, value);
    }
    let mut sorted = Vec::with_capacity(text.len() + 1);
    for (key, value) in pairs.sorted() {
        push_line(&mut sorted, key, value);
    }
    sorted
}

/// Appends a pair as a line.
pub(super) fn push_line(into: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    into.extend_from_slice(key);
    into.push(b'\t');
    into.extend_from_slice(value);
    into.push(b'\n');
}

/// Whether a pair can be reduced so.
///
/// # Errors
/// When it cannot: why.
pub(super) fn check(reduce: &Reduce, key: &[u8], value: &[u8]) -> Result<(), String> {
    let longest = match reduce {
        Reduce::Distinct => MAX_KEY,
        _ => MAX_VALUE,
    };
    if key.len() > MAX_KEY {
        return Err(format!("a key of more than {MAX_KEY} bytes"));
    }
    if value.len() > longest && matches!(reduce, Reduce::Distinct | Reduce::Program(_)) {
        return Err(format!("a value of more than {longest} bytes"));
    }
    if let Reduce::Program(_) = reduce
        && (memchr::memchr2(b'\t', b'\n', key).is_some() || memchr::memchr(b'\n', value).is_some())
    {
        return Err("a key with a tab, or a key or value of several lines".into());
    }
    if takes_numbers(reduce) && number_of(value).is_none() {
        let shown = String::from_utf8_lossy(&value[..value.len().min(80)]);
        return Err(format!(
            "its value `{shown}` is no whole number from 0 to 2^64 - 1"
        ));
    }
    Ok(())
}

/// Merges a pair that was checked into a table.
pub(super) fn merge(table: &mut Table, reduce: &Reduce, key: &[u8], value: &[u8]) {
    match reduce {
        Reduce::Count => table.add(key, &[1]),
        Reduce::Sum | Reduce::Min | Reduce::Max => {
            table.add(key, &[number_of(value).unwrap_or_default()]);
        }
        Reduce::Distinct => {
            let mut encoded = Vec::with_capacity(key.len() + value.len() + 16);
            push_field(&mut encoded, key);
            table.add(&encoded, &[]);
            let group = encoded.len();
            push_field(&mut encoded, value);
            table.member(&encoded, group);
        }
        // Its pairs are kept as they are.
        Reduce::Program(_) => {}
    }
}

fn takes_numbers(reduce: &Reduce) -> bool {
    matches!(reduce, Reduce::Sum | Reduce::Min | Reduce::Max)
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    let none = text.is_empty();
    text.split(|&byte| byte == b'\n').skip(usize::from(none))
}

/// The pair that a line is; without a tab it is a key with an empty value.
pub(super) fn pair(line: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memchr(b'\t', line) {
        Some(tab) => (&line[..tab], &line[tab + 1..]),
        None => (line, &[]),
    }
}

fn number_of(text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text.trim_ascii()).ok()?;
    text.parse().ok()
}
