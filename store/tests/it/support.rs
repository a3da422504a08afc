//! Reading plans over stores and files, and content to read.

use std::ffi::OsString;
use std::io::Write;
use std::time::Duration;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder};
use gristmill_common::chunk::ChunkHead;
use gristmill_common::name::shown;
use gristmill_common::progress::Progress;
use gristmill_common::shutdown::Shutdown;
use gristmill_common::spec::{Grep, JobSpec, Kind};
use gristmill_input::{ChunkSink, Halt, Plan, PlanError, Reading, read_split};
use gristmill_store::Stores;
use gristmill_teststore::{KEY, SECRET};

/// What a plan gave.
#[derive(Debug, Default)]
pub(crate) struct Read {
    /// Documents in order: name and text.
    pub(crate) texts: Vec<(String, String)>,
    /// What was set aside, in words.
    pub(crate) faults: Vec<String>,
    pub(crate) splits: usize,
}

/// The stores of a user of this server.
pub(crate) fn stores(endpoint: &str) -> Stores {
    stores_with(endpoint, &[])
}

/// The same, with other variables.
pub(crate) fn stores_with(endpoint: &str, others: &[(&str, &str)]) -> Stores {
    let all = [
        ("AWS_ACCESS_KEY_ID", KEY),
        ("AWS_SECRET_ACCESS_KEY", SECRET),
        ("AWS_ENDPOINT_URL", endpoint),
    ];
    let all = all.iter().chain(others);
    Stores::with(all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}

pub(crate) fn spec() -> JobSpec {
    JobSpec::of(Kind::Grep(Grep::of("")))
}

pub(crate) fn plan(stores: &Stores, inputs: &[&str]) -> Result<Plan, PlanError> {
    let inputs: Vec<OsString> = inputs.iter().map(OsString::from).collect();
    Plan::with_objects(&inputs, &spec(), 1 << 20, b'\n', stores, None)
}

/// Reads all that inputs name.
pub(crate) fn read(stores: &Stores, inputs: &[&str]) -> Result<Read, String> {
    let plan = plan(stores, inputs).map_err(|error| error.to_string())?;
    reader(&plan).map_err(|halt| halt.to_string())
}

/// Reads a plan.
pub(crate) fn reader(plan: &Plan) -> Result<Read, Halt> {
    let (progress, shutdown, spec) = (Progress::default(), Shutdown::new(), spec());
    let reading = Reading::new(plan, &spec, std::env::temp_dir(), &progress, &shutdown)?;
    let mut read = Read {
        splits: plan.splits().len(),
        ..Read::default()
    };
    for split in 0..plan.splits().len() as u32 {
        let mut sink = Sink {
            read: &mut read,
            ordinal: None,
        };
        read_split(&reading, split, &mut sink)?;
    }
    assert_eq!(
        Progress::get(&progress.sources_done),
        plan.sources().len() as u64
    );
    Ok(read)
}

/// Takes chunks and keeps nothing.
pub(crate) struct Nowhere;

impl ChunkSink for Nowhere {
    fn take(&mut self, _: ChunkHead, _: Vec<u8>) -> Result<(), Halt> {
        Ok(())
    }
}

struct Sink<'a> {
    read: &'a mut Read,
    ordinal: Option<u32>,
}

impl ChunkSink for Sink<'_> {
    fn take(&mut self, head: ChunkHead, body: Vec<u8>) -> Result<(), Halt> {
        for (piece, bytes) in head.with_bytes(&body) {
            if self.ordinal.replace(piece.ordinal) != Some(piece.ordinal) {
                let name = String::from_utf8_lossy(&piece.document).into_owned();
                self.read.texts.push((name, String::new()));
            }
            let text = String::from_utf8_lossy(bytes);
            self.read.texts.last_mut().expect("one").1.push_str(&text);
        }
        for fault in head.faults {
            let fault = format!(
                "{} at {}: {}",
                shown(&fault.document),
                fault.offset,
                fault.reason
            );
            self.read.faults.push(fault);
        }
        Ok(())
    }
}

/// A GET URL of an object that is signed for a minute.
pub(crate) fn signed(endpoint: &str, bucket: &str, key: &str) -> String {
    use object_store::aws::AmazonS3Builder;
    use object_store::signer::Signer;

    let store = AmazonS3Builder::new()
        .with_endpoint(endpoint)
        .with_allow_http(true)
        .with_bucket_name(bucket)
        .with_region("us-east-1")
        .with_access_key_id(KEY)
        .with_secret_access_key(SECRET)
        .build()
        .unwrap();
    let key = key.into();
    let signing = store.signed_url(http::Method::GET, &key, Duration::from_secs(60));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(signing).unwrap().into()
}

pub(crate) fn gz(content: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(content).unwrap();
    gzip.finish().unwrap()
}

/// Text that does not compress well.
pub(crate) fn noise(seed: usize, len: usize) -> Vec<u8> {
    let mut state = seed as u64 * 2 + 1;
    let mut text = Vec::with_capacity(len);
    while text.len() < len {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        text.extend_from_slice(format!("{:016x}\n", state ^ state >> 29).as_bytes());
    }
    text.truncate(len);
    text
}

/// A zip of deflated members.
pub(crate) fn zip_of(members: &[(String, Vec<u8>)]) -> Vec<u8> {
    let (mut zip, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in members {
        let mut packed = DeflateEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(content).unwrap();
        let packed = packed.finish().unwrap();
        let mut crc = flate2::Crc::new();
        crc.update(content);
        let mut common = Vec::new();
        for word in [20_u16, 0, 8, 0, 0] {
            common.extend_from_slice(&word.to_le_bytes());
        }
        for long in [crc.sum(), packed.len() as u32, content.len() as u32] {
            common.extend_from_slice(&long.to_le_bytes());
        }
        common.extend_from_slice(&(name.len() as u16).to_le_bytes());
        common.extend_from_slice(&0_u16.to_le_bytes());
        let offset = zip.len() as u32;
        zip.extend_from_slice(b"PK\x03\x04");
        zip.extend_from_slice(&common);
        zip.extend_from_slice(name.as_bytes());
        zip.extend_from_slice(&packed);
        directory.extend_from_slice(b"PK\x01\x02\x14\x00");
        directory.extend_from_slice(&common);
        directory.extend_from_slice(&[0; 10]);
        directory.extend_from_slice(&offset.to_le_bytes());
        directory.extend_from_slice(name.as_bytes());
    }
    let (at, count) = (zip.len() as u32, members.len() as u16);
    zip.extend_from_slice(&directory);
    zip.extend_from_slice(b"PK\x05\x06\0\0\0\0");
    zip.extend_from_slice(&count.to_le_bytes());
    zip.extend_from_slice(&count.to_le_bytes());
    zip.extend_from_slice(&(directory.len() as u32).to_le_bytes());
    zip.extend_from_slice(&at.to_le_bytes());
    zip.extend_from_slice(&[0, 0]);
    zip
}

/// A tar of members.
pub(crate) fn tar_of(members: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, content) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        tar.append_data(&mut header, name, &content[..]).unwrap();
    }
    tar.into_inner().unwrap()
}
