//! Tables of files as their writers make them, and of files that lie.

use std::io::Write;

use gristmill_common::progress::Progress;
use gristmill_common::shutdown::Shutdown;

use super::*;
use crate::stream::Origin;

/// Calls `with` with a file of these bytes.
pub(super) fn with_file<T>(bytes: &[u8], with: impl FnOnce(&Random<'_>) -> T) -> T {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    let shutdown = Shutdown::new();
    let size = bytes.len() as u64;
    with(&Random::new(Origin::File(file), size, &shutdown, None))
}

pub(super) fn table(bytes: &[u8], least: u64) -> Option<SeekTable> {
    let least = SeekPoint {
        packed: 0,
        text: least,
    };
    with_file(bytes, |file| SeekTable::find(file, least))
}

/// What a stretch decodes to, or what is wrong with it.
pub(super) fn decoded(bytes: &[u8], start: SeekPoint, end: SeekPoint) -> Result<Vec<u8>, String> {
    with_file(bytes, |file| {
        let progress = Progress::default();
        let stretch = start.packed..end.packed;
        let input = decode(file, stretch, start.text, Some(&progress));
        let mut input = input.map_err(|damage| damage.reason)?;
        let mut out = Vec::new();
        while input.pull(&mut out, 1000).map_err(|damage| damage.reason)? > 0 {}
        Ok(out)
    })
}

pub(super) fn text() -> Vec<u8> {
    (0..2000_u32).map(|n| (n * n % 251) as u8).collect()
}

#[test]
fn each_stretch_of_each_format_decodes_to_its_part_of_the_text() {
    let text = text();
    for (format, make) in writers::FORMATS {
        let bytes = make(&text, 300);
        let table = table(&bytes, 1).unwrap();
        assert_eq!(table.text(), 2000, "{format}");
        assert_eq!(table.stretches().count(), 7, "{format}");
        for (start, end) in table.stretches() {
            let expected = &text[start.text as usize..end.text as usize];
            assert_eq!(decoded(&bytes, start, end).unwrap(), expected, "{format}");
            let rest = decoded(&bytes, start, table.end).unwrap();
            assert_eq!(rest, &text[start.text as usize..], "{format}");
        }
    }
}

#[test]
fn points_are_as_far_apart_as_is_asked_for_and_the_last_stretch_is_no_shorter() {
    let text = text();
    for (format, make) in writers::FORMATS {
        let bytes = make(&text, 100);
        let starts = |least| -> Vec<u64> {
            let table = table(&bytes, least).unwrap();
            table.stretches().map(|(start, _)| start.text).collect()
        };
        assert_eq!(starts(450), [0, 500, 1000, 1500], "{format}");
        assert_eq!(starts(600), [0, 600, 1200], "{format}");
        assert_eq!(starts(5000), [0], "{format}");
    }
}

#[test]
fn files_that_do_not_say_where_their_blocks_begin_have_no_table() {
    let plain = crate::testing::gzip(&text());
    assert_eq!(table(&plain, 1), None);
    assert_eq!(table(b"no packed text at all", 1), None);
    assert_eq!(table(b"", 1), None);
    // Frames as a pipe's compressor writes them: without the length of their text.
    let piped = zstd::stream::encode_all(&text()[..], 1).unwrap();
    assert_eq!(table(&piped.repeat(2), 1), None);
    for (format, make) in writers::FORMATS {
        let bytes = make(&text(), 300);
        for cut in [1, 7, 40, bytes.len() / 2] {
            assert_eq!(
                table(&bytes[..bytes.len() - cut], 1),
                None,
                "{format} {cut}"
            );
        }
        if format != "seekable zstd" {
            assert_eq!(
                table(&[&bytes[..], b"behind it"].concat(), 1),
                None,
                "{format}"
            );
        }
    }
    // Two streams: only one of them has the index at the end.
    let one = writers::xz(&text(), 300);
    assert_eq!(table(&one.repeat(2), 1), None);
}

#[test]
fn a_table_of_many_frames_that_hold_nothing_gives_no_more_points_than_the_file_has_room_for() {
    let text = vec![b'a'; 4000];
    let bytes = writers::with_table(&text, 2, |table| {
        for entry in &mut table[1..] {
            entry[1] = u32::MAX;
        }
    });
    let least = SeekPoint {
        packed: 1 << 10,
        text: 1,
    };
    let table = with_file(&bytes, |file| SeekTable::find(file, least)).unwrap();
    let most = bytes.len() / (1 << 10);
    assert!((2..=most).contains(&table.stretches().count()), "{table:?}");
}
