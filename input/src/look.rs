//! What a source is, told by its first bytes without reading on.

use std::fs::File;
use std::io::Read;

use crate::plan::{Source, SourceKind};
use crate::sniff::{ENOUGH, Format, sniff};

/// What becomes of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Look {
    /// It is read, as what this says.
    Read(String),
    /// It is set aside whole, for this reason.
    PassedOver(String),
}

/// Looks at a source's first bytes. Streams are not touched: what is read of them is gone.
#[must_use]
pub fn look(source: &Source) -> Look {
    match &source.kind {
        SourceKind::Stream | SourceKind::Stdin => return Look::Read("stream".into()),
        SourceKind::Unreadable { reason } => return Look::PassedOver(reason.clone()),
        SourceKind::File { .. } => {}
    }
    let mut head = Vec::new();
    let most = ENOUGH as u64;
    let read = File::open(&source.path).and_then(|file| file.take(most).read_to_end(&mut head));
    if let Err(error) = read {
        return Look::PassedOver(error.to_string());
    }
    match sniff(&head) {
        Format::Plain => Look::Read("text".into()),
        Format::Foreign(what) => Look::PassedOver(format!("{what} is not read")),
        format => Look::Read(format!("{format:?}").to_lowercase()),
    }
}
