//! What a source is, told by its first bytes without reading on.

use gristmill_common::progress::Progress;
use gristmill_common::shutdown::Shutdown;
use gristmill_common::spec::JobSpec;

use crate::plan::{Source, SourceKind};
use crate::read::as_zip;
use crate::sniff::{Format, sniff};
use crate::stream::{Input, RawFile, open_at_once};
use crate::whole::{self, Whole};

/// What becomes of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Look {
    /// It is read, as what this says.
    Read(String),
    /// It is set aside whole, for this reason.
    PassedOver(String),
}

/// Looks at a source's first bytes, as a job with this spec reads them. Streams are not touched:
/// what is read of them is gone.
#[must_use]
pub fn look(source: &Source, spec: &JobSpec) -> Look {
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
    // A malformed glob was refused with the command line.
    let whole = Whole::new(spec).unwrap_or_default();
    if as_zip(&source.name, &file, size, &whole, &shutdown, None).is_some() {
        return Look::Read("zip".into());
    }
    let mut input = Input::glance(RawFile::new(file, Some(size), &progress, &shutdown));
    if whole.is(&source.name, input.peek(whole::ENOUGH)) {
        return Look::Read("document".into());
    }
    match sniff(&mut input) {
        Format::Foreign(_) | Format::Utf16 { .. } if whole.as_stored() => {
            Look::Read("document".into())
        }
        Format::Plain => Look::Read("text".into()),
        Format::Utf16 { .. } => Look::Read("UTF-16 text".into()),
        Format::Foreign(reason) => Look::PassedOver(reason.into_owned()),
        format => Look::Read(format!("{format:?}").to_lowercase()),
    }
}
