//! What a file is whose end can be seen: zips have their directory there.

use crate::directory::{is_last_part, is_there};
use crate::sniff::{ENOUGH_TEXT, PART, is_zip, may_hide_zip, named_as_part};
use crate::stream::Random;
use crate::whole::Whole;

/// What the end of a file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ByEnd {
    /// A zip to be opened: one that begins as zips do, or one with something in front.
    Zip,
    /// Not to be read: for this reason.
    Not(&'static str),
    /// Nothing: its beginning tells.
    Nothing,
}

/// What a file or object of this name is, by its end. A zip that is a document as a whole is not
/// opened.
pub(crate) fn by_end(name: &[u8], file: &Random<'_>, whole: &Whole) -> ByEnd {
    let mut head = [0; ENOUGH_TEXT];
    let want = file.size().min(ENOUGH_TEXT as u64) as usize;
    let head = match file.head(&mut head[..want]) {
        Ok(got) if got == want => &head[..want],
        _ => return ByEnd::Nothing,
    };
    if whole.is(name, head) {
        return ByEnd::Nothing;
    }
    if is_zip(head) {
        return ByEnd::Zip;
    }
    // Only a zip of stored text may end one that looks like text.
    if whole.as_stored() || !may_hide_zip(head) && !named_as_part(name) {
        return ByEnd::Nothing;
    }
    if is_there(file) {
        return ByEnd::Zip;
    }
    match is_last_part(file) {
        true => ByEnd::Not(PART),
        false => ByEnd::Nothing,
    }
}
