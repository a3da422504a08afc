//! From outcomes to a verified output: order, merge, account, manifest.

mod support;

use gristmill_common::spec::*;
use gristmill_reducer::*;
use support::*;

fn words(rows: &[(&str, u128)]) -> Vec<(Vec<u8>, Vec<u128>)> {
    rows.iter()
        .map(|(word, count)| (word.as_bytes().to_vec(), vec![*count]))
        .collect()
}

#[test]
fn an_ordered_job_becomes_one_file_in_input_order() {
    let job = ordered_job(&[2, 0, 3], 1, |id| format!("{id}\n").into_bytes());
    let way = Way {
        order: vec![4, 3, 1, 0, 2],
        ..Way::default()
    };
    let (dir, report) = run_to_dir(&job, &way);
    let report = report.unwrap();
    assert_eq!(text_of(&dir, "part-00000.txt"), "0/0\n0/1\n2/0\n2/1\n2/2\n");
    assert_eq!(
        text_of(&dir, "sources.jsonl"),
        "{\"source\":\"in-0\",\"in\":5,\"mapped\":5,\"quarantined\":0}\n"
    );
    assert_eq!(text_of(&dir, "quarantine.jsonl"), "");
    assert_eq!(report.totals.records, 5);
    let names: Vec<String> = files_of(&out_of(&dir)).into_keys().collect();
    assert_eq!(
        names,
        [
            "manifest.json",
            "part-00000.txt",
            "quarantine.jsonl",
            "sources.jsonl"
        ]
    );
    let verified = verify(&out_of(&dir)).unwrap();
    assert_eq!(verified.findings, Vec::<String>::new());
    assert_eq!(verified.spec, job.spec);
}

#[test]
fn a_table_is_merged_and_sorted_by_key_bytes() {
    let chunks = [
        words(&[("the", 2), ("a", 1), ("Zebra", 1)]),
        words(&[("the", 3), ("straße", 1)]),
    ];
    let job = table_job(word_count(None), 1, &chunks);
    let (dir, report) = run_to_dir(&job, &Way::default());
    report.unwrap();
    assert_eq!(
        text_of(&dir, "part-00000.tsv"),
        "Zebra\t1\na\t1\nstraße\t1\nthe\t5\n"
    );
    assert!(verify(&out_of(&dir)).unwrap().findings.is_empty());
}

#[test]
fn i6_parts_of_a_hashed_table_merge_to_the_one_part_output() {
    let chunks: Vec<_> = (0..5)
        .map(|chunk| {
            (0..200)
                .map(|word| (format!("w{}", word * (chunk + 1)).into_bytes(), vec![1]))
                .collect()
        })
        .collect();
    let (one, report) = run_to_dir(&table_job(word_count(None), 1, &chunks), &Way::default());
    report.unwrap();
    let (three, report) = run_to_dir(&table_job(word_count(None), 3, &chunks), &Way::default());
    report.unwrap();
    let mut lines: Vec<String> = Vec::new();
    for part in 0..3 {
        let text = text_of(&three, &format!("part-{part:05}.tsv"));
        let part: Vec<String> = text.lines().map(str::to_owned).collect();
        assert!(part.len() > 50, "keys spread over the partitions");
        lines.extend(part);
    }
    lines.sort_by(|a, b| a.split('\t').next().cmp(&b.split('\t').next()));
    assert_eq!(lines.join("\n") + "\n", text_of(&one, "part-00000.tsv"));
    assert!(verify(&out_of(&three)).unwrap().findings.is_empty());
}

#[test]
fn i7_an_account_that_does_not_hold_fails_the_job_by_the_sources_name() {
    let mut job = ordered_job(&[2], 1, |id| id.to_string().into_bytes());
    job.seal.records = vec![3];
    let (dir, report) = run_to_dir(&job, &Way::default());
    let Err(Failed::Commit(error @ CommitError::Account { .. })) = report else {
        panic!("{report:?}");
    };
    assert!(error.to_string().contains("in-0"), "{error}");
    assert!(
        files_of(&out_of(&dir)).is_empty(),
        "no output, no leftovers"
    );
}

#[test]
fn a_count_over_no_records_is_a_zero() {
    let Kind::Grep(mut options) = grep() else {
        unreachable!()
    };
    options.count = true;
    let (dir, report) = run_to_dir(&table_job(Kind::Grep(options), 1, &[]), &Way::default());
    report.unwrap();
    assert_eq!(text_of(&dir, "part-00000.txt"), "0\n");
}
