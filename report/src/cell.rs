//! One cell of a table result: a text, or what stands in the place of one.

use gristmill_common::spec::Format;
use maud::{Markup, html};

use crate::clip::clip;

/// The longest text of a cell on the page, in characters.
const LONGEST: usize = 300;

/// A field of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cell {
    /// The group's records do not have it.
    Absent,
    /// It has no value.
    Null,
    Text(String),
}

impl Cell {
    /// A field of tab-separated values, or of a table for people. `marks` says that fields can be
    /// absent; then the text `-` has a backslash before it.
    pub(crate) fn of_tsv(field: &[u8], marks: bool) -> Self {
        match field {
            b"\\N" => Self::Null,
            b"-" if marks => Self::Absent,
            b"\\-" if marks => Self::Text("-".into()),
            field => Self::Text(unescape(field)),
        }
    }

    /// A field of comma-separated values.
    pub(crate) fn of_csv(text: &[u8], quoted: bool) -> Self {
        match text {
            b"" if !quoted => Self::Absent,
            b"\\N" if !quoted => Self::Null,
            text => Self::Text(String::from_utf8_lossy(text).into_owned()),
        }
    }

    /// A value of an object, if it has it.
    pub(crate) fn of_json(value: Option<&serde_json::Value>) -> Self {
        match value {
            None => Self::Absent,
            Some(serde_json::Value::Null) => Self::Null,
            Some(serde_json::Value::String(text)) => Self::Text(text.clone()),
            Some(other) => Self::Text(other.to_string()),
        }
    }

    /// The text as it is; `None` where there is none.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Absent | Self::Null => None,
        }
    }

    /// The same with what can be shown of its text.
    pub(crate) fn clipped(self) -> Self {
        match self {
            Self::Text(text) => Self::Text(clip(&text, LONGEST)),
            other => other,
        }
    }

    /// What a chart calls it.
    pub(crate) fn label(&self) -> &str {
        match self {
            Self::Absent => "(none)",
            Self::Null => "(null)",
            Self::Text(text) if text.is_empty() => "(empty)",
            Self::Text(text) => text,
        }
    }

    /// The cell on the page: what is no text, and the empty one, in another type than texts.
    pub(crate) fn markup(&self) -> Markup {
        match self {
            Self::Text(text) if !text.is_empty() => html! { (text) },
            other => html! { em.dim { (other.label()) } },
        }
    }
}

/// Whether a format has marks for fields that are absent, of a table that has such fields.
pub(crate) fn has_marks(format: Format, reported: bool) -> bool {
    reported || format == Format::Table
}

/// A field of tab-separated values, its escapes undone; other bytes than UTF-8 become U+FFFD.
fn unescape(field: &[u8]) -> String {
    if !field.contains(&b'\\') {
        return String::from_utf8_lossy(field).into_owned();
    }
    let mut bytes = Vec::with_capacity(field.len());
    let mut at = 0;
    while let Some(&byte) = field.get(at) {
        let escaped = match (byte, field.get(at + 1)) {
            (b'\\', Some(b't')) => Some((b'\t', 2)),
            (b'\\', Some(b'n')) => Some((b'\n', 2)),
            (b'\\', Some(b'r')) => Some((b'\r', 2)),
            (b'\\', Some(b'\\')) => Some((b'\\', 2)),
            (b'\\', Some(b'x')) => hex(field.get(at + 2..at + 4)).map(|byte| (byte, 4)),
            _ => None,
        };
        let (byte, length) = escaped.unwrap_or((byte, 1));
        bytes.push(byte);
        at += length;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex(digits: Option<&[u8]>) -> Option<u8> {
    u8::from_str_radix(std::str::from_utf8(digits?).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_absent_null_empty_or_reads_so_looks_different() {
        let text = |text: &str| Cell::Text(text.into());
        let tsv = [&b"-"[..], b"\\N", b"", b"\\-", b"\\\\N", b"\\\\-"];
        let cells = tsv.map(|field| Cell::of_tsv(field, true));
        let wanted = [
            Cell::Absent,
            Cell::Null,
            text(""),
            text("-"),
            text("\\N"),
            text("\\-"),
        ];
        assert_eq!(cells, wanted);
        assert_eq!(Cell::of_tsv(b"-", false), text("-"));
        let csv = [
            (&b""[..], false),
            (b"\\N", false),
            (b"", true),
            (b"-", false),
            (b"\\N", true),
        ];
        let cells = csv.map(|(field, quoted)| Cell::of_csv(field, quoted));
        assert_eq!(cells, wanted[..5]);
        let mut shown: Vec<String> = (wanted.iter().chain([&text("(null)"), &text("null")]))
            .map(|cell| cell.markup().into_string())
            .collect();
        shown.sort();
        shown.dedup();
        assert_eq!(shown.len(), 8, "{shown:?}");
    }
}
