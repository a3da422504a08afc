//! Formats beside gzip, tar and zip, and which members are read.

use std::fs;
use std::io::Write;
use std::path::Path;

use gristmill_common::spec::JobSpec;

use crate::testing::{Outcome, Zip, gzip, read, read_bytes, read_in, read_with, spec, tar};
use crate::{Halt, Plan};

type Encode = dyn Fn(&[u8]) -> Vec<u8>;

fn text() -> String {
    (0..9000_u32)
        .map(|n| format!("{n} {}\n", n * n % 977))
        .collect()
}

fn lzma(bytes: &[u8]) -> Vec<u8> {
    let options = liblzma::stream::LzmaOptions::new_preset(1).unwrap();
    let stream = liblzma::stream::Stream::new_lzma_encoder(&options).unwrap();
    let mut encoder = liblzma::write::XzEncoder::new_stream(Vec::new(), stream);
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn snappy(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = snap::write::FrameEncoder::new(Vec::new());
    encoder.write_all(bytes).unwrap();
    encoder.into_inner().unwrap()
}

#[test]
fn lzma_zlib_and_snappy_are_read_and_their_damage_is_one_entry() {
    let text = text();
    for encode in [lzma, zlib, snappy] {
        let bytes = encode(text.as_bytes());
        let outcome = read_bytes(&bytes);
        assert!(outcome.documents[0].1 == text && outcome.faults.is_empty());
        let outcome = read_bytes(&tar(&[("x", &bytes), ("y", b"y\n")]));
        assert!(outcome.text("!/x") == text && outcome.text("!/y") == "y\n");
        let cut = read_bytes(&bytes[..bytes.len() / 2]);
        assert!(cut.only_fault().2.contains("truncated"), "{:?}", cut.faults);
        assert!(text.starts_with(&cut.documents[0].1));
        let mut broken = bytes.clone();
        let middle = broken.len() / 2;
        broken[middle..middle + 40].fill(0x55);
        read_bytes(&broken).only_fault();
        let dirty = read_bytes(&[&bytes[..], b"garbage"].concat());
        dirty.only_fault();
        assert!(dirty.documents[0].1 == text);
    }
}

/// A frame that holds no data.
fn skippable(kind: u8, data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u32).to_le_bytes();
    [&[0x50 | kind, 0x2A, 0x4D, 0x18][..], &length, data].concat()
}

#[test]
fn skippable_frames_may_stand_anywhere_in_lz4_and_zstd() {
    let lz4 = |bytes: &[u8]| {
        let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let zstd = |bytes: &[u8]| zstd::encode_all(bytes, 1).unwrap();
    let encoders: [&Encode; 2] = [&lz4, &zstd];
    for encode in encoders {
        let bytes = [
            skippable(3, b"first"),
            skippable(15, b""),
            encode(b"one\n"),
            skippable(0, &[7; 5000]),
            encode(b"two\n"),
            skippable(1, b"last"),
        ]
        .concat();
        let outcome = read_bytes(&bytes);
        assert_eq!(
            (&outcome.documents[0].1[..], outcome.faults.len()),
            ("one\ntwo\n", 0)
        );
        let cut = read_bytes(&bytes[..bytes.len() - 1]);
        assert_eq!(cut.faults.len(), 1);
    }
}

#[test]
fn padding_of_xz_is_zeros_in_fours() {
    let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 0);
    encoder.write_all(b"text\n").unwrap();
    let xz = encoder.finish().unwrap();
    for (zeros, faults) in [(0, 0), (3, 1), (4, 0), (513, 1)] {
        let padded = [&xz[..], &vec![0; zeros]].concat();
        let outcome = read_bytes(&padded);
        assert_eq!(
            (outcome.faults.len(), &outcome.documents[0].1[..]),
            (faults, "text\n")
        );
        let between = [padded, xz.clone()].concat();
        assert_eq!(read_bytes(&between).faults.len(), faults);
    }
}

#[test]
fn utf16_with_a_mark_is_decoded() {
    let text: String = "häßlich 😀 𝄞\r\n".repeat(5000);
    for order in [u16::to_le_bytes, u16::to_be_bytes] {
        let mut bytes = order(0xFEFF).to_vec();
        bytes.extend(text.encode_utf16().flat_map(order));
        let outcome = read_bytes(&bytes);
        assert!(outcome.documents[0].1 == text && outcome.faults.is_empty());
        assert_eq!(outcome.records[&0], 5000);
        let packed = read_bytes(&gzip(&bytes));
        assert!(packed.documents[0].1 == text && packed.faults.is_empty());
        // Half a unit at the end, and a surrogate alone: the record stays one that is not UTF-8.
        let odd = read_bytes(&[&bytes[..], b"x"].concat());
        assert!(odd.only_fault().2.contains("half a character"));
        bytes.extend([0xD800, u16::from(b'\n')].into_iter().flat_map(order));
        assert_eq!(read_bytes(&bytes).records[&0], 5001);
    }
}

fn ar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = b"!<arch>\n".to_vec();
    for (name, data) in members {
        let size = data.len();
        bytes.extend(format!("{name:<16}0           0     0     100644  {size:<10}`\n").as_bytes());
        bytes.extend_from_slice(data);
        bytes.resize(bytes.len().next_multiple_of(2), b'\n');
    }
    bytes
}

#[test]
fn ar_archives_and_debian_packages_are_read() {
    let deb = ar(&[
        ("debian-binary", b"2.0\n"),
        (
            "control.tar.gz",
            &gzip(&tar(&[("./control", b"Package: x\n")])),
        ),
        ("data.tar", &tar(&[("./usr/share/doc/x", b"doc\n")])),
    ]);
    let outcome = read_bytes(&deb);
    assert_eq!(outcome.text("!/debian-binary"), "2.0\n");
    assert_eq!(outcome.text("control.tar.gz!/control"), "Package: x\n");
    assert_eq!(outcome.text("data.tar!/usr/share/doc/x"), "doc\n");
    assert_eq!(outcome.faults, []);
    let library = ar(&[
        ("/", b"index"),
        ("//", b"a-long-member-name.txt/\nanother.txt/\n"),
        ("/0", b"one\n"),
        ("/24", b"two\n"),
        ("#1/8", b"bsd.txt\0three\n"),
        ("short.txt/", b"four"),
    ]);
    let outcome = read_bytes(&library);
    assert_eq!(outcome.text("!/a-long-member-name.txt"), "one\n");
    assert_eq!(outcome.text("!/another.txt"), "two\n");
    assert_eq!(outcome.text("!/bsd.txt"), "three\n");
    assert_eq!(outcome.text("!/short.txt"), "four");
    assert_eq!((outcome.documents.len(), outcome.faults.len()), (4, 0));
    let filled = [&library[..], &[0; 600]].concat();
    assert_eq!(read_bytes(&filled).faults, []);
    let cut = read_bytes(&library[..library.len() - 2]);
    assert!(cut.only_fault().2.contains("truncated"));
}

/// A cpio archive in the new ASCII form, or the old one.
fn cpio(members: &[(&str, u32, &[u8])], new: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, mode, data) in members.iter().chain(&[("TRAILER!!!", 0, &b""[..])]) {
        let (length, size) = (name.len() + 1, data.len());
        let start = bytes.len();
        if new {
            let fields = [
                1,
                *mode,
                0,
                0,
                1,
                0,
                size as u32,
                0,
                0,
                0,
                0,
                length as u32,
                0,
            ];
            bytes.extend_from_slice(b"070701");
            fields
                .iter()
                .for_each(|field| bytes.extend(format!("{field:08X}").bytes()));
        } else {
            let head = format!(
                "070707{:06o}{:06o}{mode:06o}{:06o}{:06o}{:06o}{:06o}{:011o}{length:06o}{size:011o}",
                0, 0, 0, 0, 1, 0, 0
            );
            bytes.extend(head.bytes());
        }
        let align = if new { 4 } else { 1 };
        bytes.extend_from_slice(name.as_bytes());
        bytes.push(0);
        bytes.resize(start + (bytes.len() - start).next_multiple_of(align), 0);
        bytes.extend_from_slice(data);
        bytes.resize(start + (bytes.len() - start).next_multiple_of(align), 0);
    }
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

#[test]
fn cpio_archives_are_read() {
    for new in [true, false] {
        let bytes = cpio(
            &[
                ("a.txt", 0o100_644, b"one\n"),
                ("folder", 0o040_755, b""),
                ("link", 0o120_777, b"a.txt"),
                ("folder/b", 0o100_600, b"two"),
            ],
            new,
        );
        let outcome = read_bytes(&bytes);
        assert_eq!(outcome.text("!/a.txt"), "one\n");
        assert_eq!(outcome.text("!/folder/b"), "two");
        assert_eq!((outcome.documents.len(), outcome.faults.len()), (2, 0));
        let cut = read_bytes(&bytes[..130]);
        assert_eq!(cut.faults.len(), 1);
        // All members, and no mark of the end.
        let end = memchr::memmem::find(&bytes, b"TRAILER").unwrap();
        let header = if new { 110 } else { 76 };
        let cut = read_bytes(&bytes[..end - header]);
        assert_eq!(cut.documents.len(), 2);
        assert!(cut.only_fault().2.contains("no end mark"), "{cut:?}");
    }
}

/// The data stands at the last name; cpio makes both files.
#[test]
fn a_linked_file_of_a_cpio_is_read_as_the_name_that_was_asked_for() {
    let mut bytes = cpio(
        &[("kept", 0o100_644, b""), ("a/log", 0o100_644, b"text\n")],
        true,
    );
    for start in [0, 116] {
        // Two names.
        bytes[start + 38..start + 46].copy_from_slice(b"00000002");
    }
    let read = |exclude: &str| {
        let spec = JobSpec {
            exclude: vec![exclude.into()],
            ..spec()
        };
        let outcome = read_with(&bytes, &spec);
        assert_eq!(outcome.faults, []);
        assert_eq!(outcome.documents.len(), 1);
        let name = &outcome.documents[0].0;
        name.split_once('!').unwrap().1.to_owned()
    };
    assert_eq!(read("a"), "/kept");
    assert_eq!(read("kept"), "/a/log");
}

#[test]
fn what_follows_a_cpio_is_read_as_in_an_initramfs() {
    let early = cpio(&[("kernel/microcode", 0o100_644, b"early\n")], true);
    let main = cpio(&[("etc/motd", 0o100_644, b"main\n")], true);
    let padded = |follows: &[u8]| {
        let mut bytes = early.clone();
        bytes.resize(bytes.len().next_multiple_of(512) + 512, 0);
        bytes.extend_from_slice(follows);
        bytes
    };
    let zst = zstd::encode_all(&main[..], 1).unwrap();
    for follows in [main.clone(), gzip(&main), zst, gzip(&gzip(&main))] {
        let outcome = read_bytes(&padded(&follows));
        assert_eq!(outcome.text("!/kernel/microcode"), "early\n");
        assert_eq!(outcome.text("!/etc/motd"), "main\n");
        assert_eq!((outcome.documents.len(), outcome.faults.len()), (2, 0));
    }
    // What is not read is named with its place.
    for (follows, expected) in [
        (
            &b"\x02\x21\x4C\x18rest"[..],
            "not supported: legacy lz4 stream",
        ),
        (b"no archive\n", "tail -c +"),
        (&gzip(&main)[..40], "gzip"),
    ] {
        let outcome = read_bytes(&padded(follows));
        assert_eq!(outcome.text("!/kernel/microcode"), "early\n");
        assert!(outcome.only_fault().2.contains(expected), "{outcome:?}");
    }
    // Each is one layer more.
    let mut nested = main.clone();
    for _ in 0..40 {
        nested = padded(&gzip(&nested));
    }
    let outcome = read_bytes(&nested);
    assert!(outcome.only_fault().2.contains("limit of depth"));
}

#[test]
fn globs_choose_members_by_their_own_paths() {
    let with = |include: &[&str], exclude: &[&str]| JobSpec {
        include: include.iter().map(|&glob| glob.into()).collect(),
        exclude: exclude.iter().map(|&glob| glob.into()).collect(),
        ..spec()
    };
    let inner = tar(&[("x.txt", b"x\n"), ("x.bin", b"b\n")]);
    let mut zip = Zip::default();
    zip.add("a.txt", b"a\n")
        .add("d/b.txt", b"b\n")
        .add("d/c.log", b"c\n")
        .add("in.tar", &inner);
    let names = |outcome: &Outcome| {
        let mut names: Vec<String> = (outcome.documents.iter())
            .map(|document| document.0.split_once("!/").unwrap().1.to_owned())
            .collect();
        names.sort();
        names
    };
    let zip = zip.finish();
    for bytes in [
        zip.clone(),
        gzip(&tar(&[
            ("./a.txt", b"a\n"),
            ("d/b.txt", b"b\n"),
            ("d/c.log", b"c\n"),
            ("in.tar", &inner),
        ])),
    ] {
        let read = |include: &[&str], exclude: &[&str]| {
            names(&read_with(&bytes, &with(include, exclude)))
                .join(" ")
                .replace("./", "")
        };
        // Members of an archive within are chosen by their own paths too.
        assert_eq!(read(&["*.txt"], &[]), "a.txt d/b.txt in.tar!/x.txt");
        assert_eq!(read(&["x.bin"], &[]), "in.tar!/x.bin");
        // A folder that is excluded is so with all below it.
        assert_eq!(read(&["*.txt"], &["d"]), "a.txt in.tar!/x.txt");
        assert_eq!(read(&[], &["d/", "in.tar"]), "a.txt");
        assert_eq!(read(&["d/*"], &["*.log"]), "d/b.txt");
        assert_eq!(read(&["*.tar"], &[]), "in.tar!/x.bin in.tar!/x.txt");
        assert_eq!(read(&["*.tar"], &["*.bin"]), "in.tar!/x.txt");
        assert_eq!(read(&[], &["*.tar"]), "a.txt d/b.txt d/c.log");
    }
    // An archive that is chosen by its own name is read whole.
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("in.zip"), &zip).unwrap();
    fs::write(dir.path().join("other"), "other\n").unwrap();
    let outcome = read(&[dir.path()], &with(&["*.zip"], &["*.log"]));
    assert_eq!(
        names(&outcome),
        ["a.txt", "d/b.txt", "in.tar!/x.bin", "in.tar!/x.txt"]
    );
}

#[test]
fn archives_in_a_folder_that_do_not_match_are_looked_into_and_other_files_are_not_read() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    };
    let members = tar(&[("a.txt", b"a\n"), ("b.log", b"b\n"), ("in/c.txt", b"c\n")]);
    // By what they are, not by their names.
    write("one.data", &gzip(&members));
    write(
        "two",
        &Zip::default()
            .add("d.txt", b"d\n")
            .add("e.log", b"e\n")
            .finish(),
    );
    write("f.txt", b"f\n");
    write("g.log", b"g\n");
    write("h.log.gz", &gzip(b"h\n"));
    write("broken.gz", b"\x1F\x8B\x08\0broken");
    write("i.png", b"\x89PNG\r\n\x1A\n\0\0\0\rIHDR");
    // Neither its encryption nor its damage matters of a member that was not asked for.
    let mut zip = Zip::default();
    zip.add("j.txt", b"j\n")
        .add("k.gz", b"\x1F\x8B\x08\0broken");
    write("three.zip", &zip.finish());
    write("node_modules/deep/l.txt", b"l\n");
    write("m/node_modules/n.txt", b"n\n");
    let choose = |include: &[&str], exclude: &[&str]| {
        let spec = JobSpec {
            include: include.iter().map(|&glob| glob.into()).collect(),
            exclude: exclude.iter().map(|&glob| glob.into()).collect(),
            ..spec()
        };
        let outcome = read(&[dir.path()], &spec);
        assert_eq!(outcome.faults, [], "{include:?}");
        let texts: Vec<&str> = (outcome.documents.iter())
            .map(|document| document.1.trim_end())
            .collect();
        texts.join(" ")
    };
    assert_eq!(choose(&["*.txt"], &[]), "f n l a c j d");
    assert_eq!(choose(&["*.txt"], &["node_modules"]), "f a c j d");
    assert_eq!(choose(&["*.txt"], &["node_modules/"]), "f a c j d");
    // With a slash: from the folder or archive on.
    assert_eq!(
        choose(&["*.txt"], &["m/node_modules", "in/**"]),
        "f l a j d"
    );
    assert_eq!(
        choose(&["*.txt"], &["*.data", "two", "node_modules"]),
        "f j"
    );
    assert_eq!(choose(&["g.*"], &[]), "g");
    assert_eq!(choose(&["nothing"], &[]), "");
}

#[test]
fn hidden_files_and_links_are_read_when_asked_and_a_circle_of_links_ends() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("root");
    fs::create_dir_all(root.join(".git")).unwrap();
    fs::write(root.join("plain"), "x\n").unwrap();
    fs::write(root.join(".hidden"), "x\n").unwrap();
    fs::write(root.join(".git/config"), "x\n").unwrap();
    fs::create_dir(dir.path().join("elsewhere")).unwrap();
    fs::write(dir.path().join("elsewhere/far"), "x\n").unwrap();
    std::os::unix::fs::symlink("../elsewhere", root.join("folder")).unwrap();
    std::os::unix::fs::symlink("plain", root.join("link")).unwrap();
    std::os::unix::fs::symlink("../root", dir.path().join("elsewhere/back")).unwrap();
    let names = |hidden, follow| {
        let spec = JobSpec {
            hidden,
            follow,
            ..spec()
        };
        let plan = Plan::new(&[root.clone().into()], &spec, 1 << 20).unwrap();
        let inside = |path: &Path| path.strip_prefix(&root).unwrap().display().to_string();
        let names: Vec<String> = plan
            .sources()
            .iter()
            .map(|source| inside(&source.path))
            .collect();
        names.join(" ")
    };
    assert_eq!(names(false, false), "plain");
    assert_eq!(names(true, false), ".git/config .hidden plain");
    assert_eq!(names(false, true), "folder/back folder/far link plain");
    let spec = JobSpec {
        follow: true,
        ..spec()
    };
    assert!(read(&[&root], &spec).only_fault().2.contains("leads back"));
}

#[test]
fn a_job_that_unfolds_to_more_than_it_may_fails() {
    use gristmill_common::progress::Progress;
    use gristmill_common::shutdown::Shutdown;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("input.gz");
    fs::write(&path, gzip(&[b'a'; 100_000])).unwrap();
    let plan = Plan::new(&[path.into()], &spec(), 1 << 20).unwrap();
    let (progress, shutdown) = (Progress::default(), Shutdown::new());
    let reading = crate::Reading::new(&plan, &spec(), std::env::temp_dir(), &progress, &shutdown);
    let reading = reading.unwrap();
    for (most, enough) in [(None, true), (Some(100_000), true), (Some(99_999), false)] {
        struct Nowhere;
        impl crate::ChunkSink for Nowhere {
            fn take(
                &mut self,
                _: gristmill_common::chunk::ChunkHead,
                _: Vec<u8>,
            ) -> Result<(), Halt> {
                Ok(())
            }
        }
        match crate::read_split(&reading.clone().bounded(most), 0, &mut Nowhere) {
            Ok(_) => assert!(enough),
            Err(Halt::TooMuch(bound)) => assert!(!enough && most == Some(bound)),
            Err(halt) => panic!("{halt}"),
        }
    }
    assert!(read_in(&[&dir.path().join("input.gz")], &spec(), 4096).is_ok());
}
