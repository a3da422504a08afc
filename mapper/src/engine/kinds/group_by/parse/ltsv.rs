//! LTSV: `label:value` with tabs between, as ltsv.org describes it.

use std::ops::Range;

use memchr::memchr;

use super::{Parser, Reason};
use crate::engine::kinds::group_by::field::{Found, Keys};

const NONE: Reason = "not LTSV: a column without a label";

/// Reads lines of labelled values.
#[derive(Clone, Debug)]
pub(super) struct Ltsv(pub(super) Keys);

impl Parser for Ltsv {
    fn record(&mut self, text: &[u8], found: &mut Found) -> Result<bool, Reason> {
        if text.is_empty() {
            return Ok(false);
        }
        labelled(text, |label, value| {
            if let Some(field) = self.0.field(&text[label]) {
                found.set(field, value.start, value.end, false);
            }
        })?;
        Ok(true)
    }
}

/// Gives each label of a line, and where its value is.
pub(super) fn labelled(
    text: &[u8],
    mut give: impl FnMut(Range<usize>, Range<usize>),
) -> Result<(), Reason> {
    let mut at = 0;
    loop {
        let end = memchr(b'\t', &text[at..]).map_or(text.len(), |tab| at + tab);
        let colon = memchr(b':', &text[at..end]).ok_or(NONE)?;
        let label = at..at + colon;
        let is_label = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.-".contains(byte);
        if label.is_empty() || !text[label.clone()].iter().all(is_label) {
            return Err(NONE);
        }
        give(label, at + colon + 1..end);
        if end == text.len() {
            return Ok(());
        }
        at = end + 1;
    }
}
