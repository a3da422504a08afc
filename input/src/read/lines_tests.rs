//! Ranges of a text give its records, each once, wherever the ranges are cut.

use std::path::Path;

use gristmill_common::extent::Extent;
use gristmill_common::spec::{Grep, JobSpec, Kind, Records};
use proptest::prelude::*;

use crate::Plan;
use crate::testing::{Outcome, read_parts, read_plan};

fn spec() -> JobSpec {
    by(Records::Lines)
}

fn by(records: Records) -> JobSpec {
    JobSpec {
        max_record: 20,
        records,
        ..JobSpec::of(Kind::Grep(Grep::of("")))
    }
}

/// Reads the file `a.txt` of a folder in ranges that end at `cuts`.
fn read_in(folder: &Path, cuts: &[u64], chunk_size: u64) -> Outcome {
    read_as(folder, cuts, chunk_size, false, &spec())
}

/// The same, the file being an object of a store.
fn read_as(folder: &Path, cuts: &[u64], chunk_size: u64, object: bool, spec: &JobSpec) -> Outcome {
    let path = folder.join("a.txt");
    let size = std::fs::metadata(&path).unwrap().len();
    let mut ends: Vec<u64> = cuts.iter().map(|cut| cut % size.max(1)).collect();
    ends.sort_unstable();
    ends.push(size);
    let mut start = 0;
    let parts = ends.into_iter().map(|end| Extent::Lines {
        range: std::mem::replace(&mut start, end)..end,
        size,
    });
    read_parts(&path, object, parts, chunk_size, spec)
}

proptest! {
    #[test]
    fn every_line_is_in_one_range(
        lines in prop::collection::vec("[ab]{0,30}", 1..30),
        open in any::<bool>(),
        cuts in prop::collection::vec(0_u64..600, 0..8),
        chunk_size in 64_u64..200,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.txt");
        let mut text = lines.join("\n");
        if !open {
            text.push('\n');
        }
        std::fs::write(&path, &text).unwrap();
        let whole = read_in(dir.path(), &[], chunk_size);
        let ranges = read_in(dir.path(), &cuts, chunk_size);
        let texts = |outcome: &Outcome| -> String {
            outcome.documents.iter().map(|document| document.1.as_str()).collect()
        };
        prop_assert_eq!(texts(&ranges), texts(&whole));
        prop_assert_eq!(&ranges.faults, &whole.faults);
        prop_assert_eq!(&ranges.samples, &whole.samples);
        prop_assert_eq!(&ranges.records, &whole.records);
        prop_assert_eq!(ranges, read_as(dir.path(), &cuts, chunk_size, true, &spec()));
    }
}

proptest! {
    #[test]
    fn every_record_of_several_lines_is_in_one_range(
        lines in prop::collection::vec("[ab ]{0,12}", 1..40),
        carriage in any::<bool>(),
        open in any::<bool>(),
        cuts in prop::collection::vec(0_u64..400, 0..8),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let end = if carriage { "\r\n" } else { "\n" };
        // Blank lines that open a text would be a record of their own where they fill a range.
        let mut text = format!("a{end}{}", lines.join(end));
        if !open {
            text.push_str(end);
        }
        std::fs::write(dir.path().join("a.txt"), &text).unwrap();
        for records in [Records::Paragraphs, Records::Start("^a".into())] {
            let spec = by(records);
            let whole = read_as(dir.path(), &[], 1000, false, &spec);
            let ranges = read_as(dir.path(), &cuts, 1000, false, &spec);
            let texts = |outcome: &Outcome| -> String {
                outcome.documents.iter().map(|document| document.1.as_str()).collect()
            };
            prop_assert_eq!(texts(&ranges), texts(&whole));
            prop_assert_eq!(&ranges.faults, &whole.faults);
            prop_assert_eq!(&ranges.records, &whole.records);
        }
    }
}

#[test]
fn a_line_of_white_space_without_end_is_not_looked_at_whole() {
    let dir = tempfile::tempdir().unwrap();
    let blank = " ".repeat(5000);
    let text = format!("a\n{blank}\nb\n\nc\n");
    std::fs::write(dir.path().join("a.txt"), &text).unwrap();
    let spec = JobSpec {
        max_record: 10_000,
        ..by(Records::Paragraphs)
    };
    // Both ranges take it for a line that is not blank, so the record goes on behind it.
    let outcome = read_as(dir.path(), &[5003], 20_000, false, &spec);
    let texts: Vec<&str> = (outcome.documents.iter())
        .map(|document| &document.1[..])
        .collect();
    assert_eq!(texts, [&text[..text.len() - 2], "c\n"]);
}

#[test]
fn a_text_that_became_an_archive_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.txt");
    std::fs::write(&path, [&b"PK\x03\x04"[..], &[b'a'; 400]].concat()).unwrap();
    let outcome = read_in(dir.path(), &[200], 1000);
    assert_eq!(outcome.faults.len(), 2, "{outcome:?}");
    assert!(outcome.faults[1].2.contains("no longer the plain text"));
    assert_eq!(outcome.faults[1].1, 200);
}

#[test]
fn the_ranges_of_a_text_that_was_rotated_or_emptied_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.log");
    let inputs = [path.clone().into()];
    let rotate = || {
        std::fs::hard_link(&path, dir.path().join("a.log.1")).unwrap();
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "").unwrap();
    };
    let empty = || std::fs::write(&path, "").unwrap();
    let changes: [(&dyn Fn(), &str); 2] = [
        (&rotate, "another file has taken its place"),
        (&empty, "the file ends at byte"),
    ];
    for (change, why) in changes {
        // Large enough to be read in ranges.
        std::fs::write(&path, "a line of a log\n".repeat(9 << 20)).unwrap();
        let plan = Plan::new(&inputs, &spec(), 1 << 20).unwrap();
        let ranges = plan.splits().len();
        assert!(ranges > 1);
        change();
        let outcome = read_plan(&plan, &spec()).unwrap();
        assert_eq!(outcome.faults.len(), ranges, "{outcome:?}");
        for fault in &outcome.faults {
            assert!(fault.2.contains(why), "{fault:?}");
        }
    }
}
