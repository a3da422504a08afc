//! Archives that are documents themselves: for `exec`, a `.docx` is a document and not a folder.
//!
//! What it is, is told by the first member's name, as its format has it, never by its own.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use gristmill_common::spec::{JobSpec, Kind};

use crate::plan::Patterns;
use crate::sniff::is_zip;

/// How many bytes decide.
pub(crate) const ENOUGH: usize = 512;

/// First members that tell a document: of OpenDocument and EPUB; of Office Open XML, as various
/// programs write it; of Java and Android archives.
const EXACT: [&[u8]; 8] = [
    b"mimetype",
    b"[Content_Types].xml",
    b"_rels/.rels",
    b"docProps/app.xml",
    b"docProps/core.xml",
    b"META-INF/",
    b"META-INF/MANIFEST.MF",
    b"AndroidManifest.xml",
];

/// Folders of Office Open XML whose XML files come first at times.
const FOLDERS: [&[u8]; 3] = [b"word/", b"xl/", b"ppt/"];

/// Which archives are not opened.
#[derive(Clone, Debug, Default)]
pub(crate) struct Whole {
    /// None, unless the job runs the user's own program.
    patterns: Option<Patterns>,
}

impl Whole {
    /// Those of a job.
    ///
    /// # Errors
    /// When a glob of `--whole` is malformed.
    pub(crate) fn new(spec: &JobSpec) -> Result<Self, globset::Error> {
        let patterns = match &spec.kind {
            Kind::Exec(exec) => Some(Patterns::new(&exec.whole)?),
            _ => None,
        };
        Ok(Self { patterns })
    }

    /// Whether documents go on as they are stored: no test whether they are text, no decoding.
    pub(crate) fn as_stored(&self) -> bool {
        self.patterns.is_some()
    }

    /// Whether the stream of this name, which begins with `head`, is a document as it is.
    pub(crate) fn is(&self, name: &[u8], head: &[u8]) -> bool {
        let Some(patterns) = &self.patterns else {
            return false;
        };
        let member = memchr::memmem::rfind(name, b"!/").map_or(name, |at| &name[at + 2..]);
        patterns.matches(Path::new(OsStr::from_bytes(member))) || is_office(head)
    }
}

/// Whether a zip is a file of an office program, a book or a program.
fn is_office(head: &[u8]) -> bool {
    // APPNOTE 4.3.7: the length of the first member's name is at byte 26, the name at byte 30.
    let (true, Some(&[low, high])) = (is_zip(head), head.get(26..28)) else {
        return false;
    };
    let len = usize::from(u16::from_le_bytes([low, high]));
    let Some(first) = head.get(30..30 + len) else {
        return false;
    };
    let in_folder = |folder: &&[u8]| first.starts_with(folder) && first.ends_with(b".xml");
    EXACT.contains(&first) || FOLDERS.iter().any(in_folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zip(first: &str) -> Vec<u8> {
        let mut head = vec![0; 30];
        head[..4].copy_from_slice(b"PK\x03\x04");
        head[26] = first.len() as u8;
        head.extend_from_slice(first.as_bytes());
        head
    }

    #[test]
    fn office_files_are_told_by_their_first_member() {
        for first in [
            "mimetype",
            "[Content_Types].xml",
            "word/document.xml",
            "META-INF/",
        ] {
            assert!(is_office(&zip(first)), "{first}");
        }
        for first in ["page-1.png", "word/list.txt", "mimetype.txt", "words/a.xml"] {
            assert!(!is_office(&zip(first)), "{first}");
        }
        assert!(!is_office(b"PK\x03\x04"));
        assert!(!is_office(&zip("mimetype")[..33]));
    }
}
