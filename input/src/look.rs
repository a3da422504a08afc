//! What a source is, told by its first bytes without reading on.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use gristmill_common::shutdown::Shutdown;
use gristmill_common::spec::JobSpec;

use crate::plan::{Source, SourceKind};
use crate::read::{ByEnd, MAX_DEPTH, by_end};
use crate::sniff::{Format, sniff, sniff_named};
use crate::stream::{Input, Origin, Random, Section, open_at_once};
use crate::unpack::unpacked;
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
    let end = by_end(&source.name, &file, &whole);
    if let Some(damage) = file.trouble() {
        return Look::PassedOver(damage.reason);
    }
    match end {
        ByEnd::Zip => return Look::Read("zip".into()),
        ByEnd::Not(reason) => return Look::PassedOver(reason.into()),
        ByEnd::Nothing => {}
    }
    let mut input = Input::glance(Section::new(&file, 0, size));
    if whole.is(&source.name, input.peek(whole::ENOUGH)) {
        return Look::Read("document".into());
    }
    match sniff_named(&source.name, &mut input) {
        Format::Foreign(_) | Format::Utf16 { .. } if whole.as_stored() => {
            Look::Read("document".into())
        }
        Format::Plain => Look::Read("text".into()),
        Format::Utf16 { .. } => Look::Read("UTF-16 text".into()),
        Format::Foreign(reason) => Look::PassedOver(reason.into_owned()),
        format => Look::Read(format!("{format:?}").to_lowercase()),
    }
}

/// Whether a file in a folder is an archive, as it is or compressed: told by its bytes. One that
/// cannot be read is none.
pub(crate) fn is_archive(path: &Path, whole: &Whole) -> bool {
    let opened = open_at_once(path).and_then(|file| Ok((file.metadata()?.len(), file)));
    let Ok((size, file)) = opened else {
        return false;
    };
    let (name, shutdown) = (path.as_os_str().as_bytes(), Shutdown::new());
    let file = Random::new(Origin::File(file), size, &shutdown, None);
    match by_end(name, &file, whole) {
        ByEnd::Zip => return true,
        ByEnd::Not(_) => return false,
        ByEnd::Nothing => {}
    }
    let mut input = Input::glance(Section::unseen(&file, 0, size));
    if whole.is(name, input.peek(whole::ENOUGH)) {
        return false;
    }
    for _ in 0..MAX_DEPTH {
        let format = sniff(&mut input);
        if matches!(format, Format::Archive(_)) {
            return true;
        }
        input = match unpacked(&format, input) {
            Some(Ok(input)) => input,
            Some(Err(_)) | None => return false,
        };
    }
    false
}
