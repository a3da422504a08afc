//! What the tests of this crate share: a spec, reading to a comparable result, writers of archives.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Write;
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gristmill_common::chunk::{ChunkHead, Quarantined};
use gristmill_common::extent::Extent;
use gristmill_common::progress::Progress;
use gristmill_common::shutdown::Shutdown;
use gristmill_common::spec::{Extract, JobSpec, Kind, Records};
use gristmill_common::split_task::{ObjectVersion, SourceRef, SourceState, SplitTask};
use gristmill_common::wire;
use serde_bytes::ByteBuf;

use crate::{
    ChunkSink, Halt, Located, Object, ObjectError, ObjectSource, ObjectStream, Plan, Reading,
    read_split, version_of,
};

/// A job with the defaults.
pub(crate) fn spec() -> JobSpec {
    JobSpec {
        records: Records::Lines,
        ..JobSpec::of(Kind::Extract(Extract {}))
    }
}

/// What a job's chunks say, free of where they were cut.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Outcome {
    /// Documents by name, in order of appearance: their bytes, and whether they began and ended.
    pub(crate) documents: Vec<(String, String, bool, bool)>,
    /// Document, offset and reason, in order.
    pub(crate) faults: Vec<(String, u64, String)>,
    pub(crate) samples: Vec<Vec<u8>>,
    /// Bytes that were passed over behind end marks.
    pub(crate) passed_over: u64,
    /// By source.
    pub(crate) records: BTreeMap<u32, u64>,
}

impl Outcome {
    /// A document's text.
    #[track_caller]
    pub(crate) fn text(&self, suffix: &str) -> &str {
        let found = self
            .documents
            .iter()
            .find(|document| document.0.ends_with(suffix));
        &found.unwrap_or_else(|| panic!("no {suffix} in {self:?}")).1
    }

    /// The one fault, as (document, offset, reason).
    #[track_caller]
    pub(crate) fn only_fault(&self) -> (&str, u64, &str) {
        assert_eq!(self.faults.len(), 1, "{self:?}");
        let (document, offset, reason) = &self.faults[0];
        (document, *offset, reason)
    }
}

struct Sink(Vec<(ChunkHead, Vec<u8>)>);

impl ChunkSink for Sink {
    fn take(&mut self, head: ChunkHead, body: Vec<u8>) -> Result<(), Halt> {
        wire::encode_chunk(&head, body.clone(), wire::BodyForm::Raw).expect("fits a message");
        self.0.push((head, body));
        Ok(())
    }
}

/// Reads the inputs in chunks of several sizes and checks that all say the same.
#[track_caller]
pub(crate) fn read(inputs: &[&Path], spec: &JobSpec) -> Outcome {
    let outcome = read_in(inputs, spec, 1 << 20).unwrap();
    for size in [64, 4 << 10] {
        let other = read_in(inputs, spec, size).unwrap();
        assert_eq!(other.faults, outcome.faults, "chunks of {size} bytes");
        assert_eq!(other.records, outcome.records, "chunks of {size} bytes");
        assert!(
            other.samples == outcome.samples,
            "chunks of {size} bytes: samples"
        );
        for (one, two) in other.documents.iter().zip(&outcome.documents) {
            assert_eq!((&one.0, one.2, one.3), (&two.0, two.2, two.3));
            assert!(
                one.1 == two.1,
                "{}: {} bytes, {}",
                one.0,
                one.1.len(),
                two.1.len()
            );
        }
        assert!(other == outcome, "chunks of {size} bytes: documents");
    }
    outcome
}

/// A file of these bytes, and its folder.
pub(crate) fn file(bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("input");
    std::fs::write(&path, bytes).unwrap();
    (dir, path)
}

/// Reads a file of these bytes as [`read`] does, with the defaults.
#[track_caller]
pub(crate) fn read_bytes(bytes: &[u8]) -> Outcome {
    read_with(bytes, &spec())
}

/// The same with other options.
#[track_caller]
pub(crate) fn read_with(bytes: &[u8], spec: &JobSpec) -> Outcome {
    let (_dir, path) = file(bytes);
    read(&[&path], spec)
}

/// Reads the inputs in chunks of one size.
pub(crate) fn read_in(inputs: &[&Path], spec: &JobSpec, size: usize) -> Result<Outcome, Halt> {
    let inputs: Vec<OsString> = inputs.iter().map(|path| path.as_os_str().into()).collect();
    read_plan(&Plan::new(&inputs, spec, size).unwrap(), spec)
}

/// Reads all splits of a plan.
pub(crate) fn read_plan(plan: &Plan, spec: &JobSpec) -> Result<Outcome, Halt> {
    let (progress, shutdown) = (Progress::default(), Shutdown::new());
    let tmp = std::env::temp_dir();
    let reading = Reading::new(plan, spec, tmp, &progress, &shutdown).unwrap();
    let mut outcome = Outcome::default();
    let mut faults: Vec<Quarantined> = Vec::new();
    for split in 0..plan.splits().len() as u32 {
        let mut sink = Sink(Vec::new());
        let account = read_split(&reading, split, &mut sink)?;
        assert_eq!(account.chunks as usize, sink.0.len());
        outcome.passed_over += account.passed_over;
        for (source, records) in account.records {
            *outcome.records.entry(source).or_default() += records;
        }
        let mut ordinal = None;
        for (number, (head, body)) in sink.0.iter().enumerate() {
            assert_eq!((head.id.split, head.id.index as usize), (split, number));
            for (piece, bytes) in head.with_bytes(body) {
                if ordinal.replace(piece.ordinal) != Some(piece.ordinal) {
                    let name = String::from_utf8_lossy(&piece.document).into_owned();
                    let document = (name, String::new(), piece.first, false);
                    outcome.documents.push(document);
                }
                let document = outcome.documents.last_mut().unwrap();
                document.1 += &String::from_utf8_lossy(bytes);
                document.3 |= piece.last;
            }
            faults.extend(head.faults.iter().cloned());
        }
    }
    faults.sort();
    for fault in faults {
        let document = String::from_utf8_lossy(&fault.document).into_owned();
        outcome.faults.push((document, fault.offset, fault.reason));
        outcome.samples.push(fault.sample);
    }
    Ok(outcome)
}

/// Reads a file, or an object with its bytes, in the parts that `extents` are, each as a mapper
/// reads the split that a message names.
pub(crate) fn read_parts(
    path: &Path,
    object: bool,
    extents: impl IntoIterator<Item = Extent>,
    chunk_size: u64,
    spec: &JobSpec,
) -> Outcome {
    let version = version_of(&std::fs::metadata(path).unwrap());
    let (state, located) = match object {
        false => (SourceState::File(version), Located::File(path.to_owned())),
        true => {
            let object = TestObject {
                content: std::fs::read(path).unwrap(),
                broken: None,
            };
            let version = ObjectVersion {
                size: version.size,
                version: object.version().to_owned(),
            };
            let located = Located::Object(ObjectSource(Arc::new(object)));
            (SourceState::Object(version), located)
        }
    };
    let mut all = Outcome::default();
    for extent in extents {
        let task = SplitTask {
            split: 0,
            chunk_size,
            folder: ByteBuf::new(),
            first_source: 0,
            sources: vec![SourceRef {
                name: ByteBuf::from(path.as_os_str().as_bytes()),
                chosen: false,
                state: state.clone(),
            }],
            extent,
        };
        let plan = Plan::of_task(&task, std::slice::from_ref(&located));
        let outcome = read_plan(&plan, spec).unwrap();
        all.documents.extend(outcome.documents);
        all.faults.extend(outcome.faults);
        all.samples.extend(outcome.samples);
        for (source, records) in outcome.records {
            *all.records.entry(source).or_default() += records;
        }
    }
    all
}

/// One gzip member.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A raw DEFLATE stream.
pub(crate) fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A tar of these members.
pub(crate) fn tar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, bytes) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, *bytes).unwrap();
    }
    builder.into_inner().unwrap()
}

/// A writer of zips that may lie.
#[derive(Default)]
pub(crate) struct Zip {
    bytes: Vec<u8>,
    directory: Vec<u8>,
    members: u64,
}

impl Zip {
    /// Adds a member as it is given: method, flags, stored bytes, stated CRC and size.
    pub(crate) fn raw(
        &mut self,
        name: &[u8],
        method: u16,
        flags: u16,
        data: &[u8],
        crc: u32,
        size: u32,
    ) -> &mut Self {
        let offset = self.bytes.len() as u32;
        let mut common = Vec::new();
        for word in [flags, method, 0, 0] {
            common.extend_from_slice(&word.to_le_bytes());
        }
        for word in [crc, data.len() as u32, size] {
            common.extend_from_slice(&word.to_le_bytes());
        }
        common.extend_from_slice(&(name.len() as u16).to_le_bytes());
        common.extend_from_slice(&0_u16.to_le_bytes());
        self.bytes.extend_from_slice(b"PK\x03\x04\x14\0");
        self.bytes.extend_from_slice(&common);
        self.bytes.extend_from_slice(name);
        self.bytes.extend_from_slice(data);
        self.directory.extend_from_slice(b"PK\x01\x02\x14\0\x14\0");
        self.directory.extend_from_slice(&common);
        self.directory.extend_from_slice(&[0; 10]);
        self.directory.extend_from_slice(&offset.to_le_bytes());
        self.directory.extend_from_slice(name);
        self.members += 1;
        self
    }

    /// Adds a member, deflated.
    pub(crate) fn add(&mut self, name: &str, bytes: &[u8]) -> &mut Self {
        let crc = crc32fast::hash(bytes);
        self.raw(
            name.as_bytes(),
            8,
            0,
            &deflate(bytes),
            crc,
            bytes.len() as u32,
        )
    }

    /// Adds a member, stored.
    pub(crate) fn store(&mut self, name: &str, bytes: &[u8]) -> &mut Self {
        let crc = crc32fast::hash(bytes);
        self.raw(name.as_bytes(), 0, 0, bytes, crc, bytes.len() as u32)
    }

    /// The whole archive; ZIP64 when it has too many members for a plain one.
    pub(crate) fn finish(&mut self) -> Vec<u8> {
        let mut zip = std::mem::take(&mut self.bytes);
        let (start, size) = (zip.len() as u64, self.directory.len() as u64);
        zip.append(&mut self.directory);
        if self.members >= 0xFFFF {
            let end = zip.len() as u64;
            zip.extend_from_slice(b"PK\x06\x06");
            zip.extend_from_slice(&44_u64.to_le_bytes());
            zip.extend_from_slice(&[45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
            for word in [self.members, self.members, size, start] {
                zip.extend_from_slice(&word.to_le_bytes());
            }
            zip.extend_from_slice(b"PK\x06\x07\0\0\0\0");
            zip.extend_from_slice(&end.to_le_bytes());
            zip.extend_from_slice(&1_u32.to_le_bytes());
        }
        let members = self.members.min(0xFFFF) as u16;
        zip.extend_from_slice(b"PK\x05\x06\0\0\0\0");
        zip.extend_from_slice(&members.to_le_bytes());
        zip.extend_from_slice(&members.to_le_bytes());
        zip.extend_from_slice(&(size as u32).to_le_bytes());
        zip.extend_from_slice(&(start as u32).to_le_bytes());
        zip.extend_from_slice(&[0, 0]);
        zip
    }
}

/// An object in memory.
#[derive(Debug)]
pub(crate) struct TestObject {
    pub(crate) content: Vec<u8>,
    /// Asking for this byte fails so.
    pub(crate) broken: Option<(u64, ObjectError)>,
}

impl Object for TestObject {
    fn size(&self) -> u64 {
        self.content.len() as u64
    }

    fn version(&self) -> &str {
        "\"1\""
    }

    fn open(&self, range: Range<u64>) -> Box<dyn ObjectStream> {
        let part = self.content[range.start as usize..range.end as usize].to_vec();
        let broken = self.broken.clone();
        let broken = broken.filter(|(at, _)| range.contains(at));
        Box::new(TestStream {
            part,
            given: 0,
            broken: broken.map(|(at, error)| ((at - range.start) as usize, error)),
        })
    }
}

struct TestStream {
    part: Vec<u8>,
    given: usize,
    broken: Option<(usize, ObjectError)>,
}

impl ObjectStream for TestStream {
    fn pull(&mut self, out: &mut Vec<u8>, max: usize, _: &Shutdown) -> Result<usize, ObjectError> {
        let end = match &self.broken {
            Some((at, error)) if *at == self.given => return Err(error.clone()),
            Some((at, _)) => *at,
            None => self.part.len(),
        };
        // As little at a time as a network may bring.
        let take = max.min(end - self.given).min(1000);
        out.extend_from_slice(&self.part[self.given..self.given + take]);
        self.given += take;
        Ok(take)
    }
}
