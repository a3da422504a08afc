//! One message of every kind that travels over the broker.

use gristmill_common::chunk::{ChunkHead, Piece, Quarantined};
use gristmill_common::extent::Extent;
use gristmill_common::id::ChunkId;
use gristmill_common::job::JobName;
use gristmill_common::outcome::{OutcomeHead, SourceCount};
use gristmill_common::progress::{Counts, Role};
use gristmill_common::seal::{Seal, SplitEnd};
use gristmill_common::shards::TableBody;
use gristmill_common::split_task::{FileVersion, SourceRef, SourceState, SplitAccount, SplitTask};
use gristmill_common::wire::{self, BodyForm};
use gristmill_jobs::file::{self, FileMessage, PartHead};
use gristmill_jobs::registry::{self, Event, LogHead};
use gristmill_jobs::report::{self, Facts, Rate, Report, Work};

const ID: ChunkId = ChunkId { split: 1, index: 2 };

/// The messages.
pub(super) fn all() -> Vec<Vec<u8>> {
    let forms = [BodyForm::Raw, BodyForm::RawUnhashed, BodyForm::Packed];
    let mut messages: Vec<Vec<u8>> = forms.map(chunk).into();
    messages.extend([
        outcome(),
        seal(),
        split_end(),
        attached_split(),
        split_task(Extent::Members(3..u64::MAX)),
        split_task(Extent::Packed {
            packed: 5..9,
            text: 70..100,
            size: 130,
        }),
        split_account(),
    ]);
    messages.extend(log());
    messages.extend([file_part(), report()]);
    messages
}

fn fault() -> Quarantined {
    Quarantined {
        source: 1,
        document: b"a.log".to_vec(),
        offset: 9,
        reason: "torn".into(),
        sample: vec![0xFF],
        stretch: None,
        stderr: Vec::new(),
    }
}

fn chunk(form: BodyForm) -> Vec<u8> {
    let body = b"a line\n".repeat(40);
    let piece = Piece {
        source: 0,
        document: b"a.log".to_vec(),
        ordinal: 0,
        offset: 7,
        record: 3,
        records: 40,
        first: true,
        last: false,
        len: body.len() as u32,
        inside: None,
        large: 0,
        header: None,
    };
    let head = ChunkHead {
        id: ID,
        pieces: vec![piece],
        faults: vec![fault()],
    };
    wire::encode_chunk(&head, body, form).expect("small").0
}

fn outcome() -> Vec<u8> {
    let mut rows = TableBody::default();
    rows.push_row(b"key", &[3, 1 << 40]);
    rows.push_member(b"key\x00member");
    let counts = SourceCount {
        source: 0,
        records: 41,
        mapped: 40,
        quarantined: 1,
    };
    let head = OutcomeHead {
        id: ID,
        hash: 5,
        partition: 1,
        attempt: 1,
        whole: 3,
        part: 0,
        parts: 2,
        counts: vec![counts],
        quarantined: [&fault()].into_iter().collect(),
        counters: vec![],
        skipped: Some(1),
    };
    (wire::encode_outcome(&head, rows.take_bytes(0)).expect("small")).into()
}

fn seal() -> Vec<u8> {
    let seal = Seal {
        chunks: vec![1, 2],
        records: vec![3, 4],
        passed_over: 5,
    };
    wire::encode_seal(&seal).expect("small").into()
}

fn split_end() -> Vec<u8> {
    let end = SplitEnd {
        split: 1,
        chunks: 2,
        passed_over: 0,
    };
    wire::encode_split_end(&end).expect("small").into()
}

fn split_task(extent: Extent) -> Vec<u8> {
    let version = FileVersion {
        size: 7,
        seconds: 8,
        nanos: 9,
    };
    let task = SplitTask {
        split: 1,
        chunk_size: 1 << 20,
        folder: b"/data".to_vec().into(),
        first_source: 0,
        sources: vec![SourceRef {
            name: b"a.log".to_vec().into(),
            chosen: false,
            state: SourceState::File(version),
        }],
        extent,
    };
    wire::encode_split_task(&task, Vec::new())
        .expect("small")
        .into()
}

fn attached_split() -> Vec<u8> {
    let source = |name: &[u8], size| SourceRef {
        name: name.to_vec().into(),
        chosen: true,
        state: SourceState::Attached(size),
    };
    let task = SplitTask {
        split: 1,
        chunk_size: 1 << 20,
        folder: b"".to_vec().into(),
        first_source: 3,
        sources: vec![source(b"a.gz", 3), source(b"b.gz", 4)],
        extent: Extent::Whole,
    };
    wire::encode_split_task(&task, b"zipzip!".to_vec())
        .expect("small")
        .into()
}

fn split_account() -> Vec<u8> {
    let account = SplitAccount {
        split: 1,
        chunks: 2,
        records: vec![(0, 3)],
        passed_over: 4,
    };
    wire::encode_split_account(&account).expect("small").into()
}

fn job() -> JobName {
    "a-job".parse().expect("a name")
}

/// An event of the log of jobs, and the message that it travels in.
fn log() -> [Vec<u8>; 2] {
    let head = LogHead {
        job: job(),
        run: 1,
        at: 2,
        entry: 3,
        part: 0,
        parts: 1,
    };
    let stalled = Event::Stalled {
        missing: vec![ID],
        count: 1,
    };
    let event = registry::encode_event(&stalled).expect("small");
    let part = registry::encode_log_part(&head, event.clone(), BodyForm::Raw).expect("small");
    [event, part.into()]
}

fn file_part() -> Vec<u8> {
    let part = FileMessage::Part(PartHead {
        hash: 1,
        size: 4,
        part: 0,
        attempt: 1,
    });
    (file::encode_file(&part, b"file".to_vec()).expect("small")).into()
}

fn report() -> Vec<u8> {
    let work = Work {
        job: job(),
        run: 1,
        counts: Counts::default(),
        rate: Rate::default(),
        trouble: None,
        left_alone: false,
        reasons: Vec::new(),
    };
    let report = Report {
        worker: 2,
        role: Role::Map,
        facts: Facts::default(),
        work: Some(work),
    };
    report::encode_report(&report).expect("small").into()
}
