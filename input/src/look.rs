//! What a source is, told by its first bytes without reading on.

use gristmill_common::progress::Progress;
use gristmill_common::shutdown::Shutdown;

use crate::plan::{Source, SourceKind};
use crate::read::as_zip;
use crate::sniff::{Format, sniff};
use crate::stream::{Input, RawFile, open_at_once};

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
    let (progress, shutdown) = (Progress::default(), Shutdown::new());
    let opened = open_at_once(&source.path).and_then(|file| Ok((file.metadata()?.len(), file)));
    let (size, file) = match opened {
        Ok(opened) => opened,
        Err(error) => return Look::PassedOver(error.to_string()),
    };
    if as_zip(&file, size, &shutdown, None).is_some() {
        return Look::Read("zip".into());
    }
    let mut input = Input::glance(RawFile::new(file, Some(size), &progress, &shutdown));
    match sniff(&mut input) {
        Format::Plain => Look::Read("text".into()),
        Format::Utf16 { .. } => Look::Read("UTF-16 text".into()),
        Format::Foreign(reason) => Look::PassedOver(reason.into_owned()),
        format => Look::Read(format!("{format:?}").to_lowercase()),
    }
}
