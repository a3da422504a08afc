//! Writes what each target starts from: `seeds DIR` makes `DIR/archive`, `DIR/wire`, `DIR/model`
//! and `DIR/text`.

#[path = "archives.rs"]
mod archives;

use std::path::Path;

use gristmill_common::chunk::{ChunkHead, Piece, Quarantined};
use gristmill_common::id::ChunkId;
use gristmill_common::outcome::{OutcomeHead, SourceCount};
use gristmill_common::progress::{Counts, Role};
use gristmill_common::seal::{Seal, SplitEnd};
use gristmill_common::shards::TableBody;
use gristmill_common::wire::{self, BodyForm};
use gristmill_jobs::file::{self, FileMessage, PartHead};
use gristmill_jobs::registry::{self, Event, LogHead};
use gristmill_jobs::report::{self, Facts, Rate, Report};
use gristmill_tagger::conllu;
use gristmill_tagger::train::{Inputs, Options, train};

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
        quarantined: vec![fault],
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
        registry::encode_log_part(&head, event)
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
        trouble: None,
        job: head.job,
        run: 1,
        worker: 2,
        role: Role::Map,
        counts: Counts::default(),
        rate: Rate::default(),
        left_alone: false,
        facts: Facts::default(),
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
