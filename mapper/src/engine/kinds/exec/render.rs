//! Results as they are written: lines, JSON lines or frames. Of frames a reducer makes files.

use gristmill_common::spec::Out;

/// Where a result belongs.
#[derive(Clone, Copy)]
pub(super) struct Origin<'a> {
    /// The document's name.
    pub(super) document: &'a [u8],
    /// Where the unit begins in it, in bytes.
    pub(super) offset: u64,
}

/// Appends what a program wrote to its output for one unit. Nothing is no result, but an empty
/// file.
pub(super) fn text(into: &mut Vec<u8>, out: Out, origin: Origin<'_>, result: &[u8]) {
    if result.is_empty() && out != Out::File {
        return;
    }
    match out {
        Out::Lines => line(into, result),
        Out::Json => {
            let text = String::from_utf8_lossy(result);
            // A string into memory cannot fail.
            let value = serde_json::to_vec(&text).unwrap_or_default();
            object(into, origin, &value);
        }
        Out::Frames | Out::File => frames(into, origin, result),
    }
}

/// Appends one of the results that a worker gave, which is JSON where JSON is wanted.
///
/// # Errors
/// When it is not.
pub(super) fn value(
    into: &mut Vec<u8>,
    out: Out,
    origin: Origin<'_>,
    result: &[u8],
) -> Result<(), String> {
    match out {
        Out::Lines if result.is_empty() => into.push(b'\n'),
        Out::Lines => line(into, result),
        Out::Json => {
            let valid = serde_json::from_slice::<serde::de::IgnoredAny>(result);
            if valid.is_err() || result.contains(&b'\n') {
                return Err("a result that is no JSON value in one line".into());
            }
            object(into, origin, result);
        }
        Out::Frames | Out::File => frames(into, origin, result),
    }
    Ok(())
}

fn line(into: &mut Vec<u8>, result: &[u8]) {
    into.extend_from_slice(result);
    if !result.ends_with(b"\n") {
        into.push(b'\n');
    }
}

fn object(into: &mut Vec<u8>, origin: Origin<'_>, value: &[u8]) {
    let name = String::from_utf8_lossy(origin.document);
    into.extend_from_slice(b"{\"name\":");
    // A string into memory cannot fail.
    into.extend_from_slice(&serde_json::to_vec(&name).unwrap_or_default());
    into.extend_from_slice(format!(",\"offset\":{},\"result\":", origin.offset).as_bytes());
    into.extend_from_slice(value);
    into.extend_from_slice(b"}\n");
}

fn frames(into: &mut Vec<u8>, origin: Origin<'_>, result: &[u8]) {
    for part in [origin.document, result] {
        into.extend_from_slice(&(part.len() as u32).to_be_bytes());
        into.extend_from_slice(part);
    }
}
