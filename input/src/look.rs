//! What a source is, told by its first bytes without reading on.

use gristmill_common::shutdown::Shutdown;
use gristmill_common::spec::JobSpec;

use crate::plan::{Source, SourceKind};
use crate::read::is_zip_file;
use crate::sniff::{Format, sniff};
use crate::stream::{Input, Origin, Random, Section, open_at_once};
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
        SourceKind::File(_) | SourceKind::Object(_) => {}
    }
    let shutdown = Shutdown::new();
    let origin = match &source.kind {
        SourceKind::Object(object) => Ok((object.0.size(), Origin::object(&object.0))),
        _ => open_at_once(&source.path)
            .and_then(|file| Ok((file.metadata()?.len(), Origin::File(file)))),
    };
    let (size, origin) = match origin {
        Ok(opened) => opened,
        Err(error) => return Look::PassedOver(error.to_string()),
    };
    // A malformed glob was refused with the command line.
    let whole = Whole::new(spec).unwrap_or_default();
    let file = Random::new(origin, size, &shutdown, None);
    let zip = is_zip_file(&source.name, &file, &whole);
    if let Some(damage) = file.trouble() {
        return Look::PassedOver(damage.reason);
    }
    if zip {
        return Look::Read("zip".into());
    }
    let mut input = Input::glance(Section::new(&file, 0, size));
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
