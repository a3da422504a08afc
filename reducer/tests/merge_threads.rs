//! Tables that several threads merge: the same bytes, the same errors (I6, I8).

mod support;

use gristmill_common::id::partition_of_key;
use gristmill_common::key::push_field;
use gristmill_common::shards::TableBody;
use gristmill_common::spec::*;
use gristmill_reducer::*;
use proptest::prelude::*;
use support::*;

type Files = std::collections::BTreeMap<String, Vec<u8>>;

fn output(job: &Job, way: &Way) -> (Files, Report) {
    let (dir, report) = run_to_dir(job, way);
    (files_of(&out_of(&dir)), report.unwrap())
}

fn words(chunks: u32, rows: u32) -> Vec<Vec<(Vec<u8>, Vec<u128>)>> {
    let word = |at: u32| format!("word-{}", at.wrapping_mul(2_654_435_761) % 50_000);
    (0..chunks)
        .map(|chunk| {
            let mut all: Vec<String> = (0..rows).map(|at| word(chunk * 7000 + at)).collect();
            all.sort();
            all.dedup();
            all.into_iter()
                .map(|word| (word.into_bytes(), vec![u128::from(chunk + 1)]))
                .collect()
        })
        .collect()
}

#[test]
fn i6_threads_and_memory_do_not_show() {
    let chunks = words(20, 6000);
    for top in [None, Some(100)] {
        for partitions in [1, 2] {
            let job = table_job(word_count(top), partitions, &chunks);
            let (one, report) = output(&job, &Way::default());
            assert_eq!(report.spilled, 0);
            for merge_threads in [3, 16] {
                for memory in [32 << 20, 100_000] {
                    let way = Way {
                        merge_threads,
                        memory,
                        faults: Some(merge_threads as u64),
                        ..Way::default()
                    };
                    let (many, report) = output(&job, &way);
                    assert!(many == one, "{top:?} {partitions} {merge_threads} {memory}");
                    assert_eq!(report.spilled > 0, memory == 100_000);
                }
            }
        }
    }
}

/// A job whose groups have totals, distinct values, numbers in buckets and texts.
fn groups(format: Format, partitions: u32, lines: &[(u8, u16)], top: bool) -> Job {
    let options = GroupBy {
        by: vec!["a".into()],
        distinct: vec!["b".into()],
        top: top.then_some(5),
        ..GroupBy::default()
    };
    let Shape::Table(shape) = Kind::GroupBy(options.clone()).shape() else {
        unreachable!()
    };
    let hits = vec![1; shape.columns.len()];
    let chunks: Vec<_> = lines.chunks(20).collect();
    let mut job = table_job(
        Kind::GroupBy(options),
        partitions,
        &vec![vec![]; chunks.len()],
    );
    job.spec.format = format;
    for (head, whole) in &mut job.outcomes {
        let mut body = TableBody::default();
        for &(name, value) in chunks[head.id.index as usize] {
            let mut group = Vec::new();
            push_field(
                &mut group,
                &[&[TEXT], &b"name-"[..], &[b'a' + name]].concat(),
            );
            if partition_of_key(&group, partitions) != head.partition {
                continue;
            }
            let mut member = group.clone();
            push_field(&mut member, format!("\x01{value}").as_bytes());
            body.push_row(&group, &hits);
            body.push_member(&member);
        }
        *whole = body.take_bytes(0);
    }
    job
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn i6_groups_of_several_rows_come_together_again(
        lines in prop::collection::vec((0u8..20, 0u16..300), 0..600),
        memory in prop_oneof![Just(1usize), Just(3_000), Just(30_000)],
        partitions in 1u32..3,
        merge_threads in 2usize..=16,
        faults in prop::option::of(any::<u64>()),
        top in any::<bool>(),
        format in prop_oneof![Just(Format::Tsv), Just(Format::Table), Just(Format::Jsonl)],
    ) {
        let job = groups(format, partitions, &lines, top);
        let (one, _) = output(&job, &Way::default());
        let way = Way { memory, merge_threads, faults, ..Way::default() };
        let (many, _) = output(&job, &way);
        prop_assert!(many == one);
    }
}

#[test]
fn a_thread_that_cannot_spill_fails_the_job_with_its_reason() {
    let job = table_job(word_count(None), 1, &words(20, 6000));
    let way = Way {
        merge_threads: 4,
        memory: 100_000,
        ..Way::default()
    };
    let dir = tempfile::tempdir().unwrap();
    let out = OutputDir::open(&dir.path().join("out"), false).unwrap();
    let missing = dir.path().join("missing");
    let report = run(&job, &way, Destination::Dir(out), &missing);
    let Err(Failed::Reduce(ReduceError::File(error))) = report else {
        panic!("{report:?}");
    };
    assert!(error.path.starts_with(&missing), "{error}");
}

#[test]
fn i5_an_incomplete_job_ends_although_threads_wait_for_more() {
    let mut job = table_job(word_count(None), 1, &words(20, 6000));
    job.outcomes.remove(3);
    let way = Way {
        merge_threads: 4,
        memory: 100_000,
        ..Way::default()
    };
    let (_dir, report) = run_to_dir(&job, &way);
    let Err(Failed::Reduce(error @ ReduceError::Incomplete { .. })) = report else {
        panic!("{report:?}");
    };
    assert!(error.to_string().contains("0/3"), "{error}");
}
