//! Archives and compressed streams, nested in each other: none may end the program, and what is
//! read of one must not depend on the size of chunks.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

use gristmill_common::chunk::{ChunkHead, Quarantined};
use gristmill_common::id::content_hash;
use gristmill_common::progress::Progress;
use gristmill_common::shutdown::Shutdown;
use gristmill_common::spec::{
    EncodingErrors, Format, JobSpec, Kind, Limits, OnCorrupt, Records, SPEC_VERSION, Wc,
};
use gristmill_input::{ChunkSink, Halt, Plan, Reading, read_split};

/// The most text that an input may unfold to here: the fuzzer likes bombs.
const MOST: u64 = 8 << 20;
const BLOCK: usize = 512;

/// What was read: a document's bytes by its number and name, faults, records by source.
#[derive(Debug, Default, PartialEq)]
struct Outcome {
    documents: BTreeMap<(u32, Vec<u8>), Vec<u8>>,
    faults: Vec<Quarantined>,
    records: BTreeMap<u32, u64>,
}

impl ChunkSink for Outcome {
    fn take(&mut self, head: ChunkHead, body: Vec<u8>) -> Result<(), Halt> {
        for (piece, bytes) in head.with_bytes(&body) {
            let key = (piece.ordinal, piece.document.clone());
            let document = self.documents.entry(key).or_default();
            // What goes on inside a record that is too long counts none.
            let counts = piece.records > 0;
            let right = counts != bytes.is_empty() || (!counts && piece.inside.is_some());
            assert!(right, "{piece:?}");
            document.extend_from_slice(bytes);
        }
        self.faults.extend(head.faults);
        Ok(())
    }
}

fn spec() -> JobSpec {
    JobSpec {
        version: SPEC_VERSION,
        kind: Kind::Wc(Wc {}),
        records: Records::Lines,
        encoding_errors: EncodingErrors::Keep,
        max_record: 8 << 10,
        on_corrupt: OnCorrupt::Salvage,
        limits: Limits {
            depth: 4,
            entries: 500,
            spool: 1 << 20,
        },
        include: vec![],
        exclude: vec![],
        hidden: false,
        follow: false,
        partitions: 1,
        format: Format::Jsonl,
        compress: None,
        max_quarantine: 1 << 20,
    }
}

fn folder() -> &'static PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let memory = PathBuf::from("/dev/shm");
        let parent = if memory.is_dir() {
            memory
        } else {
            std::env::temp_dir()
        };
        let folder = parent.join(format!("gristmill-fuzz-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        folder
    })
}

fn read(bytes: &[u8], chunk_size: usize) -> Option<Outcome> {
    let path = folder().join("input");
    fs::write(&path, bytes).expect("a file");
    let spec = spec();
    let plan = Plan::new(&[path.into()], &spec, chunk_size).expect("a plan");
    let (progress, shutdown) = (Progress::default(), Shutdown::new());
    let reading = Reading::new(&plan, &spec, folder().clone(), &progress, &shutdown)
        .expect("patterns")
        .bounded(Some(MOST));
    let mut outcome = Outcome::default();
    for split in 0..plan.splits().len() as u32 {
        match read_split(&reading, split, &mut outcome) {
            Ok(account) => {
                for (source, records) in account.records {
                    *outcome.records.entry(source).or_default() += records;
                }
            }
            Err(Halt::TooMuch(_)) => return None,
            Err(halt) => panic!("{halt}"),
        }
    }
    outcome.faults.sort();
    Some(outcome)
}

/// Corrects the checksums of tar headers, behind which the reader would see nothing.
fn mend(bytes: &[u8]) -> Vec<u8> {
    let mut mended = bytes.to_vec();
    for block in mended.chunks_exact_mut(BLOCK) {
        if block[257..262] == *b"ustar" {
            block[148..156].fill(b' ');
            let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
            block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        }
    }
    mended
}

fn check_as_it_is(bytes: &[u8]) {
    let whole = read(bytes, 1 << 20);
    let pieces = read(bytes, 64);
    if let (Some(whole), Some(pieces)) = (whole, pieces)
        && whole != pieces
    {
        let (one, two) = (hashes(&whole), hashes(&pieces));
        panic!("{one:?} {two:?}\n{:?}\n{:?}", whole.faults, pieces.faults);
    }
}

fn hashes(outcome: &Outcome) -> Vec<(u32, usize, u64)> {
    (outcome.documents.iter())
        .map(|((number, _), bytes)| (*number, bytes.len(), content_hash(bytes)))
        .collect()
}

/// Reads them as they are, and with the checksums of tar headers put right.
pub fn check(bytes: &[u8]) {
    check_as_it_is(bytes);
    let mended = mend(bytes);
    if mended != bytes {
        check_as_it_is(&mended);
    }
}
