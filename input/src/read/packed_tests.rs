//! Stretches of a compressed text give its lines, each once, wherever it can be decoded from.

use std::path::Path;

use gristmill_common::extent::Extent;
use gristmill_common::spec::{Grep, JobSpec, Kind};
use proptest::prelude::*;

use crate::Plan;
use crate::seek::writers;
use crate::testing::{Outcome, read_parts, read_plan};

fn spec() -> JobSpec {
    JobSpec {
        max_record: 20,
        ..JobSpec::of(Kind::Grep(Grep::of("")))
    }
}

/// Reads a packed file of a text of `size` bytes in stretches that meet at `points`: offsets of the
/// file and of the text.
fn read_in(folder: &Path, bytes: &[u8], points: &[(u64, u64)], size: u64) -> Outcome {
    read_as(folder, bytes, points, size, false)
}

/// The same, the file being an object of a store.
fn read_as(folder: &Path, bytes: &[u8], points: &[(u64, u64)], size: u64, object: bool) -> Outcome {
    let path = folder.join("a.packed");
    std::fs::write(&path, bytes).unwrap();
    let starts = [&[(0, 0)], points].concat();
    let ends = [points, &[(bytes.len() as u64, size)]].concat();
    let parts = (starts.into_iter().zip(ends)).map(|(start, end)| Extent::Packed {
        packed: start.0..end.0,
        text: start.1..end.1,
        size,
    });
    read_parts(&path, object, parts, 100, &spec())
}

/// Where the blocks of so many bytes of a text begin in the file, but for the first.
fn points(bytes: &[u8], block: usize, size: usize) -> Vec<(u64, u64)> {
    let table = crate::seek::table(bytes).unwrap();
    let found: Vec<_> = (table.stretches().skip(1))
        .map(|(start, _)| (start.packed, start.text))
        .collect();
    let expected = (block..size).step_by(block).map(|text| text as u64);
    assert!(found.iter().map(|point| point.1).eq(expected), "{found:?}");
    found
}

fn texts(outcome: &Outcome) -> String {
    let texts = outcome.documents.iter().map(|document| &document.1[..]);
    texts.collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn every_line_is_in_one_stretch(
        lines in prop::collection::vec("[ab]{0,30}", 1..30),
        open in any::<bool>(),
        block in 1_usize..200,
        keep in prop::collection::vec(any::<bool>(), 200),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let mut text = lines.join("\n");
        if !open {
            text.push('\n');
        }
        let size = text.len() as u64;
        for (format, make) in writers::FORMATS {
            let bytes = make(text.as_bytes(), block);
            let all = points(&bytes, block, text.len());
            let kept = keep.iter().cycle();
            let some: Vec<_> =
                all.iter().zip(kept).filter(|(_, keep)| **keep).map(|(point, _)| *point).collect();
            let whole = read_in(dir.path(), &bytes, &[], size);
            for points in [&all, &some] {
                let stretches = read_in(dir.path(), &bytes, points, size);
                prop_assert_eq!(texts(&stretches), texts(&whole), "{}", format);
                prop_assert_eq!(&stretches.faults, &whole.faults, "{}", format);
                prop_assert_eq!(&stretches.samples, &whole.samples, "{}", format);
                prop_assert_eq!(&stretches.records, &whole.records, "{}", format);
                let objects = read_as(dir.path(), &bytes, points, size, true);
                prop_assert_eq!(&objects, &stretches, "{}", format);
                let marks = |mark: fn(&(String, String, bool, bool)) -> bool| {
                    stretches.documents.iter().filter(|document| mark(document)).count()
                };
                prop_assert_eq!(marks(|document| document.2), 1, "{}", format);
                prop_assert_eq!(marks(|document| document.3), 1, "{}", format);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn a_changed_byte_is_damage_or_changes_nothing(
        at in any::<prop::sample::Index>(),
        change in 1_u8..=255,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let text: String = (0..60).map(|n| format!("{}\n", n * n)).collect();
        // The other frames of zstd have no checksum.
        for (format, make) in writers::FORMATS.iter().filter(|(format, _)| *format != "zstd") {
            let mut bytes = make(text.as_bytes(), 50);
            let at = at.index(bytes.len());
            bytes[at] ^= change;
            let Some(table) = crate::seek::table(&bytes) else {
                continue;
            };
            let points: Vec<_> = (table.stretches().skip(1))
                .map(|(start, _)| (start.packed, start.text))
                .collect();
            let outcome = read_in(dir.path(), &bytes, &points, table.text());
            if outcome.faults.is_empty() {
                prop_assert_eq!(texts(&outcome), &text[..], "{} {}", format, at);
            }
        }
    }
}

#[test]
fn a_table_that_lies_about_a_frame_is_damage_and_loses_no_line_in_silence() {
    let dir = tempfile::tempdir().unwrap();
    let text = "0123456\n".repeat(100);
    for change in [1_i64, -1, 8] {
        let mut changed = Vec::new();
        let bytes = writers::with_table(text.as_bytes(), 200, |table| {
            table[1][1] = (i64::from(table[1][1]) + change) as u32;
            changed.clone_from(table);
        });
        let mut at = (0, 0);
        let points: Vec<(u64, u64)> = (changed.iter())
            .map(|[packed, text]| {
                at = (at.0 + u64::from(*packed), at.1 + u64::from(*text));
                at
            })
            .take(3)
            .collect();
        let size = (800 + change) as u64;
        let outcome = read_in(dir.path(), &bytes, &points, size);
        assert_eq!(outcome.faults.len(), 1, "{change}: {outcome:?}");
        assert!(
            outcome.faults[0].2.contains("bytes than its index states"),
            "{outcome:?}"
        );
    }
}

#[test]
fn stretches_that_a_file_cannot_have_are_damage() {
    let dir = tempfile::tempdir().unwrap();
    let text = "0123456\n".repeat(100);
    for (format, make) in writers::FORMATS {
        let bytes = make(text.as_bytes(), 200);
        let points = points(&bytes, 200, 800);
        let behind = bytes.len() as u64;
        for point in [
            (behind, 200),
            (behind + 9, 200),
            (u64::MAX, 200),
            (points[1].0, 900),
        ] {
            let outcome = read_in(dir.path(), &bytes, &[point], 800);
            assert!(
                !outcome.faults.is_empty(),
                "{format} {point:?}: {outcome:?}"
            );
        }
    }
}

#[test]
fn damage_of_one_stretch_leaves_the_others() {
    let dir = tempfile::tempdir().unwrap();
    let text = "0123456\n".repeat(100);
    for (format, make) in writers::FORMATS {
        let mut bytes = make(text.as_bytes(), 200);
        let points = points(&bytes, 200, 800);
        // In the middle of the third block, which has a checksum in each format.
        let middle = (points[1].0 + points[2].0) / 2;
        for byte in &mut bytes[middle as usize..middle as usize + 4] {
            *byte ^= 0x55;
        }
        let outcome = read_in(dir.path(), &bytes, &points, 800);
        // The stretch before ends in it, with the line that begins at its end.
        assert!(
            (1..=2).contains(&outcome.faults.len()),
            "{format}: {outcome:?}"
        );
        for (_, offset, reason) in &outcome.faults {
            assert!((400..=600).contains(offset), "{format}: {outcome:?}");
            assert!(reason.contains(" at compressed byte "), "{reason}");
        }
        let texts = texts(&outcome);
        let lines = texts.lines().filter(|line| *line == "0123456");
        assert!((73..100).contains(&lines.count()), "{format}");
    }
}

#[test]
fn a_large_packed_text_is_planned_in_stretches_and_a_packed_archive_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let plan = |name: &str, bytes: &[u8], spec: &JobSpec| {
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        Plan::new(&[path.into()], spec, 1 << 20).unwrap()
    };
    let text = "a line of a log\n".repeat(9 << 20);
    let words = JobSpec::of(Kind::Grep(Grep::of("")));
    // A large file has noise, which this text has not: frames of it that are skipped.
    let noise: Vec<u8> = (0..2_u32 << 20)
        .map(|n| (n.wrapping_mul(2_654_435_769) >> 24) as u8)
        .collect();
    let length = (noise.len() as u32).to_le_bytes();
    let noise = [&b"\x5A\x2A\x4D\x18"[..], &length, &noise].concat();
    let packed = |bytes: &[u8]| {
        let (first, last) = bytes.split_at(80 << 20);
        let frames = |bytes| writers::zstd(bytes, 20 << 20);
        [frames(first), noise.clone(), frames(last), noise.clone()].concat()
    };
    let bytes = packed(text.as_bytes());
    let planned = plan("a.log.zst", &bytes, &words);
    let extents: Vec<&Extent> = planned.splits().iter().map(|split| &split.extent).collect();
    let [
        Extent::Packed { text: first, .. },
        Extent::Packed {
            text: last, size, ..
        },
    ] = &extents[..]
    else {
        panic!("{extents:?}");
    };
    assert_eq!(
        (first.clone(), last.clone()),
        (0..80 << 20, 80 << 20..144 << 20)
    );
    assert_eq!(*size, text.len() as u64);
    let outcome = read_plan(&planned, &words).unwrap();
    assert_eq!(
        outcome.records.values().sum::<u64>(),
        9 << 20,
        "{:?}",
        outcome.faults
    );

    let by_paragraph = JobSpec {
        records: gristmill_common::spec::Records::Paragraphs,
        ..words.clone()
    };
    assert_eq!(plan("b.log.zst", &bytes, &by_paragraph).splits().len(), 1);
    let tar = packed(&crate::testing::tar(&[("a.log", text.as_bytes())]));
    assert_eq!(plan("a.tar.zst", &tar, &words).splits().len(), 1);
}
