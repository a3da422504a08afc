//! Bad input, each with its own fixture: one entry for each damaged stretch, and the rest goes on.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use gristmill_common::spec::{JobSpec, Limits, OnCorrupt, Records};

use crate::testing::{
    Outcome, Zip, deflate, file, gzip, read, read_bytes, read_in, read_with, spec, tar,
};
use crate::{Halt, Plan, PlanError};

fn fifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[test]
fn a_truncated_gzip_gives_its_good_records_and_one_entry() {
    let bytes = gzip(b"one\ntwo\nthr");
    let outcome = read_bytes(&bytes[..bytes.len() - 6]);
    assert_eq!(outcome.text("input"), "one\ntwo\n");
    let (_, offset, reason) = outcome.only_fault();
    assert_eq!(offset, 8);
    let place = format!("truncated trailer at compressed byte {}", bytes.len() - 8);
    assert!(reason.contains(&place), "{reason}");
    assert!(reason.contains("decompressed byte 11"), "{reason}");
    assert_eq!(outcome.samples[0], b"thr");
    assert_eq!(outcome.records[&0], 3);
}

#[test]
fn a_wrong_checksum_is_one_entry_after_the_records() {
    for (from_end, what) in [(8, "checksum"), (4, "wrong length")] {
        let mut bytes = gzip(b"one\ntwo\n");
        let at = bytes.len() - from_end;
        bytes[at] ^= 1;
        let outcome = read_bytes(&bytes);
        assert_eq!(outcome.text("input"), "one\ntwo\n");
        let (_, offset, reason) = outcome.only_fault();
        assert!(reason.contains(what), "{reason}");
        assert_eq!((offset, outcome.records[&0]), (8, 3));
    }
}

#[test]
fn garbage_after_a_gzip_is_one_entry_and_zeros_are_none() {
    let mut bytes = gzip(b"one\ntwo");
    bytes.extend_from_slice(&[0; 700]);
    assert_eq!(read_bytes(&bytes).faults, []);
    bytes.extend_from_slice(b"garbage");
    let outcome = read_bytes(&bytes);
    assert_eq!(outcome.text("input"), "one\ntwo");
    assert_eq!(outcome.only_fault().1, 7);
    assert_eq!(
        (outcome.records[&0], &outcome.samples[0][..]),
        (3, &b"garbage"[..])
    );
}

#[test]
fn damage_fails_the_job_that_is_to_fail_on_it() {
    let bytes = gzip(b"one\ntwo");
    let (_dir, path) = file(&bytes[..bytes.len() - 6]);
    let fail = JobSpec {
        on_corrupt: OnCorrupt::Fail,
        ..spec()
    };
    let halt = read_in(&[&path], &fail, 1 << 20).unwrap_err();
    let Halt::Corrupt(failure) = halt else {
        panic!("{halt:?}");
    };
    assert_eq!(failure.offset, 4);
    assert_eq!(failure.document, path.as_os_str().as_encoded_bytes());
    assert!(failure.reason.contains("truncated"), "{failure}");
    let long = JobSpec {
        max_record: 3,
        ..fail
    };
    let (_dir, path) = file(b"a long line\n");
    assert_eq!(read_in(&[&path], &long, 1 << 20).unwrap().faults.len(), 1);
}

#[test]
fn a_corrupt_member_in_the_middle_of_a_tar_leaves_the_others() {
    let mut middle = gzip(b"two\n");
    let at = middle.len() - 8;
    middle[at] ^= 1;
    let outcome = read_bytes(&tar(&[("a", b"one\n"), ("b", &middle), ("c", b"three\n")]));
    assert_eq!(outcome.text("!/a"), "one\n");
    assert_eq!(outcome.text("!/c"), "three\n");
    assert!(outcome.only_fault().0.ends_with("!/b"));
}

#[test]
fn a_corrupt_header_in_the_middle_of_a_tar_leaves_the_others() {
    let mut bytes = tar(&[("a", b"one\n"), ("b", b"two\n"), ("c", b"three\n")]);
    bytes[1024] ^= 1;
    let outcome = read_bytes(&bytes);
    assert_eq!(outcome.text("!/a"), "one\n");
    assert_eq!(outcome.text("!/c"), "three\n");
    assert_eq!(outcome.documents.len(), 2);
    let (document, offset, reason) = outcome.only_fault();
    assert!(
        document.ends_with("/input") && offset == 1024,
        "{outcome:?}"
    );
    assert!(reason.contains("no header"), "{reason}");
    assert_eq!(outcome.records[&0], 3);
}

#[test]
fn a_truncated_tar_is_one_entry_wherever_it_is_cut() {
    let bytes = tar(&[("a", b"one\n"), ("b", b"two\nthree\nfo")]);
    for (end, document, good) in [
        (1536 + 9, "!/b", "two\n"),
        (1024 + 100, "input", ""),
        // What fills the last block of `a` up, and between two members.
        (512 + 100, "input", ""),
        (1024, "input", ""),
    ] {
        let outcome = read_bytes(&bytes[..end]);
        assert_eq!(outcome.text("!/a"), "one\n");
        assert!(outcome.only_fault().0.ends_with(document), "{outcome:?}");
        assert!(
            good.is_empty() || outcome.text("!/b") == good,
            "{outcome:?}"
        );
        let packed = gzip(&bytes[..end]);
        assert_eq!(read_bytes(&packed).faults.len(), 1);
        let cut = gzip(&bytes);
        assert_eq!(read_bytes(&cut[..cut.len() - 12]).faults.len(), 1);
    }
}

#[test]
fn what_a_tar_header_says_takes_no_memory() {
    let mut header = tar::Header::new_gnu();
    header.set_path("huge").unwrap();
    header.set_size(1 << 60);
    header.set_cksum();
    let bytes = [header.as_bytes(), &b"one\ntwo"[..]].concat();
    let outcome = read_bytes(&bytes);
    assert_eq!(outcome.text("!/huge"), "one\n");
    assert!(outcome.only_fault().2.contains("truncated"));

    header.set_entry_type(tar::EntryType::GNULongName);
    header.set_cksum();
    let bytes = [header.as_bytes(), &b"name"[..]].concat();
    assert!(read_bytes(&bytes).only_fault().2.contains("truncated"));
}

#[test]
fn a_sparse_tar_member_without_a_map_leaves_the_others() {
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_path("sparse").unwrap();
    header.set_entry_type(tar::EntryType::GNUSparse);
    header.set_size(4);
    header.set_cksum();
    builder.append(&header, &b"data"[..]).unwrap();
    let mut bytes = builder.into_inner().unwrap();
    bytes.truncate(1024);
    bytes.extend(tar(&[("after", b"x\n")]));
    let outcome = read_bytes(&bytes);
    assert!(outcome.only_fault().2.contains("map of the member's holes"));
    assert_eq!(outcome.text("!/after"), "x\n");
}

#[test]
fn a_million_empty_members_are_a_million_documents_until_the_limit() {
    let count = 20_000;
    let mut header = tar::Header::new_gnu();
    header.set_path("e").unwrap();
    header.set_size(0);
    header.set_cksum();
    let bytes = gzip(&[&header.as_bytes().repeat(count)[..], &[0; 1024]].concat());
    let (_dir, path) = file(&bytes);
    let outcome = read_in(&[&path], &spec(), 1 << 20).unwrap();
    assert_eq!(
        (outcome.documents.len(), &outcome.faults[..]),
        (count, &[][..])
    );
    let spec = JobSpec {
        limits: Limits {
            entries: 100,
            ..Limits::default()
        },
        ..spec()
    };
    let outcome = read_in(&[&path], &spec, 1 << 20).unwrap();
    assert_eq!(outcome.documents.len(), 100);
    let (_, offset, reason) = outcome.only_fault();
    assert!(reason.contains("more than 100 members"), "{reason}");
    assert_eq!(offset, 100 * 512);
}

#[test]
fn zips_inside_zips_end_at_the_limit_of_depth() {
    let mut bytes = b"bottom\n".to_vec();
    for level in 0..12 {
        let mut zip = Zip::default();
        for copy in 0..2 {
            zip.add(&format!("{level}-{copy}.zip"), &bytes);
        }
        bytes = zip.finish();
    }
    let outcome = read_bytes(&bytes);
    assert_eq!(outcome.documents.len(), 0);
    assert_eq!(outcome.faults.len(), 1 << 8);
    assert!(
        outcome
            .faults
            .iter()
            .all(|fault| fault.2.contains("8 levels deep"))
    );
}

#[test]
fn gzips_inside_gzips_end_at_the_limit_of_depth() {
    let mut bytes = b"bottom\n".to_vec();
    for _ in 0..8 {
        bytes = gzip(&bytes);
    }
    assert_eq!(read_bytes(&bytes).text("input"), "bottom\n");
    let outcome = read_bytes(&gzip(&bytes));
    assert!(outcome.only_fault().2.contains("8 levels deep"));
    assert_eq!(outcome.records[&0], 1);
}

#[test]
fn a_nested_zip_past_the_limit_of_spool_is_one_entry() {
    let inner = Zip::default().store("big", &[b'x'; 5000]).finish();
    let bytes = Zip::default()
        .add("inner.zip", &inner)
        .add("after", b"x\n")
        .finish();
    let spec = JobSpec {
        limits: Limits {
            spool: 4000,
            ..Limits::default()
        },
        ..spec()
    };
    let outcome = read_with(&bytes, &spec);
    let (document, _, reason) = outcome.only_fault();
    assert!(
        document.ends_with("!/inner.zip") && reason.contains("limit of spool"),
        "{reason}"
    );
    assert_eq!(outcome.text("!/after"), "x\n");
}

#[test]
fn a_bomb_of_zeros_is_one_oversized_record_in_flat_memory() {
    // Debug builds inflate slowly; 100 MiB are 50 times what may be held.
    let zeros = vec![0; 1 << 20];
    let mut bytes = Vec::new();
    for _ in 0..100 {
        bytes.extend(gzip(&zeros));
    }
    let (_dir, path) = file(&bytes);
    let outcome = read_in(&[&path], &spec(), 1 << 20).unwrap();
    let (_, offset, reason) = outcome.only_fault();
    assert!(reason.contains("104857600 bytes"), "{reason}");
    assert_eq!((offset, outcome.records[&0]), (0, 1));
    assert_eq!(outcome.samples[0], [0; 64 << 10]);
}

#[test]
fn records_after_an_oversized_one_keep_their_places() {
    let text = [&b"a\n"[..], &[b'x'; 100], b"\nb\nc"].concat();
    let spec = JobSpec {
        max_record: 20,
        ..spec()
    };
    let outcome = read_with(&text, &spec);
    assert_eq!(outcome.text("input"), "a\nb\nc");
    assert_eq!(outcome.only_fault().1, 2);
    assert_eq!(outcome.records[&0], 4);
}

#[test]
fn a_stack_trace_that_does_not_end_is_one_record() {
    let spec = JobSpec {
        records: Records::Start("^E".into()),
        max_record: 40,
        ..spec()
    };
    let text = format!("E 1\n at a\nE 2\n{}E 3\n at c\n", " at b\n".repeat(50));
    let outcome = read_with(text.as_bytes(), &spec);
    assert_eq!(outcome.text("input"), "E 1\n at a\nE 3\n at c\n");
    assert_eq!(outcome.only_fault().1, 10);
}

#[test]
fn windows_over_128_mib_are_named() {
    let mut xz = {
        let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 0);
        std::io::Write::write_all(&mut encoder, b"text\n").unwrap();
        encoder.finish().unwrap()
    };
    // The block header: length, flags, filter LZMA2, 1, window, zeros, CRC-32.
    let end = 12 + 4 * (usize::from(xz[12]) + 1);
    assert_eq!(xz[14..16], [0x21, 1]);
    xz[16] = 32;
    let crc = crc32fast::hash(&xz[12..end - 4]);
    xz[end - 4..end].copy_from_slice(&crc.to_le_bytes());
    // Magic, no flags, a window of 2^28, then one raw block.
    let zstd = b"\x28\xB5\x2F\xFD\x00\x90\x29\x00\x00text\n";
    for bytes in [&xz[..], zstd] {
        let outcome = read_bytes(bytes);
        let (_, _, reason) = outcome.only_fault();
        assert!(reason.contains("window of more than 128 MiB"), "{reason}");
        assert_eq!(outcome.records[&0], 1);
    }
    let small = b"\x28\xB5\x2F\xFD\x00\x88\x29\x00\x00text\n";
    assert_eq!(read_bytes(small).text("input"), "text\n");
}

#[test]
fn archives_that_are_not_read_are_named_and_not_read_as_text() {
    for (magic, name) in [
        (&b"7z\xBC\xAF\x27\x1C\0\x04"[..], "7z archive"),
        (b"Rar!\x1A\x07\0", "rar archive"),
        (b"\x1F\x9D\x90\x01\x02", "compress (.Z)"),
    ] {
        let outcome = read_bytes(&tar(&[("x", magic), ("y", b"text\n")]));
        let (document, _, reason) = outcome.only_fault();
        assert!(document.ends_with("!/x"));
        assert!(
            reason.starts_with("not supported: ") && reason.contains(name),
            "{reason}"
        );
        assert_eq!(outcome.text("!/y"), "text\n");
    }
}

#[test]
fn zips_that_lie_are_salvaged_member_by_member() {
    let text = b"one\ntwo\n";
    let crc = crc32fast::hash(text);
    let data = deflate(text);
    let bytes = Zip::default()
        .raw(b"good", 8, 0, &data, crc, 8)
        .raw(b"crc", 8, 0, &data, crc ^ 1, 8)
        .raw(b"more", 8, 0, &data, crc, 5)
        .raw(b"less", 8, 0, &data, crc, 50)
        .raw(b"cut", 8, 0, &data[..data.len() - 3], crc, 8)
        .raw(b"last", 0, 0, text, crc, 8)
        .finish();
    let outcome = read_bytes(&bytes);
    assert_eq!(outcome.text("!/good"), "one\ntwo\n");
    assert_eq!(outcome.text("!/last"), "one\ntwo\n");
    let faults: Vec<&str> = outcome
        .faults
        .iter()
        .map(|fault| fault.0.split_once("!/").unwrap().1)
        .collect();
    assert_eq!(faults, ["crc", "cut", "less", "more"]);
}

#[test]
fn a_zip_with_a_broken_directory_is_one_entry() {
    let bytes = Zip::default()
        .add("a", b"one\n")
        .add("b", b"two\n")
        .finish();
    let outcome = read_bytes(&bytes[..bytes.len() - 30]);
    assert!(outcome.only_fault().2.contains("no central directory"));
    let mut broken = bytes.clone();
    let second = bytes
        .windows(4)
        .rposition(|four| four == b"PK\x01\x02")
        .unwrap();
    broken[second] = 0;
    let outcome = read_bytes(&broken);
    assert_eq!(outcome.text("!/a"), "one\n");
    assert!(outcome.only_fault().2.contains("after 1 members"));
}

#[test]
fn unusual_bytes_go_through_as_they_are() {
    let text = b"\xEF\xBB\xBFbom\r\nnul\0\0\n\xED\xA0\x80 surrogate\n\xFF\xFE\nno newline";
    let (_dir, path) = file(text);
    for size in [64, 1 << 20] {
        let plan = Plan::new(&[path.clone().into()], &spec(), size).unwrap();
        assert_eq!(plan.total_bytes(), Some(text.len() as u64));
        let outcome = read_in(&[&path], &spec(), size).unwrap();
        assert_eq!(outcome.records[&0], 5);
        assert_eq!(outcome.text("input"), String::from_utf8_lossy(text));
    }
}

#[test]
fn empty_files_are_documents_and_empty_folders_are_nothing() {
    let outcome = read_bytes(b"");
    assert_eq!(outcome.documents.len(), 1);
    assert!(outcome.documents[0].2 && outcome.documents[0].3);
    assert_eq!((outcome.records[&0], &outcome.faults[..]), (0, &[][..]));
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(read(&[dir.path()], &spec()), Outcome::default());
    let whole = JobSpec {
        records: Records::Document,
        ..spec()
    };
    assert_eq!(read_with(b"", &whole).records[&0], 1);
}

#[test]
fn a_file_is_read_to_its_planned_size() {
    let dir = tempfile::tempdir().unwrap();
    let names = ["grew", "shrank", "vanished", "became a fifo"];
    let paths = names.map(|name| dir.path().join(name));
    for path in &paths {
        fs::write(path, "one\ntwo\n").unwrap();
    }
    let inputs = paths.clone().map(Into::into);
    let plan = Plan::new(&inputs, &spec(), 1 << 20).unwrap();
    fs::write(&paths[0], "one\ntwo\nthree\n").unwrap();
    fs::write(&paths[1], "one\ntw").unwrap();
    fs::remove_file(&paths[2]).unwrap();
    fs::remove_file(&paths[3]).unwrap();
    fifo(&paths[3]);
    let outcome = crate::testing::read_plan(&plan, &spec()).unwrap();
    assert_eq!(outcome.text("grew"), "one\ntwo\n");
    assert_eq!(outcome.text("shrank"), "one\n");
    let reasons: Vec<(&str, &str)> = (outcome.faults.iter())
        .map(|fault| (fault.0.rsplit('/').next().unwrap(), &fault.2[..]))
        .collect();
    assert_eq!(reasons.len(), 3, "{reasons:?}");
    assert!(reasons[0].0 == "shrank" && reasons[0].1.contains("the file ends at byte 6"));
    assert!(reasons[1].0 == "vanished" && reasons[1].1.contains("cannot be opened"));
    assert!(reasons[2].0 == "became a fifo" && reasons[2].1.contains("regular"));
}

#[test]
fn folders_are_walked_in_byte_order_and_account_for_what_cannot_be_read() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    fs::create_dir_all(at("a/deep")).unwrap();
    fs::create_dir(at(".git")).unwrap();
    for name in [
        "a/deep/x",
        "a-b",
        "b.txt",
        ".git/x",
        ".hidden",
        "a/skip.log",
    ] {
        fs::write(at(name), format!("{name}\n")).unwrap();
    }
    symlink(at("b.txt"), at("link")).unwrap();
    symlink(at("nowhere"), at("dangling")).unwrap();
    symlink(dir.path(), at("loop")).unwrap();
    fifo(&at("pipe"));
    let spec = JobSpec {
        exclude: vec!["*.log".into()],
        ..spec()
    };
    let outcome = read(&[dir.path()], &spec);
    let text: String = outcome
        .documents
        .iter()
        .map(|document| &document.1[..])
        .collect();
    assert_eq!(text, "a-b\na/deep/x\nb.txt\n");
    let faults: Vec<(&str, &str)> = (outcome.faults.iter())
        .map(|fault| (fault.0.rsplit('/').next().unwrap(), &fault.2[..]))
        .collect();
    assert_eq!(faults.len(), 2, "{faults:?}");
    assert!(faults[0].0 == "dangling" && faults[0].1.contains("leads nowhere"));
    assert!(faults[1].0 == "pipe" && faults[1].1.contains("a FIFO"));
    let only = JobSpec {
        include: vec!["a/**".into()],
        ..spec
    };
    assert_eq!(read(&[dir.path()], &only).documents.len(), 1);
    // Named, a link is followed.
    assert_eq!(read(&[&at("link")], &only).text("link"), "b.txt\n");
}

#[test]
fn a_fifo_that_is_named_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pipe");
    fifo(&path);
    let plan = Plan::new(&[path.clone().into()], &spec(), 1 << 20).unwrap();
    assert_eq!(plan.total_bytes(), None);
    // A nested zip in it is spooled.
    let bytes = gzip(&Zip::default().add("a", b"one\n").finish());
    let writer = std::thread::spawn(move || fs::write(path, bytes).unwrap());
    let outcome = crate::testing::read_plan(&plan, &spec()).unwrap();
    writer.join().unwrap();
    assert_eq!(outcome.text("pipe!/a"), "one\n");
}

#[test]
fn named_inputs_that_cannot_be_opened_fail_the_plan() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("missing");
    let error = Plan::new(&[missing.clone().into()], &spec(), 1).unwrap_err();
    assert!(matches!(error, PlanError::Input { .. }) && !error.is_usage());
    assert!(
        error.to_string().contains("missing: No such file"),
        "{error}"
    );
    let list = dir.path().join("list");
    let present = dir.path().join("present");
    fs::write(&present, "x\n").unwrap();
    let paths = [&present, &missing].map(|path| path.to_str().unwrap());
    fs::write(&list, paths.join("\n")).unwrap();
    let typed = format!("@{}", list.display());
    let error = Plan::new(&[typed.clone().into()], &spec(), 1).unwrap_err();
    assert!(error.to_string().contains("line 2"), "{error}");
    fs::write(&list, format!("{}\n\n", present.display())).unwrap();
    let plan = Plan::new(&[typed.into()], &spec(), 1).unwrap();
    assert_eq!(plan.sources().len(), 1);
    let glob = JobSpec {
        include: vec!["a[".into()],
        ..spec()
    };
    assert!(Plan::new(&[], &glob, 1).unwrap_err().is_usage());
    let twice = ["-".into(), "-".into()];
    assert!(Plan::new(&twice, &spec(), 1).unwrap_err().is_usage());
}

#[test]
fn a_gzip_header_is_held_to_its_checksum() {
    let plain = gzip(b"text\n");
    let mut header = b"\x1F\x8B\x08\x1E\0\0\0\0\0\xFF\x04\0ab\x01\x02name\0comment\0".to_vec();
    let crc = crc32fast::hash(&header) as u16;
    for (crc, wrong) in [(crc, false), (crc ^ 1, true)] {
        let mut bytes = header.clone();
        bytes.extend_from_slice(&crc.to_le_bytes());
        bytes.extend_from_slice(&plain[10..]);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("input");
        std::fs::write(&path, &bytes).unwrap();
        let outcome = read(&[&path], &spec());
        match wrong {
            false => assert_eq!(outcome.text("input"), "text\n"),
            true => assert!(
                outcome.only_fault().2.contains("of a header"),
                "{outcome:?}"
            ),
        }
    }
    // Cut off within the checksum.
    header.push(crc as u8);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("input");
    std::fs::write(&path, &header).unwrap();
    let outcome = read(&[&path], &spec());
    assert!(outcome.only_fault().2.contains("truncated header"));
}
