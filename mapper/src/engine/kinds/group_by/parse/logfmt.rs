//! logfmt: `level=info msg="a text" debug`, as Heroku and Go programs write it.

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
            let field = self.field(&text[key..at]);
            keys += 1;
            if text.get(at) != Some(&b'=') {
                // A key alone has no value.
                if let Some(field) = field {
                    found.set_null(field, key, at);
                }
                continue;
            }
            pairs += usize::from(at > key);
            at += 1;
            let start = at;
            if text.get(at) == Some(&b'"') {
                let (end, escaped) = quote_end(text, at + 1).ok_or(OPEN)?;
                if let Some(field) = field {
                    found.set(field, at + 1, end, escaped);
                }
                at = end + 1;
                continue;
            }
            while text.get(at).is_some_and(|byte| *byte > b' ') {
                at += 1;
            }
            if let Some(field) = field {
                found.set(field, start, at, false);
            }
        }
        match (keys, pairs) {
            (0, _) => Ok(false),
            (_, 0) => Err(NONE),
            _ => found.unescape(text, unescape).map(|()| true),
        }
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
