//! Writes what each target starts from: `seeds DIR` makes `DIR/archive`, `DIR/wire`, `DIR/model`,
//! `DIR/text` and `DIR/records`.

#[path = "archives.rs"]
mod archives;

use std::path::Path;

use gristmill_common::chunk::{ChunkHead, Piece, Quarantined};
use gristmill_common::id::ChunkId;
use gristmill_common::outcome::{OutcomeHead, SourceCount};
use gristmill_common::progress::{Counts, Role};
use gristmill_common::extent::Extent;
use gristmill_common::seal::{Seal, SplitEnd};
use gristmill_common::shards::TableBody;
use gristmill_common::split_task::{
    FileVersion, SourceRef, SourceState, SplitAccount, SplitTask,
};
use gristmill_common::wire::{self, BodyForm};
use gristmill_jobs::file::{self, FileMessage, PartHead};
use gristmill_jobs::registry::{self, Event, LogHead};
use gristmill_jobs::report::{self, Facts, Rate, Report, Work};
use gristmill_tagger::conllu;
use gristmill_tagger::train::{Inputs, Options, train};

/// Records, each after the number of its format in `records.rs`.
const RECORDS: [(u8, &str); 13] = [
    (
        1,
        "{\"a\":{\"b\":[1,\"\\u00e9\",null]},\"c\":-1.5e3}\n{\"a\":\"x\\n\"}\n",
    ),
    (
        2,
        "ts=2025-03-03T10:00:01Z level=info msg=\"a \\\"b\\\" \\u003c\" debug took=0.25\n",
    ),
    (
        3,
        "day,\"na\"\"me\",amount\n2025-03-03,\"Doe,\nAnn\",19.90\n2025-03-04,Bob,\n",
    ),
    (4, "a\tb\n1\t\"x\ty\"\n"),
    (
        5,
        "#Fields: date time cs-uri-stem\r\n2025-03-03 10:00:01 /a\r\n#Fields: a\r\nx\r\n",
    ),
    (
        7,
        "192.0.2.1 - - [17/May/2015:10:05:03 +0000] \"GET /a?b=c HTTP/1.1\" 404 - \"-\" \"x\"\n",
    ),
    (
        10,
        "https 2018-07-02T22:23:00.1Z app/lb/5 192.0.2.1:2817 10.0.0.1:80 0.1 0.0 0.0 200 201 0 57 \"GET https://e:443/a b HTTP/1.1\" \"curl\" E T arn \"R\" \"d\" \"c\" 1 2018-07-02T22:22:48Z \"f\" \"-\" \"-\" \"10.0.0.1:80\" \"200\" \"-\" \"-\"\n",
    ),
    (
        12,
        "7 b [06/Feb/2019:00:00:38 +0000] 192.0.2.3 7 3E5 REST.GET - \"GET /a HTTP/1.1\" 200 - 113 - 7 - \"-\" \"S3\" -\n",
    ),
    (
        13,
        "Feb  6 12:14:14 h haproxy[1]: 10.0.1.2:33317 [06/Feb/2009:12:14:14.655] in static/s1 10/0/30/69/109 200 2750 - - ---- 1/1/1/1/0 0/0 {e} {} \"GET / HTTP/1.1\"\n",
    ),
    (
        14,
        "1066037222.011   126389 10.0.0.5 TCP_MISS/404 1200 GET http://a.example/ - DIRECT/192.0.2.1 text/html\n",
    ),
    (
        16,
        "<165>1 2003-10-11T22:14:15.003Z host app - ID47 [a@1 x=\"]y\"] hello\nOct 11 22:14:15 h su[12]: x\n",
    ),
    (17, "{\"log\":\"{\\\"a\\\":1}\\n\",\"stream\":\"stdout\"}\n"),
    (18, "{\"MESSAGE\":[97,61,49]}\n{\"MESSAGE\":\"b=2\"}\n"),
];

fn main() {
    let dir = std::env::args().nth(1).expect("the folder to write to");
    let dir = Path::new(&dir);
    let mut written = 0;
    let mut write = |target: &str, bytes: &[u8]| {
        let folder = dir.join(target);
        std::fs::create_dir_all(&folder).expect("a folder");
        written += 1;
        std::fs::write(folder.join(format!("seed-{written}")), bytes).expect("a file");
    };
    for archive in archives::all() {
        write("archive", &archive);
    }
    for message in messages() {
        write("wire", &message);
    }
    write("model", &model());
    for text in [
        "Don't panic: it's 3.5 % of http://example.org/a?b, she said (twice).\n\nDr. Who's 1,000-2,000 :-)",
        "\u{feff}“Quoted” — naïve…\r\n\tU.S.A. e-mail: a.b@c.de 12:30 p.m. 'tis gonna cannot",
    ] {
        write("text", text.as_bytes());
    }
    for (way, text) in RECORDS {
        write("records", &[&[way], text.as_bytes()].concat());
        // The same, to be told by the text.
        write("records", &[&[0], text.as_bytes()].concat());
    }
}

fn messages() -> Vec<Vec<u8>> {
    let id = ChunkId { split: 1, index: 2 };
    let fault = Quarantined {
        source: 1,
        document: b"a.log".to_vec(),
        offset: 9,
        reason: "torn".into(),
        sample: vec![0xFF],
        stretch: None,
        stderr: Vec::new(),
    };
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
        id,
        pieces: vec![piece],
        faults: vec![fault.clone()],
    };
    let mut messages: Vec<Vec<u8>> = [BodyForm::Raw, BodyForm::RawUnhashed, BodyForm::Packed]
        .into_iter()
        .map(|form| {
            wire::encode_chunk(&head, body.clone(), form)
                .expect("small")
                .0
        })
        .collect();
    let mut rows = TableBody::default();
    rows.push_row(b"key", &[3, 1 << 40]);
    rows.push_member(b"key\x00member");
    let rows = rows.take_bytes(0);
    let counts = SourceCount {
        source: 0,
        records: 41,
        mapped: 40,
        quarantined: 1,
    };
    let outcome = OutcomeHead {
        id,
        hash: 5,
        partition: 1,
        attempt: 1,
        whole: 3,
        part: 0,
        parts: 2,
        counts: vec![counts],
        quarantined: [&fault].into_iter().collect(),
        counters: vec![],
        skipped: Some(1),
    };
    messages.push(wire::encode_outcome(&outcome, rows).expect("small").into());
    let seal = Seal {
        chunks: vec![1, 2],
        records: vec![3, 4],
        passed_over: 5,
    };
    messages.push(wire::encode_seal(&seal).expect("small").into());
    let end = SplitEnd {
        split: 1,
        chunks: 2,
        passed_over: 0,
    };
    messages.push(wire::encode_split_end(&end).expect("small").into());
    let task = SplitTask {
        split: 1,
        chunk_size: 1 << 20,
        folder: b"/data".to_vec().into(),
        first_source: 0,
        sources: vec![SourceRef {
            name: b"a.log".to_vec().into(),
            chosen: false,
            state: SourceState::File(FileVersion {
                size: 7,
                seconds: 8,
                nanos: 9,
            }),
        }],
        extent: Extent::Members(3..u64::MAX),
    };
    messages.push(wire::encode_split_task(&task).expect("small").into());
    let account = SplitAccount {
        split: 1,
        chunks: 2,
        records: vec![(0, 3)],
        passed_over: 4,
    };
    let account = wire::encode_split_account(&account).expect("small");
    messages.push(account.into());
    let job = "a-job".parse().expect("a name");
    let head = LogHead {
        job,
        run: 1,
        at: 2,
        entry: 3,
        part: 0,
        parts: 1,
    };
    let stalled = Event::Stalled {
        missing: vec![id],
        count: 1,
    };
    let event = registry::encode_event(&stalled).expect("small");
    messages.push(event.clone());
    messages.push(
        registry::encode_log_part(&head, event, BodyForm::Raw)
            .expect("small")
            .into(),
    );
    let part = FileMessage::Part(PartHead {
        hash: 1,
        size: 4,
        part: 0,
        attempt: 1,
    });
    messages.push(
        file::encode_file(&part, b"file".to_vec())
            .expect("small")
            .into(),
    );
    let report = Report {
        worker: 2,
        role: Role::Map,
        facts: Facts::default(),
        work: Some(Work {
            job: head.job,
            run: 1,
            counts: Counts::default(),
            rate: Rate::default(),
            trouble: None,
            left_alone: false,
            reasons: Vec::new(),
        }),
    };
    messages.push(report::encode_report(&report).expect("small").into());
    messages
}

/// A model of two sentences.
fn model() -> Vec<u8> {
    let line = |number: usize, word: &str, upos: &str, xpos: &str| {
        format!("{number}\t{word}\t{word}\t{upos}\t{xpos}\t_\t0\t_\t_\t_\n")
    };
    let sentence = [
        line(1, "dogs", "NOUN", "NNS"),
        line(2, "run", "VERB", "VBP"),
        line(3, ".", "PUNCT", "."),
        "\n".to_owned(),
    ];
    let gold = conllu::parse(sentence.concat().repeat(8).as_bytes()).expect("well-formed");
    let options = Options {
        epochs: 2,
        folds: 2,
        min_all: 2,
        ..Options::default()
    };
    let inputs = Inputs {
        gold: &gold,
        clusters: "dogs\t12\nrun\t7\n",
        ..Inputs::default()
    };
    train(&options, &inputs, &mut |_| {}).expect("trains")
}
