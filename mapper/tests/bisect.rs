//! A record that makes its processor fail costs that record, whatever is around it.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gristmill_common::chunk::{MAX_SAMPLE, Quarantined};
use gristmill_common::id::ChunkId;
use gristmill_common::spec::{
    EncodingErrors, Extract, Grep, JobSpec, Kind, Records, Shape, Wc, WordCount, Words,
};
use gristmill_mapper::{Batch, Output, Prepared, ProcessError, Processor};
use support::{Merged, chunk, cut, document, map, map_with, spec};

/// Copies records; fails on those that begin with `!`, panics on those that begin with `?`.
struct Touchy {
    poisoned: bool,
}

impl Processor for Touchy {
    fn process(&mut self, batch: &Batch<'_>, out: &mut Output) -> Result<(), ProcessError> {
        assert!(!self.poisoned, "used again after a panic");
        for part in batch.parts() {
            for record in batch.records(part) {
                out.bytes.extend_from_slice(record.bytes);
                match record.text().first() {
                    Some(b'!') => return Err(ProcessError("refused".into())),
                    Some(b'?') => {
                        self.poisoned = true;
                        panic!("record {}", record.number);
                    }
                    Some(b'#') => out.quarantine(part.piece, record.offset, "known", record.bytes),
                    _ => {}
                }
            }
        }
        Ok(())
    }
}

fn any() -> JobSpec {
    spec(Kind::Wc(Wc {}))
}

fn touchy(spec: &JobSpec, built: &Arc<AtomicUsize>) -> Arc<Prepared> {
    let built = Arc::clone(built);
    let prepared = Prepared::custom(spec, Shape::Ordered, move || {
        built.fetch_add(1, Ordering::Relaxed);
        Box::new(Touchy { poisoned: false })
    });
    Arc::new(prepared.unwrap())
}

fn run(texts: &[&str], size: usize) -> (Merged, usize) {
    let spec = any();
    let documents: Vec<_> = texts.iter().map(|text| document("d", text)).collect();
    let built = Arc::new(AtomicUsize::new(0));
    let chunks = cut(&documents, &spec.records, size);
    let merged = map_with(&spec, &touchy(&spec, &built), &chunks);
    (merged, built.load(Ordering::Relaxed))
}

#[test]
fn failing_records_are_found_and_the_rest_goes_through() {
    let lines: Vec<String> = (0..100)
        .map(|n| match n {
            17 | 99 => format!("!{n}\n"),
            0 | 40 | 41 => format!("?{n}\n"),
            50 => format!("#{n}\n"),
            _ => format!("{n}\n"),
        })
        .collect();
    let good: String = lines
        .iter()
        .filter(|line| !line.starts_with(['!', '?']))
        .cloned()
        .collect();
    for size in [1, 50, 1 << 20] {
        let (merged, built) = run(&[&lines.concat()], size);
        assert_eq!(merged.text(), good);
        assert_eq!(
            merged.reasons(),
            [
                "the processor panicked: record 0",
                "refused",
                "the processor panicked: record 40",
                "the processor panicked: record 41",
                "known",
                "refused"
            ]
        );
        let samples: Vec<&[u8]> = merged.quarantined.iter().map(|q| &q.sample[..]).collect();
        assert_eq!(
            samples,
            [&b"?0"[..], b"!17", b"?40", b"?41", b"#50", b"!99"]
        );
        let offset = lines[..40].concat().len() as u64;
        assert_eq!(merged.quarantined[2].offset, offset);
        assert_eq!(merged.counts[&0], [100, 94, 6]);
        assert!(built > 3, "a processor that panicked is replaced");
    }
}

#[test]
fn nothing_but_failures_still_adds_up() {
    let (merged, _) = run(&["!\n".repeat(3000).as_str(), "", "!"], 1 << 20);
    assert_eq!(merged.text(), "");
    assert_eq!(merged.counts[&0], [3001, 0, 3001]);
}

#[test]
fn quarantine_that_does_not_fit_one_message_is_spread() {
    let line = format!("!{}\n", "x".repeat(2 * MAX_SAMPLE));
    let (merged, _) = run(&[&line.repeat(25)], 4 << 20);
    assert_eq!(merged.counts[&0], [25, 0, 25]);
    assert!(
        merged
            .quarantined
            .iter()
            .all(|q| q.sample.len() == MAX_SAMPLE)
    );
}

#[test]
fn the_producers_faults_are_part_of_the_account() {
    let spec = any();
    let fault = |source, offset| Quarantined {
        source,
        document: b"d".to_vec(),
        offset,
        reason: "corrupt".into(),
        sample: vec![],
        stretch: None,
        stderr: Vec::new(),
    };
    let mut chunks = cut(&[document("d", "a\n!b\n")], &spec.records, 100);
    let faults = vec![fault(0, 9), fault(3, 0)];
    chunks[0] = chunk(
        ChunkId { split: 0, index: 0 },
        chunks[0].head.pieces.clone(),
        faults,
        chunks[0].body.to_vec(),
    );
    chunks.push(chunk(
        ChunkId { split: 0, index: 1 },
        vec![],
        vec![fault(3, 1)],
        vec![],
    ));
    let merged = map_with(&spec, &touchy(&spec, &Arc::default()), &chunks);
    assert_eq!(merged.text(), "a\n");
    assert_eq!(merged.counts[&0], [3, 1, 2]);
    assert_eq!(merged.counts[&3], [2, 0, 2]);
    assert_eq!(merged.quarantined.len(), 4);
}

#[test]
fn records_that_are_not_utf8_are_set_aside_on_demand() {
    let text = b"good\n\xFFbad\nalso good\nbad \xC3\n";
    let mut job = spec(Kind::WordCount(WordCount {
        words: Words::Ascii,
        top: None,
    }));
    let words = |job: &JobSpec| {
        let merged = map(job, &cut(&[document("d", text)], &job.records, 1 << 20));
        (merged.lines(), merged.counts[&0], merged.quarantined)
    };
    assert_eq!(words(&job).0, ["also 1", "bad 2", "good 2"]);
    job.encoding_errors = EncodingErrors::Quarantine;
    let (lines, counts, quarantined) = words(&job);
    assert_eq!(lines, ["also 1", "good 2"]);
    assert_eq!(counts, [4, 2, 2]);
    assert_eq!(quarantined[0].offset, 5);
    assert_eq!(quarantined[1].offset, 20);
    assert_eq!(quarantined[1].sample, b"bad \xC3");
    assert_eq!(quarantined[1].reason, "not UTF-8");
}

#[test]
fn a_document_whose_records_are_all_set_aside_keeps_its_row() {
    for kind in [Kind::Wc(Wc {}), Kind::Extract(Extract {})] {
        let mut job = spec(kind);
        job.encoding_errors = EncodingErrors::Quarantine;
        let documents = [document("bad", b"\xFF"), document("good", "x")];
        for size in [1, 100] {
            let merged = map(&job, &cut(&documents, &job.records, size));
            assert_eq!(merged.counts[&0], [2, 1, 1]);
            if job.records == Records::Lines {
                let rows: Vec<&Vec<u128>> = merged.table.values().collect();
                assert_eq!(rows, [&vec![0, 0, 0], &vec![0, 1, 1]]);
            } else {
                assert_eq!(merged.text(), "{\"name\":\"good\",\"text\":\"x\"}\n");
            }
        }
    }
}

#[test]
fn record_numbers_count_what_was_set_aside() {
    let mut job = spec(Kind::Grep(Grep {
        line_number: true,
        ..Grep::of("x")
    }));
    job.encoding_errors = EncodingErrors::Quarantine;
    let merged = map(
        &job,
        &cut(
            &[document("d", b"\xFF\nx\n\xFE\n\xFDx\nx")],
            &job.records,
            1 << 20,
        ),
    );
    assert_eq!(merged.text(), "2:x\n5:x\n");
}

#[test]
fn a_key_too_long_for_a_message_is_quarantined() {
    let job = spec(Kind::WordCount(WordCount {
        words: Words::Ascii,
        top: None,
    }));
    let text = format!("fine\n{}\nfine\n", "y".repeat((1 << 20) + 1));
    let merged = map(&job, &cut(&[document("d", text)], &job.records, 1 << 20));
    assert_eq!(merged.lines(), ["fine 2"]);
    assert_eq!(merged.counts[&0], [3, 2, 1]);
    assert!(merged.quarantined[0].reason.contains("a key of"));
}

#[test]
fn options_that_cannot_work_are_refused() {
    let refuse = |job: &JobSpec| Prepared::new(job).unwrap_err().to_string();
    let mut job = spec(Kind::Extract(Extract {}));
    job.records = Records::Lines;
    assert!(refuse(&job).contains("--records document"));
    let mut job = spec(Kind::Wc(Wc {}));
    job.records = Records::Start("(".into());
    assert!(refuse(&job).contains("--record-start"));
}
