//! Results as they are written: lines, JSON lines or frames. Of frames a reducer makes files.

use gristmill_common::name::shown;
use gristmill_common::spec::Out;

use crate::engine::json;

/// Where a result belongs.
#[derive(Clone, Copy)]
pub(super) struct Origin<'a> {
    /// The document's name.
    pub(super) document: &'a [u8],
    /// Where the unit begins in it, in bytes.
    pub(super) offset: u64,
}

/// Appends what a program wrote to its output for one unit. Nothing is an empty result, which is no
/// line.
pub(super) fn text(into: &mut Vec<u8>, out: Out, origin: Origin<'_>, result: &[u8]) {
    match out {
        Out::Lines if result.is_empty() => {}
        Out::Lines => line(into, result),
        Out::Json => {
            object(into, origin, |into| {
                json::push_member(into, "result", result);
            });
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
            object(into, origin, |into| {
                into.extend_from_slice(b"\"result\":");
                into.extend_from_slice(result);
            });
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

fn object(into: &mut Vec<u8>, origin: Origin<'_>, result: impl FnOnce(&mut Vec<u8>)) {
    into.extend_from_slice(b"{\"name\":");
    json::push_string(into, shown(origin.document).as_bytes());
    into.extend_from_slice(format!(",\"offset\":{},", origin.offset).as_bytes());
    result(into);
    into.extend_from_slice(b"}\n");
}

fn frames(into: &mut Vec<u8>, origin: Origin<'_>, result: &[u8]) {
    for part in [origin.document, result] {
        into.extend_from_slice(&(part.len() as u32).to_be_bytes());
        into.extend_from_slice(part);
    }
}
