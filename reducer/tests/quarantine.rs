//! What was set aside: sorted, bounded, and named when it is too much.

mod support;

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
        head.quarantined = vec![quarantined(*source, *offset, reason, sample)];
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
