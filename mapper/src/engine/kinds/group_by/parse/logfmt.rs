//! logfmt: `level=info msg="a text" debug`, as Heroku and Go programs write it.

use std::ops::Range;

use super::{Parser, Reason};
use crate::engine::kinds::group_by::field::{FieldId, Found, Names};
use crate::engine::kinds::group_by::json::unescape;

const NONE: Reason = "not logfmt: no key=value";
const OPEN: Reason = "not logfmt: a quote that is not closed";

/// Reads lines of keys and values.
#[derive(Clone, Debug)]
pub(super) struct Logfmt {
    wanted: Vec<(Vec<u8>, FieldId)>,
}

impl Logfmt {
    pub(super) fn new(names: &Names) -> Self {
        let wanted = names.flat().map(|(field, name)| (name.into_bytes(), field));
        Self {
            wanted: wanted.collect(),
        }
    }

    fn field(&self, key: &[u8]) -> Option<FieldId> {
        let known = self.wanted.iter().find(|(name, _)| name == key);
        known.map(|(_, field)| *field)
    }
}

impl Parser for Logfmt {
    fn record(&mut self, text: &[u8], found: &mut Found) -> Result<bool, Reason> {
        let any = pairs(text, |key, value| {
            let Some(field) = self.field(&text[key.clone()]) else {
                return;
            };
            match value {
                // A key alone has no value.
                None => found.set_null(field, key.start, key.end),
                Some((value, escaped)) => found.set(field, value.start, value.end, escaped),
            }
        })?;
        found.unescape(text, unescape)?;
        Ok(any)
    }
}

/// Gives each key of a record, where it is, and its value if it has one: where that is, and whether
/// it has escapes. False if there are none.
pub(super) fn pairs(
    text: &[u8],
    mut give: impl FnMut(Range<usize>, Option<(Range<usize>, bool)>),
) -> Result<bool, Reason> {
    let (mut at, mut pairs, mut keys) = (0, 0, 0);
    loop {
        while text.get(at).is_some_and(|byte| *byte <= b' ') {
            at += 1;
        }
        if at == text.len() {
            break;
        }
        let key = at;
        while text
            .get(at)
            .is_some_and(|byte| *byte > b' ' && *byte != b'=')
        {
            at += 1;
        }
        let key = key..at;
        keys += 1;
        if text.get(at) != Some(&b'=') {
            give(key, None);
            continue;
        }
        pairs += usize::from(!key.is_empty());
        at += 1;
        let start = at;
        if text.get(at) == Some(&b'"') {
            let (end, escaped) = quote_end(text, at + 1).ok_or(OPEN)?;
            give(key, Some((start + 1..end, escaped)));
            at = end + 1;
            continue;
        }
        while text.get(at).is_some_and(|byte| *byte > b' ') {
            at += 1;
        }
        give(key, Some((start..at, false)));
    }
    match (keys, pairs) {
        (0, _) => Ok(false),
        (_, 0) => Err(NONE),
        _ => Ok(true),
    }
}

/// The quote that closes what begins at `start`, and whether there are escapes before it.
fn quote_end(text: &[u8], start: usize) -> Option<(usize, bool)> {
    let (mut at, mut escaped) = (start, false);
    loop {
        at += memchr::memchr2(b'"', b'\\', text.get(at..)?)?;
        if text[at] == b'"' {
            return Some((at, escaped));
        }
        escaped = true;
        at += 2;
    }
}
