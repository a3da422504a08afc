//! The first text of a job's inputs, for what must be decided before they are read.
//!
//! What is read of a stream is gone from it: it is kept with the source, for its reader.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use gristmill_common::chunk::ChunkHead;
use gristmill_common::extent::Extent;
use gristmill_common::progress::Progress;
use gristmill_common::shutdown::Shutdown;
use gristmill_common::spec::{GroupBy, JobSpec, Kind, OnCorrupt};

use crate::cut::ChunkSink;
use crate::error::Halt;
use crate::plan::{Plan, PlannedFile, Source, SourceKind, Split};
use crate::read::{Reading, read_split};
use crate::stream::{Pull, RawFile, open_at_once};

/// How much of a stream is read ahead, in bytes.
const AHEAD: usize = 64 << 10;
/// How many sources are looked into for one that has text.
const MOST: usize = 1000;

/// A stream that was read ahead: what was read of it, and the rest.
#[derive(Clone, Debug)]
pub struct Ahead(Arc<(Vec<u8>, File)>);

impl Ahead {
    /// Reads the beginning of a stream; what is wrong with it, its reader will find.
    fn read(source: &Source) -> io::Result<Self> {
        let file = match source.kind {
            SourceKind::Stdin => File::from(rustix::io::dup(io::stdin())?),
            _ => open_at_once(&source.path)?,
        };
        let (progress, shutdown) = (Progress::default(), Shutdown::new());
        let mut bytes = Vec::new();
        let _ = RawFile::new(file.try_clone()?, None, &progress, &shutdown).pull(&mut bytes, AHEAD);
        Ok(Self(Arc::new((bytes, file))))
    }

    /// What was read.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0.0
    }

    /// The rest.
    pub(crate) fn rest(&self) -> io::Result<File> {
        self.0.1.try_clone()
    }
}

impl PartialEq for Ahead {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Ahead {}

/// The beginning of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirstText {
    /// The document's name.
    pub document: Vec<u8>,
    /// Whole lines of it.
    pub text: Vec<u8>,
    /// Whether that is all of it.
    pub whole: bool,
}

impl Plan {
    /// At least the first `least` bytes of the first document that has any, or all of it. `None` if
    /// there is no text among the first sources.
    ///
    /// # Errors
    /// When a temporary file cannot be written.
    pub fn first_text(
        &mut self,
        spec: &JobSpec,
        least: usize,
        tmp: &Path,
    ) -> Result<Option<FirstText>, Halt> {
        // Lines, without a header.
        let kind = Kind::GroupBy(GroupBy::default());
        let spec = JobSpec {
            records: kind.default_records(),
            kind,
            on_corrupt: OnCorrupt::Salvage,
            ..spec.clone()
        };
        for source in self.sources_mut().iter_mut().take(MOST) {
            let failed = |error| Halt::Temporary {
                path: tmp.to_owned(),
                error,
            };
            let mut one = source.clone();
            let mut copy = None;
            match source.kind {
                SourceKind::Unreadable { .. } => continue,
                SourceKind::File(_) | SourceKind::Object(_) => {}
                SourceKind::Stream | SourceKind::Stdin => {
                    let Ok(ahead) = Ahead::read(source) else {
                        continue;
                    };
                    let mut file = tempfile::NamedTempFile::new_in(tmp).map_err(failed)?;
                    file.write_all(ahead.bytes()).map_err(failed)?;
                    one.path = file.path().to_owned();
                    let planned = file.as_file().metadata().map_err(failed)?;
                    one.kind = SourceKind::File(PlannedFile::of(&planned));
                    source.ahead = Some(ahead);
                    copy = Some(file);
                }
            }
            let found = text_of(one, &spec, least, tmp)?;
            drop(copy);
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }
}

/// The first text of one source.
fn text_of(
    source: Source,
    spec: &JobSpec,
    least: usize,
    tmp: &Path,
) -> Result<Option<FirstText>, Halt> {
    let split = Split {
        sources: 0..1,
        extent: Extent::Whole,
    };
    let plan = Plan::of(vec![source], vec![split], AHEAD);
    let (progress, shutdown) = (Progress::default(), Shutdown::new());
    let reading = Reading::new(&plan, spec, tmp.to_owned(), &progress, &shutdown)?;
    let mut first = First {
        least,
        found: None,
        ordinal: 0,
    };
    match read_split(&reading, 0, &mut first) {
        Ok(_) | Err(Halt::Stopped) => Ok(first.found),
        // It is for the reader to say so.
        Err(Halt::Corrupt(_) | Halt::TooMuch(_)) => Ok(first.found),
        Err(halt) => Err(halt),
    }
}

/// Keeps the beginning of the first document, and wants no more then.
struct First {
    least: usize,
    found: Option<FirstText>,
    ordinal: u32,
}

impl ChunkSink for First {
    fn take(&mut self, head: ChunkHead, body: Vec<u8>) -> Result<(), Halt> {
        for (piece, bytes) in head.with_bytes(&body) {
            if self.found.is_some() && piece.ordinal != self.ordinal {
                return Err(Halt::Stopped);
            }
            if bytes.is_empty() && self.found.is_none() {
                continue;
            }
            self.ordinal = piece.ordinal;
            let found = self.found.get_or_insert_with(|| FirstText {
                document: piece.document.clone(),
                text: Vec::new(),
                whole: false,
            });
            found.text.extend_from_slice(bytes);
            found.whole = piece.last;
            if found.whole || found.text.len() >= self.least {
                return Err(Halt::Stopped);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::process::{Command, Stdio};

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;
    use crate::testing::spec;

    #[test]
    fn the_first_document_with_text_is_the_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("a"), "").unwrap();
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all("line\n".repeat(50_000).as_bytes()).unwrap();
        std::fs::write(path("b"), gzip.finish().unwrap()).unwrap();
        std::fs::write(path("c"), "other").unwrap();
        let text = |names: &[&str], least: usize| {
            let inputs: Vec<OsString> = names.iter().map(|name| path(name).into()).collect();
            let mut plan = Plan::new(&inputs, &spec(), 1 << 20).unwrap();
            plan.first_text(&spec(), least, folder.path()).unwrap()
        };
        let found = text(&["a", "b", "c"], 64 << 10).unwrap();
        assert_eq!(
            found.document,
            path("b").into_os_string().into_encoded_bytes()
        );
        assert!(found.text.len() >= 64 << 10 && found.text.len() < 200_000 && !found.whole);
        assert!(found.text.ends_with(b"line\n"));
        let found = text(&["c"], 64 << 10).unwrap();
        assert_eq!((&found.text[..], found.whole), (&b"other"[..], true));
        assert_eq!(text(&["a"], 1), None);
    }

    #[test]
    fn a_stream_that_was_looked_into_is_read_whole() {
        let folder = tempfile::tempdir().unwrap();
        let fifo = folder.path().join("fifo");
        assert!(
            Command::new("mkfifo")
                .arg(&fifo)
                .status()
                .unwrap()
                .success()
        );
        let mut writer = Command::new("sh")
            .args(["-c", "seq 1 100000 > \"$1\"", "sh"])
            .arg(&fifo)
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let inputs = [fifo.into_os_string()];
        let spec = spec();
        let mut plan = Plan::new(&inputs, &spec, 1 << 20).unwrap();
        let found = plan
            .first_text(&spec, 4 << 10, folder.path())
            .unwrap()
            .unwrap();
        assert!(found.text.starts_with(b"1\n2\n") && found.text.len() >= 4 << 10);
        let (progress, shutdown) = (Progress::default(), Shutdown::new());
        let tmp = folder.path().to_owned();
        let reading = Reading::new(&plan, &spec, tmp, &progress, &shutdown).unwrap();
        let mut all = First {
            least: usize::MAX,
            found: None,
            ordinal: 0,
        };
        assert!(matches!(
            read_split(&reading, 0, &mut all),
            Err(Halt::Stopped)
        ));
        let expected: String = (1..=100_000).map(|number| format!("{number}\n")).collect();
        assert!(all.found.unwrap().text == expected.as_bytes());
        assert_eq!(Progress::get(&progress.bytes_read), expected.len() as u64);
        assert!(writer.wait().unwrap().success());
    }
}
