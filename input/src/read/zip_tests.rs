//! Zips whose directories are cut off, missing or wrong, and zips with something in front.

use std::fs;
use std::io::Write;

use crate::testing::{Outcome, Zip, deflate, gzip, read, read_bytes, spec, tar};

fn zip() -> Vec<u8> {
    let mut zip = Zip::default();
    for number in 0..4_usize {
        let text = "line\n".repeat(number + 1);
        zip.add(&format!("m{number}"), text.as_bytes());
    }
    zip.store("stored", b"as it is\n").finish()
}

fn directory_of(bytes: &[u8]) -> usize {
    memchr::memmem::find(bytes, b"PK\x01\x02").unwrap()
}

#[track_caller]
fn has_all(outcome: &Outcome) {
    assert_eq!(outcome.documents.len(), 5, "{outcome:?}");
    assert_eq!(outcome.text("!/m3"), "line\n".repeat(4));
    assert_eq!(outcome.text("!/stored"), "as it is\n");
}

#[test]
fn members_are_found_by_their_own_headers_where_the_directory_is_cut_missing_or_wrong() {
    let whole = zip();
    let start = directory_of(&whole);
    let end = whole.len() - 22;
    let mut wrong = whole.clone();
    let stated = u32::from_le_bytes(*whole[end + 16..].first_chunk().unwrap());
    wrong[end + 16..end + 20].copy_from_slice(&(stated - 7).to_le_bytes());
    let mut commented = whole.clone();
    commented[end + 20] = 9;
    let cut = [
        whole[..start].to_vec(),
        whole[..start + 60].to_vec(),
        whole[..end].to_vec(),
        whole[..whole.len() - 1].to_vec(),
        wrong,
        commented,
    ];
    for (number, bytes) in cut.iter().enumerate() {
        let outcome = read_bytes(bytes);
        has_all(&outcome);
        let (document, _, reason) = outcome.only_fault();
        assert!(document.ends_with("input"), "{number}: {document}");
        assert!(
            reason.contains("5 members were found by their own headers"),
            "{number}: {reason}"
        );
        // The same in another archive.
        let nested = read_bytes(&tar(&[("in.zip", bytes)]));
        assert_eq!(
            (nested.documents.len(), nested.faults.len()),
            (5, 1),
            "{number}"
        );
    }
}

#[test]
fn joined_zips_are_both_read_and_one_entry_says_so() {
    let mut second = Zip::default();
    let bytes = [zip(), second.add("second", b"two\n").finish()].concat();
    let outcome = read_bytes(&bytes);
    assert_eq!(outcome.text("!/second"), "two\n");
    assert_eq!(outcome.documents.len(), 6, "{outcome:?}");
    outcome.only_fault();
}

#[test]
fn a_header_that_reaches_into_the_directory_is_a_member_without_data() {
    let whole = zip();
    let start = directory_of(&whole);
    let mut header = b"PK\x03\x04\x14\0\x08\0\x08\0".to_vec();
    header.resize(26, 0);
    // A name of four bytes: the directory's first.
    header.extend_from_slice(&[4, 0, 0, 0]);
    let mut bytes = [&whole[..start], &header, &whole[start..]].concat();
    let end = bytes.len() - 22;
    let offset = (start + header.len()) as u32;
    bytes[end + 16..end + 20].copy_from_slice(&offset.to_le_bytes());
    bytes[end + 10] += 1;
    let outcome = read_bytes(&bytes);
    assert_eq!(outcome.text("!/m3"), "line\n".repeat(4));
    assert_eq!(outcome.text("!/stored"), "as it is\n");
    assert!(!outcome.faults.is_empty());
}

#[test]
fn a_cut_member_gives_its_beginning() {
    let whole = zip();
    let start = directory_of(&whole);
    let outcome = read_bytes(&whole[..start - 4]);
    assert_eq!(outcome.documents.len(), 5, "{outcome:?}");
    let names: Vec<_> = outcome
        .faults
        .iter()
        .map(|fault| fault.0.rsplit('/').next())
        .collect();
    assert_eq!(names, [Some("input"), Some("stored")]);
}

/// A member whose sizes stand behind its data, as writers to a pipe make it.
fn streamed(
    zip: &mut Vec<u8>,
    name: &str,
    method: u16,
    data: &[u8],
    text: &[u8],
    sign: bool,
    wide: bool,
) {
    zip.extend_from_slice(b"PK\x03\x04\x14\0\x08\0");
    zip.extend_from_slice(&method.to_le_bytes());
    zip.extend_from_slice(&[0; 16]);
    zip.extend_from_slice(&(name.len() as u16).to_le_bytes());
    zip.extend_from_slice(&[0, 0]);
    zip.extend_from_slice(name.as_bytes());
    zip.extend_from_slice(data);
    if sign {
        zip.extend_from_slice(b"PK\x07\x08");
    }
    zip.extend_from_slice(&crc32fast::hash(text).to_le_bytes());
    for size in [data.len() as u64, text.len() as u64] {
        let bytes = size.to_le_bytes();
        zip.extend_from_slice(if wide { &bytes } else { &bytes[..4] });
    }
}

#[test]
fn members_whose_sizes_stand_behind_them_are_found_too() {
    let text = b"some text\n".repeat(500);
    let inner = zip();
    for sign in [true, false] {
        let mut bytes = Vec::new();
        streamed(
            &mut bytes,
            "deflated",
            8,
            &deflate(&text),
            &text,
            sign,
            false,
        );
        streamed(&mut bytes, "stored", 0, &text, &text, sign, false);
        streamed(&mut bytes, "empty", 8, &deflate(b""), b"", sign, false);
        // A zip in a zip: its members are its own.
        streamed(&mut bytes, "in.zip", 0, &inner, &inner, sign, false);
        if sign {
            streamed(&mut bytes, "wide", 8, &deflate(&text), &text, sign, true);
        }
        bytes.extend_from_slice(b"PK\x01\x02");
        let outcome = read_bytes(&bytes);
        assert_eq!(outcome.text("!/deflated").len(), text.len());
        assert_eq!(outcome.text("input!/stored").len(), text.len());
        assert_eq!(outcome.text("!/empty"), "");
        assert_eq!(outcome.text("in.zip!/m0"), "line\n");
        assert_eq!(
            outcome.documents.len(),
            if sign { 9 } else { 8 },
            "{:?}",
            outcome.faults
        );
        outcome.only_fault();
        // Cut inside the last member: what can be inflated of it.
        let mut cut = Vec::new();
        streamed(&mut cut, "whole", 0, &text, &text, sign, false);
        let good = cut.len();
        streamed(&mut cut, "cut", 0, &text, &text, sign, false);
        let outcome = read_bytes(&cut[..good + 1000]);
        assert_eq!(outcome.text("!/whole").len(), text.len());
        assert_eq!(outcome.faults.len(), 2, "{:?}", outcome.faults);
    }
}

#[test]
fn a_directory_with_fewer_members_than_it_states_is_one_entry() {
    let mut bytes = zip();
    let end = bytes.len() - 22;
    bytes[end + 10] = 9;
    let outcome = read_bytes(&bytes);
    has_all(&outcome);
    let (_, _, reason) = outcome.only_fault();
    assert!(reason.contains("states 9 members and holds 5"), "{reason}");
    // Writers to a pipe leave it 0.
    bytes[end + 10] = 0;
    assert_eq!(read_bytes(&bytes).faults, []);
}

#[test]
fn zips_with_something_in_front_are_zips() {
    let zip = zip();
    let fronts: [&[u8]; 5] = [
        b"PK00",
        b"#!/usr/bin/env python3\n",
        b"#!/bin/sh\nexec unzip \"$0\"\nexit\n",
        &[b"MZ".as_slice(), &[0; 3000]].concat(),
        &[b"\x7FELF\x02\x01\x01".as_slice(), &[0; 9000]].concat(),
    ];
    for front in fronts {
        let bytes = [front, &zip].concat();
        let outcome = read_bytes(&bytes);
        has_all(&outcome);
        assert_eq!(
            (outcome.faults.as_slice(), outcome.passed_over),
            (&[][..], 0)
        );
        let nested = read_bytes(&gzip(&bytes));
        has_all(&nested);
        assert_eq!(nested.faults, []);
    }
    // Scripts and programs without one.
    assert_eq!(read_bytes(b"#!/bin/sh\necho\n").documents.len(), 1);
    let program = [b"\x7FELF\x02\x01\x01".as_slice(), &[0; 9000]].concat();
    assert!(
        read_bytes(&gzip(&program))
            .only_fault()
            .2
            .contains("not text: ELF executable")
    );
    let script = b"#!/bin/sh\necho \0\n";
    assert_eq!(read_bytes(&gzip(script)).documents[0].1.as_bytes(), script);
}

/// Info-ZIP: "warning: 10 extra bytes at beginning or within zipfile".
#[test]
fn what_is_around_a_zip_and_no_program_is_counted_as_passed_over() {
    let zip = zip();
    let front = b"1\n2\n3\n4\n5\n";
    let script: &[u8] = b"#!/usr/bin/env python3\n";
    // A cpio whose first byte is damaged: its stored member looks like a zip with something around.
    let mut cpio = b"\x71\xC7".to_vec();
    cpio.extend_from_slice(&[1; 24]);
    let cases: [(&[u8], &[u8], u64); 6] = [
        (front, b"", 10),
        (b"", b"text\n", 5),
        (front, b"text\n", 15),
        (script, b"text\n", 5),
        (b"", &[0; 3000], 0),
        (&cpio, b"TRAILER!!!\0\0", 36),
    ];
    for (front, behind, passed_over) in cases {
        let bytes = [front, &zip, behind].concat();
        let nested = gzip(&bytes);
        for bytes in [bytes, nested] {
            // What a stream is that begins with text is not told by its end.
            if bytes.starts_with(b"\x1F\x8B") && !front.is_empty() && front != script {
                continue;
            }
            let outcome = read_bytes(&bytes);
            has_all(&outcome);
            assert_eq!(outcome.faults, []);
            assert_eq!(outcome.passed_over, passed_over, "{front:?} {behind:?}");
        }
    }
    // What one split after the other reads of one zip is counted once.
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("input");
    let mut many = Zip::default();
    for number in 0..4 {
        many.store(&format!("m{number}"), &b"a line\n".repeat(100_000));
    }
    fs::write(&path, [&many.finish()[..], b"text\n"].concat()).unwrap();
    let outcome = read(&[&path], &spec());
    assert_eq!((outcome.documents.len(), outcome.passed_over), (4, 5));
}

#[test]
fn names_are_utf8_by_the_flag_or_the_unicode_field_and_code_page_437_else() {
    let mut zip = Zip::default();
    let text = b"x\n";
    let crc = crc32fast::hash(text);
    zip.raw(b"f\x84le", 0, 0, text, crc, 2)
        .raw(b"f\x94le", 0, 0, text, crc, 2)
        .raw("grün".as_bytes(), 0, 1 << 11, text, crc, 2)
        .raw("blåbær".as_bytes(), 0, 0, text, crc, 2);
    let outcome = read_bytes(&zip.finish());
    for name in ["fäle", "föle", "grün", "blåbær"] {
        assert_eq!(outcome.text(&format!("input!/{name}")), "x\n");
    }
    let mut extra = vec![0x75, 0x70, 0, 0, 1];
    extra.extend_from_slice(&crc32fast::hash(b"ogon?k").to_le_bytes());
    extra.extend_from_slice("огонёк".as_bytes());
    extra[2] = (extra.len() - 4) as u8;
    assert_eq!(
        crate::archive::names::decode(b"ogon?k", false, &extra),
        "огонёк".as_bytes()
    );
    assert_eq!(
        crate::archive::names::decode(b"other", false, &extra),
        b"other"
    );
}

#[test]
fn members_of_method_14_are_read() {
    let text = b"some text\n".repeat(300);
    let options = liblzma::stream::LzmaOptions::new_preset(6).unwrap();
    let stream = liblzma::stream::Stream::new_lzma_encoder(&options).unwrap();
    let mut encoder = liblzma::write::XzEncoder::new_stream(Vec::new(), stream);
    encoder.write_all(&text).unwrap();
    let alone = encoder.finish().unwrap();
    let data = [&[26, 0, 5, 0][..], &alone[..5], &alone[13..]].concat();
    let crc = crc32fast::hash(&text);
    let bytes = Zip::default()
        .raw(b"ends", 14, 2, &data, crc, text.len() as u32)
        .raw(
            b"cut",
            14,
            2,
            &data[..data.len() / 2],
            crc,
            text.len() as u32,
        )
        .raw(b"short", 14, 2, &data[..3], crc, text.len() as u32)
        .finish();
    let outcome = read_bytes(&bytes);
    assert_eq!(outcome.text("!/ends").len(), text.len());
    assert_eq!(outcome.faults.len(), 2, "{:?}", outcome.faults);
}

/// Bytes as deflate gives them: no text.
fn noise(count: u32) -> Vec<u8> {
    let mix = |n: u32| n.wrapping_mul(2_654_435_761).rotate_left(9);
    (0..count).map(|n| (mix(n) >> 11) as u8).collect()
}

#[test]
fn parts_of_a_split_zip_are_named_by_their_end_or_their_name() {
    let dir = tempfile::tempdir().unwrap();
    let mut last = noise(9000);
    last.extend_from_slice(b"PK\x05\x06\x09\0\x09\0\x01\0\x01\0\x4D\0\0\0\x08\xC8\0\0\x03\0any");
    let part = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        fs::write(&path, bytes).unwrap();
        let outcome = read(&[&path], &spec());
        assert_eq!(outcome.documents.len(), 0, "{name}: {outcome:?}");
        let (document, offset, reason) = outcome.only_fault();
        assert!(
            document.ends_with(name) && offset == 0,
            "{name}: {document}"
        );
        assert!(
            reason.contains("a part of a split zip; join"),
            "{name}: {reason}"
        );
        assert!(reason.contains("zip -s 0"), "{name}: {reason}");
    };
    part("by-its-end", &last);
    part("last.zip", &last);
    for name in ["a.z02", "a.Z117", "a.zip.002", "cut-off.zip"] {
        part(name, &noise(9000));
    }
    // The same in an archive, where the end is not seen.
    let path = dir.path().join("tar");
    fs::write(&path, tar(&[("a.z02", &noise(9000)), ("a.zip", &last)])).unwrap();
    let outcome = read(&[&path], &spec());
    assert_eq!((outcome.documents.len(), outcome.faults.len()), (0, 2));

    // Text is read whatever its name, and so is a part that looks like text.
    for name in ["text.z01", "text.zip.001", "text.zip", "z01"] {
        let path = dir.path().join(name);
        fs::write(&path, "a text\n").unwrap();
        assert_eq!(read(&[&path], &spec()).text(name), "a text\n");
    }
}

/// As in D. Fifield's bomb, every entry of the directory leads to one member. Info-ZIP: "invalid
/// zip file with overlapped components (possible zip bomb)".
#[test]
fn members_that_share_bytes_are_read_once() {
    let mut zip = Zip::default();
    zip.add("a", b"text\n")
        .add("b", b"more\n")
        .add("c", b"last\n");
    let mut bytes = zip.finish();
    let second = bytes
        .windows(4)
        .rposition(|four| four == b"PK\x01\x02")
        .unwrap();
    // The last entry leads to the first member's header.
    bytes[second + 42..second + 46].fill(0);
    let outcome = read_bytes(&bytes);
    assert_eq!(outcome.text("!/a"), "text\n");
    assert_eq!(outcome.documents.len(), 2);
    let (document, _, reason) = outcome.only_fault();
    assert!(document.ends_with("!/c"), "{document}");
    assert!(reason.contains("shares bytes"), "{reason}");
}
