//! What was set aside: sorted, bounded, and named when it is too much.

mod support;

use gristmill_common::chunk::Quarantined;
use gristmill_common::name::shown;
use gristmill_common::outcome::SourceCount;
use gristmill_reducer::*;
use support::*;

/// Chunks that each set one record aside: source, offset, reason, sample.
fn job(entries: &[(u32, u64, &str, &[u8])]) -> Job {
    let mut job = ordered_job(&[entries.len() as u32], 1, |_| vec![]);
    job.plan_summary = plan_summary(3, 1);
    job.seal.records = vec![0; 3];
    for ((head, _), (source, offset, reason, sample)) in job.outcomes.iter_mut().zip(entries) {
        head.counts = vec![SourceCount {
            source: *source,
            records: 1,
            mapped: 0,
            quarantined: 1,
        }];
        head.quarantined = [&quarantined(*source, *offset, reason, sample)]
            .into_iter()
            .collect();
        job.seal.records[*source as usize] += 1;
    }
    job
}

#[test]
fn entries_are_sorted_and_keep_their_bytes() {
    let job = job(&[
        (2, 5, "bad \"line\"", b"caf\xC3\xA9\n\x00"),
        (0, 300, "torn", b"b"),
        (0, 2, "torn", b"\xFF\xFE"),
        (0, 300, "odd", b"a"),
    ]);
    for memory in [1, 8 << 20] {
        let way = Way {
            memory,
            ..Way::default()
        };
        let (dir, report) = run_to_dir(&job, &way);
        let report = report.unwrap();
        assert_eq!(
            text_of(&dir, "quarantine.jsonl"),
            "{\"source\":\"in-0\",\"document\":\"in-0\",\"offset\":2,\"reason\":\"torn\",\"base64\":\"//4=\"}\n\
             {\"source\":\"in-0\",\"document\":\"in-0\",\"offset\":300,\"reason\":\"odd\",\"text\":\"a\"}\n\
             {\"source\":\"in-0\",\"document\":\"in-0\",\"offset\":300,\"reason\":\"torn\",\"text\":\"b\"}\n\
             {\"source\":\"in-2\",\"document\":\"in-2\",\"offset\":5,\"reason\":\"bad \\\"line\\\"\",\
             \"text\":\"caf\u{E9}\\n\\u0000\"}\n"
        );
        assert_eq!(report.reasons[0], ("torn".into(), 2));
        assert_eq!(report.totals.quarantined, 4);
        assert!(verify(&out_of(&dir)).unwrap().findings.is_empty());
    }
}

/// Names that begin alike, have zeros, or are no UTF-8; more reasons than lines keep at hand.
#[test]
fn lines_are_the_same_in_any_memory_and_order() {
    let documents: [&[u8]; 5] = [b"a", b"a\0", b"a\0\x01b", b"ab", b"caf\xE9"];
    let entry = |at: u64| Quarantined {
        document: documents[at as usize * 7 % 5].to_vec(),
        ..quarantined(
            at as u32 * 11 % 3,
            at * 1_000_003 % 97,
            &format!("reason\0 {}", at * 13 % 41),
            format!("line \"{at}\"\t").as_bytes(),
        )
    };
    let entries: Vec<_> = (0..600).map(entry).collect();
    let mut sorted = entries.clone();
    sorted.sort_by(|a, b| {
        let place = |entry: &Quarantined| (entry.source, entry.document.clone(), entry.offset);
        let said = |entry: &Quarantined| (entry.reason.clone(), entry.sample.clone());
        (place(a), said(a)).cmp(&(place(b), said(b)))
    });
    let text = |text: &[u8]| serde_json::to_string(std::str::from_utf8(text).unwrap()).unwrap();
    let line = |entry: &Quarantined| {
        let document = serde_json::to_string(&shown(&entry.document)).unwrap();
        let (source, offset) = (entry.source, entry.offset);
        let (reason, sample) = (text(entry.reason.as_bytes()), text(&entry.sample));
        format!(
            "{{\"source\":\"in-{source}\",\"document\":{document},\"offset\":{offset},\
             \"reason\":{reason},\"text\":{sample}}}\n"
        )
    };
    let expected: String = sorted.iter().map(line).collect();
    for share in [1, 30, 600] {
        let mut job = ordered_job(&[600 / share as u32], 1, |_| vec![]);
        job.plan_summary = plan_summary(3, 1);
        job.seal.records = vec![200; 3];
        for ((head, _), own) in job.outcomes.iter_mut().zip(entries.chunks(share)) {
            head.quarantined = own.iter().collect();
            let count = |source| own.iter().filter(|entry| entry.source == source).count() as u64;
            let counts = (0..3).map(|source| SourceCount {
                source,
                records: count(source),
                mapped: 0,
                quarantined: count(source),
            });
            head.counts = counts.collect();
        }
        for memory in [1, 200_000, 8 << 20] {
            let way = Way {
                memory,
                ..Way::default()
            };
            let (dir, report) = run_to_dir(&job, &way);
            assert_eq!(report.unwrap().reasons.len(), 41);
            assert_eq!(
                text_of(&dir, "quarantine.jsonl"),
                expected,
                "{share} in {memory}"
            );
        }
    }
}

#[test]
fn too_much_fails_the_job_by_the_commonest_reason_and_the_way_out() {
    let mut entries: Vec<(u32, u64, &str, &[u8])> = vec![(0, 0, "rare", b"x")];
    entries.extend((0..99).map(|at| (1, at, "not a log line", &b"y"[..])));
    let mut job = job(&entries);
    job.spec.max_quarantine = 4000;
    let (dir, report) = run_to_dir(&job, &Way::default());
    let Err(Failed::Reduce(error @ ReduceError::Quarantine(_))) = report else {
        panic!("{report:?}");
    };
    let error = error.to_string();
    assert!(error.contains("not a log line"), "{error}");
    assert!(error.contains("--max-quarantine"), "{error}");
    assert!(files_of(&out_of(&dir)).is_empty());
}

#[test]
fn the_bound_is_over_all_partitions() {
    let entries: Vec<(u32, u64, &str, &[u8])> =
        (0..10).map(|at| (0, at, "torn", &b"z"[..])).collect();
    let one = job(&entries);
    let (dir, report) = run_to_dir(&one, &Way::default());
    report.unwrap();
    let size = text_of(&dir, "quarantine.jsonl").len() as u64;

    let mut two = one.clone();
    two.spec.partitions = 2;
    two.plan_summary.splits = 2;
    two.seal.chunks = vec![5, 5];
    for (at, (head, _)) in two.outcomes.iter_mut().enumerate() {
        head.id.split = at as u32 / 5;
        head.id.index = at as u32 % 5;
        head.partition = head.id.split;
    }
    two.spec.max_quarantine = size;
    let (_dir, report) = run_to_dir(&two, &Way::default());
    report.unwrap();
    two.spec.max_quarantine = size - 1;
    let (dir, report) = run_to_dir(&two, &Way::default());
    assert!(
        matches!(report, Err(Failed::Commit(CommitError::Quarantine(_)))),
        "{report:?}"
    );
    assert!(files_of(&out_of(&dir)).is_empty());
}
