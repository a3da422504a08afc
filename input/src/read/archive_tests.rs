//! Formats, nesting and names, each with its own fixture.

use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;

use gristmill_common::spec::{JobSpec, Records};
use proptest::prelude::*;

use crate::testing::{Outcome, Zip, file, gzip, read, read_bytes, read_in, spec, tar};

type Encode = dyn Fn(&[u8]) -> Vec<u8>;

const TEXT: &str = "one\ntwo\r\nthree";

fn bzip2(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 0);
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zst(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.include_checksum(true).unwrap();
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn lz4(bytes: &[u8], mode: lz4_flex::frame::BlockMode) -> Vec<u8> {
    let info = lz4_flex::frame::FrameInfo::new()
        .block_mode(mode)
        .block_checksums(true)
        .content_checksum(true);
    let mut encoder = lz4_flex::frame::FrameEncoder::with_frame_info(info, Vec::new());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn long_text() -> String {
    (0..12_000_u64)
        .map(|n| format!("{n} the quick brown fox {}\n", n * n % 977))
        .collect()
}

#[test]
fn every_codec_gives_its_concatenated_streams_as_one_document() {
    use lz4_flex::frame::BlockMode::{Independent, Linked};
    let long = long_text();
    let codecs: [&Encode; 6] = [
        &gzip,
        &bzip2,
        &xz,
        &zst,
        &|bytes| lz4(bytes, Independent),
        &|bytes| lz4(bytes, Linked),
    ];
    for (number, codec) in codecs.iter().enumerate() {
        let parts = [codec(TEXT.as_bytes()), codec(long.as_bytes()), codec(b"")].concat();
        let outcome = read_bytes(&parts);
        assert_eq!(outcome.documents.len(), 1, "codec {number}");
        assert_eq!(
            outcome.documents[0].1,
            format!("{TEXT}{long}"),
            "codec {number}"
        );
        assert!(outcome.documents[0].2 && outcome.documents[0].3);
        assert_eq!(outcome.records[&0], 12_002);
        assert_eq!(outcome.faults, [], "codec {number}");

        let cut = codec(long.as_bytes());
        let outcome = read_bytes(&cut[..cut.len() / 2]);
        let (_, offset, reason) = outcome.only_fault();
        assert!(reason.contains("truncated"), "codec {number}: {reason}");
        let good = &outcome.documents[0].1;
        assert_eq!(good.len() as u64, offset);
        assert!(long.starts_with(good), "codec {number}");
        assert!(good.is_empty() || good.ends_with('\n'), "codec {number}");
        assert_eq!(outcome.records[&0], good.lines().count() as u64 + 1);

        let dirty = [&cut[..], b"garbage"].concat();
        let outcome = read_bytes(&dirty);
        let (_, offset, reason) = outcome.only_fault();
        assert!(
            reason.contains("garbage after the end"),
            "codec {number}: {reason}"
        );
        assert_eq!(
            (offset, &outcome.documents[0].1),
            (long.len() as u64, &long)
        );
        assert_eq!(outcome.samples[0], b"garbage");

        let padded = [&cut[..], &[0; 1000]].concat();
        assert_eq!(read_bytes(&padded).faults, [], "codec {number}");

        let mut broken = cut.clone();
        let middle = broken.len() / 2;
        for byte in &mut broken[middle..middle + 40] {
            *byte ^= 0x55;
        }
        let outcome = read_bytes(&broken);
        outcome.only_fault();
        let good = outcome.documents[0].1.matches('\n').count();
        assert_eq!(outcome.records[&0], good as u64 + 1, "codec {number}");
    }
}

#[test]
fn archives_nest_in_each_other_and_compression_adds_no_name() {
    let inner = tar(&[("c.txt", b"deep\n"), ("d.gz", &gzip(b"deeper\n"))]);
    let mut nested = Zip::default();
    nested.add("n.txt", b"nested\n");
    let zip = Zip::default()
        .add("a.txt", TEXT.as_bytes())
        .store("b.tar.gz", &gzip(&inner))
        .add("../../etc/passwd", b"only a label\n")
        .add("folder/", b"")
        .add("n.zip", &nested.finish())
        .add("empty", b"")
        .finish();
    let outcome = read_bytes(&zip);
    let names: Vec<&str> = (outcome.documents.iter())
        .map(|document| document.0.split_once("!/").unwrap().1)
        .collect();
    let expected = [
        "a.txt",
        "b.tar.gz!/c.txt",
        "b.tar.gz!/d.gz",
        "../../etc/passwd",
        "n.zip!/n.txt",
        "empty",
    ];
    assert_eq!(names, expected);
    assert_eq!(outcome.text("d.gz"), "deeper\n");
    assert_eq!(outcome.text("n.zip!/n.txt"), "nested\n");
    assert_eq!(outcome.records[&0], 3 + 1 + 1 + 1 + 1);
    assert_eq!(outcome.faults, []);
    let packed = read_bytes(&gzip(&zip));
    let texts = |outcome: &Outcome| -> Vec<String> {
        outcome
            .documents
            .iter()
            .map(|document| document.1.clone())
            .collect()
    };
    assert_eq!(texts(&packed), texts(&outcome));
}

#[test]
fn zip_members_of_every_method_are_read() {
    let text = long_text();
    let bytes = text.as_bytes();
    let crc = crc32fast::hash(bytes);
    let size = bytes.len() as u32;
    let zip = Zip::default()
        .raw(b"stored", 0, 0, bytes, crc, size)
        .raw(
            b"deflated",
            8,
            0,
            &crate::testing::deflate(bytes),
            crc,
            size,
        )
        .raw(b"bzip2", 12, 0, &bzip2(bytes), crc, size)
        .raw(b"zstd", 93, 0, &zst(bytes), crc, size)
        .raw(b"xz", 95, 0, &xz(bytes), crc, size)
        .raw(b"imploded", 6, 0, b"x", 0, 1)
        .raw(b"secret", 8, 1, b"x", 0, 1)
        .finish();
    let outcome = read_bytes(&zip);
    assert_eq!(outcome.documents.len(), 5);
    for document in &outcome.documents {
        assert_eq!(document.1, text, "{}", document.0);
    }
    let reasons: Vec<&str> = outcome.faults.iter().map(|fault| &fault.2[..]).collect();
    assert_eq!(reasons.len(), 2);
    assert!(reasons[0].contains("method 6"), "{reasons:?}");
    assert!(reasons[1].contains("encrypted"), "{reasons:?}");
}

/// Writes bits as DEFLATE packs them, in one block of fixed codes (RFC 1951, 3.2.6).
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    used: u32,
}

impl Bits {
    /// A number, lowest bit first.
    fn number(&mut self, value: u32, bits: u32) {
        for bit in 0..bits {
            if self.used.is_multiple_of(8) {
                self.bytes.push(0);
            }
            let last = self.bytes.last_mut().unwrap();
            *last |= ((value >> bit & 1) as u8) << (self.used % 8);
            self.used += 1;
        }
    }

    /// A Huffman code, highest bit first.
    fn code(&mut self, code: u32, bits: u32) {
        self.number(code.reverse_bits() >> (32 - bits), bits);
    }

    fn literals(&mut self, text: &str) {
        for byte in text.bytes() {
            self.code(0x30 + u32::from(byte), 8);
        }
    }
}

#[test]
fn deflate64_has_longer_matches_from_farther_away_than_deflate() {
    let mut bits = Bits::default();
    // The last block, of fixed codes.
    bits.number(1, 1);
    bits.number(1, 2);
    bits.literals("first\nline\n");
    // Code 285 is 258 bytes in DEFLATE; here it is 3 and sixteen extra bits.
    bits.code(0xC5, 8);
    bits.number(65_000 - 3, 16);
    // Distance 5 is code 4 with an extra bit.
    bits.code(4, 5);
    bits.number(0, 1);
    // A match of 6 bytes, code 260, from 65,011 bytes before: code 31, which DEFLATE does not have.
    bits.code(4, 7);
    bits.code(31, 5);
    bits.number(65_011 - 49_153, 14);
    bits.code(0, 7);
    let text = format!("first\n{}first\n", "line\n".repeat(13_001));
    let crc = crc32fast::hash(text.as_bytes());
    let zip = |data: &[u8]| {
        let mut zip = Zip::default();
        zip.raw(b"a", 9, 0, data, crc, text.len() as u32).finish()
    };
    let whole = read_bytes(&zip(&bits.bytes));
    assert_eq!(whole.faults, []);
    let found = whole.text("input!/a");
    assert!(found == text, "{} of {} bytes", found.len(), text.len());

    let cut = read_bytes(&zip(&bits.bytes[..bits.bytes.len() - 2]));
    let (document, _, reason) = cut.only_fault();
    assert!(
        document.ends_with("input!/a") && reason.contains("deflate64"),
        "{reason}"
    );
}

#[test]
fn a_zip_of_more_than_65535_members_is_read_whole_and_in_ranges() {
    let mut zip = Zip::default();
    for number in 0..70_000 {
        zip.store(&format!("{number}.txt"), format!("{number}\n").as_bytes());
    }
    let (_dir, path) = file(&zip.finish());
    let plan = crate::Plan::new(&[path.clone().into()], &spec(), 1 << 20).unwrap();
    assert!(plan.splits().len() > 2, "{:?}", plan.splits());
    let outcome = read_in(&[&path], &spec(), 1 << 20).unwrap();
    assert_eq!(outcome.documents.len(), 70_000);
    assert!(
        outcome
            .documents
            .iter()
            .enumerate()
            .all(|(n, doc)| doc.1 == format!("{n}\n"))
    );
    assert_eq!(outcome.records[&0], 70_000);
}

#[test]
fn tar_names_may_be_long_and_hold_any_bytes() {
    let long = "directory/".repeat(30) + "file";
    let mut pax = tar::Builder::new(Vec::new());
    pax.append_pax_extensions([("path", long.as_bytes()), ("comment", b"x")])
        .unwrap();
    let mut header = tar::Header::new_ustar();
    header.set_path("short").unwrap();
    header.set_size(3);
    header.set_cksum();
    pax.append(&header, &b"pax"[..]).unwrap();
    let mut bytes = tar(&[(&long, b"gnu\n")]);
    bytes.extend(pax.into_inner().unwrap());
    let mut odd = tar::Header::new_gnu();
    odd.as_mut_bytes()[..3].copy_from_slice(b"n\xFFm");
    odd.set_size(1);
    odd.set_cksum();
    bytes.extend_from_slice(odd.as_bytes());
    bytes.extend_from_slice(b"z");
    bytes.resize(bytes.len() + 511 + 1024, 0);
    let outcome = read_bytes(&bytes);
    assert_eq!(outcome.documents.len(), 3);
    assert!(outcome.documents[0].0.ends_with(&format!("!/{long}")));
    assert!(outcome.documents[1].0.ends_with(&format!("!/{long}")));
    assert_eq!(outcome.documents[1].1, "pax");
    assert!(outcome.documents[2].0.ends_with("n\u{FFFD}m"));
    assert_eq!(outcome.faults, []);
}

#[test]
fn whole_documents_are_one_record_each_even_when_empty() {
    let zip = Zip::default()
        .add("empty", b"")
        .add("big", &vec![b'x'; 3 << 20])
        .add("two lines", b"a\nb\n")
        .finish();
    let (_dir, path) = file(&zip);
    let spec = JobSpec {
        records: Records::Document,
        ..spec()
    };
    let outcome = read(&[&path], &spec);
    assert_eq!(outcome.records[&0], 3);
    assert_eq!(outcome.documents.len(), 2);
    let (document, offset, reason) = outcome.only_fault();
    assert!(document.ends_with("!/big") && offset == 0, "{outcome:?}");
    assert!(reason.contains("3145728 bytes"), "{reason}");
    assert_eq!(outcome.samples[0].len(), 64 << 10);
}

#[test]
fn a_name_that_is_not_utf8_stays_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(std::ffi::OsStr::from_bytes(b"odd\xFF"));
    fs::write(&path, "x\n").unwrap();
    let plan = crate::Plan::new(&[dir.path().into()], &spec(), 1 << 20).unwrap();
    assert!(plan.summary().sources[0].ends_with(b"/odd\xFF"));
    assert_eq!(read(&[&path], &spec()).records[&0], 1);
}

/// Archives of every kind, nested, to be damaged.
fn specimens() -> Vec<Vec<u8>> {
    let text = long_text();
    let text = &text.as_bytes()[..20_000];
    let zip = Zip::default()
        .add("a", text)
        .add("b.gz", &gzip(text))
        .add("c.tar", &tar(&[("d", text), ("e", b"x\n")]))
        .raw(b"f", 93, 0, &zst(text), crc32fast::hash(text), 20_000)
        .finish();
    vec![
        gzip(text),
        [gzip(text), gzip(b"more\n")].concat(),
        bzip2(text),
        xz(text),
        zst(text),
        lz4(text, lz4_flex::frame::BlockMode::Linked),
        tar(&[
            ("a", text),
            ("b.xz", &xz(text)),
            ("c.bz2", &bzip2(text)),
            ("d", text),
        ]),
        gzip(&tar(&[("a", text), ("b.zip", &zip), ("c", text)])),
        zip,
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    /// Nothing panics or hangs, every entry is accounted for, and the chunk size does not show.
    #[test]
    fn damaged_archives_are_accounted_for_whatever_the_chunk_size(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        for mut bytes in specimens() {
            for (at, value) in &changes {
                let at = at.index(bytes.len());
                bytes[at] = *value;
            }
            if let Some(cut) = cut {
                bytes.truncate(cut.index(bytes.len()));
            }
            let (_dir, path) = file(&bytes);
            let spec = JobSpec { max_record: 1000, ..spec() };
            let outcome = read(&[&path], &spec);
            prop_assert!(outcome.documents.iter().all(|document| document.2 && document.3));
            let lines: usize = outcome.documents.iter().map(|document| {
                let newlines = document.1.matches('\n').count();
                newlines + usize::from(!document.1.is_empty() && !document.1.ends_with('\n'))
            }).sum();
            let accounted = (lines + outcome.faults.len()) as u64;
            prop_assert_eq!(outcome.records.get(&0).copied().unwrap_or(0), accounted);
        }
    }
}
