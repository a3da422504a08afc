//! Outcomes that come twice, out of order, in parts, too early or not at all (I4, I5, I6).

mod support;

use bytes::Bytes;
use gristmill_common::shards::{SHARDS, TableBody};
use gristmill_common::spec::*;
use gristmill_common::split_task::SplitAccount;
use gristmill_common::wire;
use gristmill_reducer::*;
use proptest::prelude::*;
use support::*;

/// A job of three splits whose outcomes are large next to the memory that tests give.
fn ordered(partitions: u32) -> Job {
    ordered_job(&[4, 1, 5, 0, 3], partitions, |id| {
        format!("{id} ").repeat(40 + id.index as usize).into_bytes()
    })
}

fn table(partitions: u32, top: Option<u64>) -> Job {
    let chunks: Vec<_> = (0..8u32)
        .map(|chunk| {
            (0..60u32)
                .map(|at| {
                    let word = at * (chunk % 3 + 1) % 90;
                    let count = if word == 7 {
                        u128::from(u64::MAX)
                    } else {
                        u128::from(chunk + 1)
                    };
                    (
                        format!("word-{word:04}-of-some-length").into_bytes(),
                        vec![count],
                    )
                })
                .collect()
        })
        .collect();
    table_job(word_count(top), partitions, &chunks)
}

fn output(job: &Job, way: &Way) -> std::collections::BTreeMap<String, Vec<u8>> {
    let (dir, report) = run_to_dir(job, way);
    report.unwrap();
    assert!(verify(&out_of(&dir)).unwrap().findings.is_empty());
    files_of(&out_of(&dir))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn i6_any_order_faults_and_budget_give_the_same_bytes(
        order in Just((0..30usize).collect::<Vec<_>>()).prop_shuffle(),
        seal_first in any::<bool>(),
        faults in prop::option::of(any::<u64>()),
        memory in prop_oneof![Just(1usize), Just(2000), Just(20_000), Just(1 << 20)],
        split_ends in any::<bool>(),
        partitions in 1u32..4,
        parts in 1u32..4,
        merge_threads in 1usize..=16,
    ) {
        let way = Way { order, seal_first, faults, memory, room: 4000, merge_threads };
        for whole in [ordered(partitions), table(partitions, None), table(partitions, Some(5))] {
            let expected = output(&whole, &Way::default());
            let mut job = whole.clone();
            // A table's parts are cut between rows.
            if job.spec.kind.shape() == Shape::Ordered {
                job.split_ends = split_ends;
                job.outcomes = whole.outcomes.iter().flat_map(|one| in_parts(one, parts)).collect();
            }
            prop_assert_eq!(&output(&job, &way), &expected);
            prop_assert_eq!(&output(&by_reference(&job), &way), &expected);
        }
    }
}

#[test]
fn i6_ordered_parts_concatenate_to_the_one_part_output() {
    let one = output(&ordered(1), &Way::default());
    let three = output(&ordered(3), &Way::default());
    let joined: Vec<u8> = (0..3)
        .flat_map(|part| three[&format!("part-{part:05}.txt")].clone())
        .collect();
    assert_eq!(joined, one["part-00000.txt"]);
}

#[test]
fn i4_duplicates_are_dropped_and_counted() {
    let mut job = ordered(1);
    let expected = output(&job, &Way::default());
    job.outcomes.extend(job.outcomes.clone());
    let (dir, report) = run_to_dir(&job, &Way::default());
    // The seal comes last, so every duplicate is met before.
    assert_eq!(report.unwrap().duplicates, 13);
    assert_eq!(files_of(&out_of(&dir)), expected);
}

#[test]
fn i4_attempts_are_never_mixed() {
    let mut job = ordered_job(&[1], 1, |_| b"abcdef".to_vec());
    let whole = job.outcomes.remove(0);
    let first = in_parts(&whole, 2);
    let mut second = in_parts(&whole, 3);
    second.iter_mut().for_each(|(head, _)| head.attempt = 2);
    // The first attempt loses a part; its other part must not fill a gap of the second.
    job.outcomes = vec![
        second[0].clone(),
        first[1].clone(),
        second[2].clone(),
        second[1].clone(),
    ];
    let (dir, report) = run_to_dir(&job, &Way::default());
    report.unwrap();
    assert_eq!(text_of(&dir, "part-00000.txt"), "abcdef");
}

#[test]
fn i1_the_same_id_with_another_hash_is_a_changed_input() {
    for in_two in [false, true] {
        let mut job = ordered_job(&[2], 1, |id| id.to_string().into_bytes());
        let mut changed = job.outcomes[0].clone();
        changed.0.hash ^= 1;
        if in_two {
            // Both are still incomplete.
            let first = in_parts(&job.outcomes[0], 2);
            job.outcomes = vec![first[0].clone(), in_parts(&changed, 2)[1].clone()];
        } else {
            job.outcomes.insert(1, changed);
        }
        let (dir, report) = run_to_dir(&job, &Way::default());
        let Err(Failed::Reduce(error @ ReduceError::InputChanged { .. })) = report else {
            panic!("{report:?}");
        };
        assert!(error.to_string().contains("0/0"), "{error}");
        assert!(files_of(&out_of(&dir)).is_empty());
    }
}

/// A partition's messages in order, and what became of the job.
fn reduced(job: &Job, messages: Vec<Bytes>) -> Result<Report, Failed> {
    let dir = tempfile::tempdir().unwrap();
    let out = OutputDir::open(&dir.path().join("out"), false).unwrap();
    let messages = messages.into_iter().map(|message| (0, message)).collect();
    run_messages(
        job,
        messages,
        &Way::default(),
        Destination::Dir(out),
        dir.path(),
    )
}

#[test]
fn i1_a_split_that_was_read_with_two_results_is_a_changed_input() {
    let job = by_reference(&ordered_job(&[2, 1], 1, |id| id.to_string().into_bytes()));
    let outcomes = || {
        job.outcomes
            .iter()
            .map(|(head, body)| wire::encode_outcome(head, body.clone()).unwrap())
    };
    let account = accounts(&job).remove(0);
    let more = SplitAccount {
        records: vec![(0, 9)],
        ..account.clone()
    };
    let fewer = SplitAccount {
        chunks: 1,
        ..account.clone()
    };
    let sent = |all: &[&SplitAccount]| -> Vec<Bytes> {
        all.iter()
            .map(|one| wire::encode_split_account(one).unwrap())
            .collect()
    };
    let Err(Failed::Reduce(error)) = reduced(&job, sent(&[&account, &more])) else {
        panic!("two accounts of a split");
    };
    assert!(
        matches!(error, ReduceError::SplitChanged { split: 0 }),
        "{error}"
    );
    let messages = outcomes().chain(sent(&[&fewer])).collect();
    let Err(Failed::Reduce(error)) = reduced(&job, messages) else {
        panic!("a chunk that the account does not know");
    };
    assert!(matches!(error, ReduceError::InputChanged { .. }), "{error}");
}

#[test]
fn i5_a_split_without_an_account_is_named_and_no_seal_stands_for_it() {
    let job = by_reference(&ordered_job(&[2, 1], 1, |id| id.to_string().into_bytes()));
    let outcomes = || {
        job.outcomes
            .iter()
            .map(|(head, body)| wire::encode_outcome(head, body.clone()).unwrap())
    };
    let account = wire::encode_split_account(&accounts(&job)[1]).unwrap();
    let messages = outcomes().chain([account]).collect();
    let Err(Failed::Reduce(error)) = reduced(&job, messages) else {
        panic!("a split is missing");
    };
    assert!(error.to_string().contains("1 of 2 splits"), "{error}");
    let strange = SplitAccount {
        split: 7,
        ..accounts(&job)[0].clone()
    };
    let messages = vec![wire::encode_split_account(&strange).unwrap()];
    assert!(matches!(
        reduced(&job, messages),
        Err(Failed::Reduce(ReduceError::Malformed(_)))
    ));
}

#[test]
fn a_job_without_splits_is_complete_at_once() {
    let mut job = by_reference(&ordered_job(&[], 2, |_| Vec::new()));
    job.seal.records = vec![0];
    let (_dir, report) = run_to_dir(&job, &Way::default());
    assert_eq!(report.unwrap().totals.records, 0);
}

#[test]
fn i5_a_missing_outcome_is_named() {
    let mut job = ordered(1);
    job.outcomes.remove(6);
    let (dir, report) = run_to_dir(&job, &Way::default());
    let Err(Failed::Reduce(error @ ReduceError::Incomplete { .. })) = report else {
        panic!("{report:?}");
    };
    let error = error.to_string();
    assert!(error.contains("1 of 13 chunks are missing: 2/1"), "{error}");
    assert!(files_of(&out_of(&dir)).is_empty());
}

#[test]
fn i5_an_outcome_that_the_seal_does_not_list_is_an_error() {
    for seal_first in [false, true] {
        let mut job = ordered_job(&[2], 1, |id| id.to_string().into_bytes());
        job.seal.chunks = vec![1];
        job.split_ends = false;
        let way = Way {
            seal_first,
            order: vec![1, 0],
            ..Way::default()
        };
        let (_dir, report) = run_to_dir(&job, &way);
        assert!(
            matches!(report, Err(Failed::Reduce(ReduceError::Malformed(_)))),
            "{report:?}"
        );
    }
}

#[test]
fn later_splits_that_fill_all_the_room_do_not_stop_the_first() {
    // The first split's only outcome is the last message, behind far more than memory and queue
    // hold together; and a queue smaller than one message must do.
    let mut chunks = vec![1];
    chunks.extend([4; 50]);
    let job = ordered_job(&chunks, 1, |id| format!("{id}\n").repeat(2000).into_bytes());
    let order: Vec<usize> = (1..job.outcomes.len()).chain([0]).collect();
    let way = Way {
        order,
        room: 100,
        memory: 64 << 10,
        ..Way::default()
    };
    let (dir, report) = run_to_dir(&job, &way);
    assert!(report.unwrap().spilled > 1 << 20);
    let expected = output(&job, &Way::default());
    assert_eq!(files_of(&out_of(&dir)), expected);
}

#[test]
fn hostile_heads_and_rows_are_errors() {
    let outside = |change: &dyn Fn(&mut Job)| {
        let mut job = table_job(word_count(None), 1, &[vec![(b"a".to_vec(), vec![1])]]);
        change(&mut job);
        // So little memory that threads are started at once.
        let threads = Way {
            merge_threads: 3,
            memory: 1,
            ..Way::default()
        };
        for way in [Way::default(), threads] {
            let (dir, report) = run_to_dir(&job, &way);
            assert!(
                matches!(report, Err(Failed::Reduce(ReduceError::Malformed(_)))),
                "{report:?}"
            );
            assert!(files_of(&out_of(&dir)).is_empty());
        }
    };
    outside(&|job| job.outcomes[0].0.counts[0].source = 7);
    outside(&|job| {
        job.outcomes[0].0.quarantined = [&quarantined(9, 0, "?", b"")].into_iter().collect()
    });
    outside(&|job| job.outcomes[0].0.id.split = u32::MAX);
    outside(&|job| job.outcomes[0].0.parts = u32::MAX);
    outside(&|job| job.outcomes[0].1 = vec![0xFF; 40]);
    // A distinct value in a table that counts none.
    let whole = TableBody::default().append(b"a", |_| {}).0;
    let body = |shard: usize, rows: &[u8]| {
        let mut body = vec![0; SHARDS];
        body[shard] = rows.len() as u8;
        [&body, rows].concat()
    };
    outside(&|job| job.outcomes[0].1 = body(whole, &[3, b'a']));
    // A row that another thread would merge than the one that has its key.
    outside(&|job| job.outcomes[0].1 = body((whole + 1) % SHARDS, &[2, b'a', 1]));
    outside(&|job| job.outcomes[0].1 = body(whole, &[2, b'a', 1, 0x80]));
    outside(&|job| job.seal.chunks.push(1));
}
