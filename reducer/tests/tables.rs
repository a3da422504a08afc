//! Tables: merging, spilling, distinct counts, the first N, and how rows are printed.

mod support;

use gristmill_common::key::push_field;
use gristmill_common::shards::TableBody;
use gristmill_common::spec::*;
use gristmill_reducer::*;
use proptest::prelude::*;
use support::*;

fn access_log(by: &[Field], distinct: Option<Field>, top: Option<u64>) -> Kind {
    Kind::AccessLog(AccessLog {
        by: by.to_vec(),
        filters: vec![],
        distinct,
        top,
        line_format: None,
        skip_prefix: None,
    })
}

fn key(fields: &[&[u8]]) -> Vec<u8> {
    let mut key = Vec::new();
    fields.iter().for_each(|field| push_field(&mut key, field));
    key
}

fn run_rows(kind: Kind, format: Format, rows: &[(Vec<u8>, Vec<u128>)]) -> String {
    let mut job = table_job(kind, 1, &[rows.to_vec()]);
    job.spec.format = format;
    let (dir, report) = run_to_dir(&job, &Way::default());
    report.unwrap();
    let name = part_name(0, &job.spec);
    text_of(&dir, &name)
}

#[test]
fn tsv_keys_are_escaped() {
    let rows = [
        (b"a\tb\nc\rd\\e\x01\x7F".to_vec(), vec![1]),
        ("naïve \u{1F600}".as_bytes().to_vec(), vec![2]),
        (vec![], vec![3]),
    ];
    assert_eq!(
        run_rows(word_count(None), Format::Tsv, &rows),
        "\t3\na\\tb\\nc\\rd\\\\e\\x01\\x7F\t1\nnaïve \u{1F600}\t2\n"
    );
}

#[test]
fn totals_that_having_drops_are_not_there() {
    let totals = |having: &str, rows: &[(Vec<u8>, Vec<u128>)]| {
        let kind = Kind::GroupBy(GroupBy {
            having: Some(having.into()),
            ..GroupBy::default()
        });
        run_rows(kind, Format::Tsv, rows)
    };
    let five = [(vec![], vec![5])];
    assert_eq!(totals("hits < 3", &five), "");
    assert_eq!(totals("hits > 3", &five), "5\n");
    assert_eq!(totals("hits < 3", &[]), "0\n");
    assert_eq!(totals("hits > 3", &[]), "");
}

#[test]
fn json_names_the_fields_and_escapes_what_is_not_utf8() {
    let rows = [
        (key(&[b"GET", b"/a\"\xFF\0\n"]), vec![3, u128::MAX]),
        (key(&[b"GET", b"/a"]), vec![1, 0]),
    ];
    assert_eq!(
        run_rows(
            access_log(&[Field::Method, Field::Path], None, None),
            Format::Jsonl,
            &rows
        ),
        "{\"method\":\"GET\",\"path\":\"/a\",\"hits\":1,\"bytes\":0}\n\
         {\"method\":\"GET\",\"path\":\"/a\\\"\\\\xFF\\u0000\\n\",\"hits\":3,\
         \"bytes\":340282366920938463463374607431768211455}\n"
    );
}

#[test]
fn documents_come_in_input_order_with_their_names() {
    let document = |split, ordinal, name: &str| {
        let mut key = Vec::new();
        document_key(&mut key, split, ordinal, name.as_bytes());
        key
    };
    let rows = [
        (document(0, 10, "a.txt"), vec![1, 2, 3]),
        (document(0, 2, "z.zip!/b"), vec![4, 5, 6]),
        (document(0, 2, "z.zip!/b"), vec![1, 1, 1]),
    ];
    assert_eq!(
        run_rows(Kind::Wc(Wc {}), Format::Jsonl, &rows),
        "{\"name\":\"z.zip!/b\",\"lines\":5,\"words\":6,\"bytes\":7}\n\
         {\"name\":\"a.txt\",\"lines\":1,\"words\":2,\"bytes\":3}\n"
    );
    let Kind::Grep(mut options) = grep() else {
        unreachable!()
    };
    options.count = true;
    options.with_filename = true;
    let rows = [
        (document(0, 0, "b"), vec![7]),
        (document(0, 1, "a"), vec![0]),
    ];
    assert_eq!(
        run_rows(Kind::Grep(options), Format::Text, &rows),
        "b:7\na:0\n"
    );
}

#[test]
fn sums_do_not_wrap() {
    let rows = vec![(b"w".to_vec(), vec![u128::from(u64::MAX)]); 3];
    assert_eq!(
        run_rows(word_count(None), Format::Tsv, &rows),
        format!("w\t{}\n", u128::from(u64::MAX) * 3)
    );
}

/// Rows and distinct values of a log as an outcome's body would have them.
fn log_job(partitions: u32, lines: &[(u8, u8, u16)], per_chunk: usize, kind: Kind) -> Job {
    let chunks: Vec<_> = lines.chunks(per_chunk.max(1)).collect();
    let empty = vec![vec![]; chunks.len()];
    let mut job = table_job(kind, partitions, &empty);
    for (head, whole) in &mut job.outcomes {
        let mut body = TableBody::default();
        for &(status, host, bytes) in chunks[head.id.index as usize] {
            let group = key(&[format!("{status}").as_bytes()]);
            if gristmill_common::id::partition_of_key(&group, partitions) != head.partition {
                continue;
            }
            let mut member = group.clone();
            push_field(&mut member, format!("10.0.0.{host}\0").as_bytes());
            body.push_row(&group, &[1, u128::from(bytes)]);
            body.push_member(&member);
        }
        *whole = body.take_bytes(0);
    }
    job
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn i6_distinct_counts_are_exact_whatever_spills(
        lines in prop::collection::vec((0u8..6, any::<u8>(), any::<u16>()), 0..400),
        per_chunk in 1usize..100,
        memory in prop_oneof![Just(1usize), Just(3_000), Just(30_000), Just(8 << 20)],
        partitions in 1u32..4,
        top in prop::option::of(0u64..8),
        seed in any::<u64>(),
        merge_threads in 1usize..6,
    ) {
        let kind = access_log(&[Field::Status], Some(Field::Host), top);
        let job = log_job(partitions, &lines, per_chunk, kind);
        let way = Way { memory, faults: Some(seed), merge_threads, ..Way::default() };
        let (dir, report) = run_to_dir(&job, &way);
        report.unwrap();
        let mut printed = String::new();
        for name in files_of(&out_of(&dir)).into_keys().filter(|name| is_part_name(name)) {
            printed += &text_of(&dir, &name);
        }
        // The same by the obvious way.
        let mut groups = std::collections::BTreeMap::new();
        for (status, host, bytes) in lines {
            let group = groups.entry(status.to_string()).or_insert((0u64, 0u64, std::collections::BTreeSet::new()));
            group.0 += 1;
            group.1 += u64::from(bytes);
            group.2.insert(host);
        }
        let mut rows: Vec<_> = groups.into_iter().collect();
        let mut printed: Vec<&str> = printed.lines().collect();
        if let Some(top) = top {
            rows.sort_by_key(|(status, group)| (u64::MAX - group.0, status.clone()));
            rows.truncate(top as usize);
        } else {
            printed.sort();
        }
        let expected: Vec<String> = rows
            .iter()
            .map(|(status, (hits, bytes, hosts))| format!("{status}\t{hits}\t{bytes}\t{}", hosts.len()))
            .collect();
        prop_assert_eq!(printed, expected);
    }
}

#[test]
fn the_first_n_of_many_partitions_are_one_part() {
    let chunks: Vec<Vec<(Vec<u8>, Vec<u128>)>> = (0..20)
        .map(|chunk| {
            (0..1000u128)
                .map(|at| (format!("w{}", at * 7 + chunk).into_bytes(), vec![at % 50]))
                .collect()
        })
        .collect();
    let one = table_job(word_count(Some(30)), 1, &chunks);
    let (one_dir, report) = run_to_dir(&one, &Way::default());
    report.unwrap();
    let text = text_of(&one_dir, "part-00000.tsv");
    assert_eq!(text.lines().count(), 30);
    let three = table_job(word_count(Some(30)), 3, &chunks);
    for memory in [1000, 8 << 20] {
        let way = Way {
            memory,
            ..Way::default()
        };
        let (dir, report) = run_to_dir(&three, &way);
        report.unwrap();
        assert_eq!(text_of(&dir, "part-00000.tsv"), text);
        assert!(!out_of(&dir).join("part-00001.tsv").exists());
        assert!(verify(&out_of(&dir)).unwrap().findings.is_empty());
    }
}

#[test]
fn more_runs_than_are_merged_at_once() {
    // Each row spills: hundreds of runs, and two passes.
    let chunks: Vec<Vec<(Vec<u8>, Vec<u128>)>> = (0..10)
        .map(|_| {
            (0..60u128)
                .map(|at| (format!("{at:020}").into_bytes(), vec![1]))
                .collect()
        })
        .collect();
    let job = table_job(word_count(None), 1, &chunks);
    let (spilled_dir, report) = run_to_dir(
        &job,
        &Way {
            memory: 1,
            ..Way::default()
        },
    );
    assert!(report.unwrap().spilled > 0);
    let (dir, report) = run_to_dir(&job, &Way::default());
    assert_eq!(report.unwrap().spilled, 0);
    assert_eq!(files_of(&out_of(&spilled_dir)), files_of(&out_of(&dir)));
}
