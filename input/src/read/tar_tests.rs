//! Tars as other writers make them, each made here header by header.

use gristmill_common::spec::JobSpec;

use crate::testing::{gzip, read_bytes, read_with, spec, tar};

/// A header of this type, with a size as its field is written.
fn header(name: &str, kind: u8, size: &[u8]) -> [u8; 512] {
    let mut block = [0; 512];
    block[..name.len()].copy_from_slice(name.as_bytes());
    block[100..107].copy_from_slice(b"0000644");
    block[124..124 + size.len()].copy_from_slice(size);
    block[156] = kind;
    block[257..265].copy_from_slice(b"ustar\x0000");
    sum(&mut block);
    block
}

fn sum(block: &mut [u8; 512]) {
    block[148..156].fill(b' ');
    let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
    block[148..154].copy_from_slice(format!("{sum:06o}").as_bytes());
    block[154] = 0;
}

/// A member with its data, filled up.
fn member(name: &str, kind: u8, data: &[u8]) -> Vec<u8> {
    let size = format!("{:011o}\0", data.len());
    let mut bytes = header(name, kind, size.as_bytes()).to_vec();
    bytes.extend_from_slice(data);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

/// A pax record.
fn record(key: &str, value: &[u8]) -> Vec<u8> {
    let rest = key.len() + value.len() + 3;
    let length = (1..)
        .find(|n: &usize| n.to_string().len() + rest == *n)
        .unwrap();
    [format!("{length} {key}=").as_bytes(), value, b"\n"].concat()
}

/// What `tar --format=posix -M` begins a second volume with.
#[test]
fn the_rest_of_a_member_from_another_volume_is_named_in_pax_too() {
    let volume = [
        record("GNU.volume.filename", b"f1.txt"),
        record("GNU.volume.size", b"5"),
        record("GNU.volume.offset", b"1536"),
    ]
    .concat();
    let bytes = [
        member("./GlobalHead.1.2", b'g', &volume),
        member("./GNUFileParts/f1.txt.2", b'0', b"rest\n"),
        member("next", b'0', b"text\n"),
        vec![0; 1024],
    ]
    .concat();
    let outcome = read_with(&bytes, &spec());
    assert_eq!(outcome.documents.len(), 1, "{outcome:?}");
    assert_eq!(outcome.text("!/next"), "text\n");
    let (document, _, reason) = outcome.only_fault();
    assert!(document.ends_with("f1.txt.2"), "{document}");
    assert!(reason.contains("another volume"), "{reason}");
}

#[test]
fn a_pax_record_is_as_long_as_it_says_and_what_is_not_needed_is_not_judged() {
    let records = [
        record("SCHILY.xattr.user.note", b"two\nlines\n99 path=evil\n"),
        record("comment", &[b'x'; 3 << 20]),
        record("mtime", b"no number"),
        record("path", b"real\nname"),
        record("LIBARCHIVE.xattr.é", &[0, 1, 0xFF, b'\n']),
    ];
    let bytes = [
        member("x", b'x', &records.concat()),
        member("short", b'0', b"one\n"),
        member("after", b'0', b"two\n"),
        vec![0; 1024],
    ];
    let outcome = read_bytes(&bytes.concat());
    assert_eq!(outcome.faults, []);
    assert_eq!(outcome.text("!/real\nname"), "one\n");
    assert_eq!(outcome.text("!/after"), "two\n");
}

#[test]
fn a_malformed_pax_record_costs_one_members_metadata() {
    for records in [
        &b"no length\n"[..],
        b"999 path=too long\n",
        b"3 \n",
        b"12 path=evilx",
        b"-5 path=x\n",
    ] {
        let bytes = [
            member(
                "x",
                b'x',
                &[&record("path", b"better")[..], records].concat(),
            ),
            member("name", b'0', b"one\n"),
            member("after", b'0', b"two\n"),
            vec![0; 1024],
        ];
        let outcome = read_bytes(&bytes.concat());
        let (document, offset, reason) = outcome.only_fault();
        assert!(document.ends_with("input") && offset == 512, "{outcome:?}");
        assert!(reason.contains("malformed extended header"), "{reason}");
        assert_eq!(outcome.text("!/better"), "one\n");
        assert_eq!(outcome.text("!/after"), "two\n");
    }
}

#[test]
fn a_blank_size_is_zero_and_one_that_cannot_be_read_costs_its_member() {
    let bytes = [
        header("LABEL", b'V', &[0; 12]).to_vec(),
        header("link", b'2', b"garbage").to_vec(),
        member("one", b'0', b"one\n"),
        header("bad", b'0', b"12x4\0").to_vec(),
        [&b"its data\n"[..], &[b'.'; 503]].concat(),
        member("two", b'0', b"two\n"),
        header("negative", b'0', &[0xFF; 12]).to_vec(),
        member("three", b'0', b"three\n"),
        vec![0; 1024],
    ];
    let outcome = read_bytes(&bytes.concat());
    assert_eq!(outcome.documents.len(), 3, "{outcome:?}");
    assert_eq!(outcome.text("!/three"), "three\n");
    let faults: Vec<(&str, &str)> = (outcome.faults.iter())
        .map(|(name, _, reason)| (name.rsplit('/').next().unwrap(), &reason[..]))
        .collect();
    assert_eq!(faults.len(), 2, "{faults:?}");
    assert_eq!(faults[0].0, "bad");
    assert!(
        faults[0].1.contains("cannot be read; 512 bytes at byte"),
        "{faults:?}"
    );
    assert!(
        faults[1].0 == "negative" && faults[1].1.ends_with("cannot be read"),
        "{faults:?}"
    );
    assert_eq!(outcome.records[&0], 5);
}

/// Pairs of offset and length, as the old GNU form has them.
fn old_entries(entries: &[(u64, u64)]) -> Vec<u8> {
    let field = |(offset, length)| format!("{offset:011o}\0{length:011o}\0").into_bytes();
    entries.iter().copied().flat_map(field).collect()
}

/// A sparse member in the old GNU form, with `entries` and data of so many bytes each.
fn old_sparse(name: &str, entries: &[(u64, u64)], size: u64) -> Vec<u8> {
    let data: Vec<u8> = (entries.iter())
        .flat_map(|(_, length)| (0..*length).map(|n| if n + 1 == *length { b'\n' } else { b'd' }))
        .collect();
    let (first, rest) = entries.split_at(entries.len().min(4));
    let mut block = header(name, b'S', format!("{:011o}\0", data.len()).as_bytes());
    block[257..265].copy_from_slice(b"ustar  \0");
    let map = old_entries(first);
    block[386..386 + map.len()].copy_from_slice(&map);
    block[482] = u8::from(!rest.is_empty());
    block[483..495].copy_from_slice(format!("{size:011o}\0").as_bytes());
    sum(&mut block);
    let mut bytes = block.to_vec();
    let mut rest = rest.chunks(21).peekable();
    while let Some(part) = rest.next() {
        let mut map = old_entries(part);
        map.resize(504, 0);
        map.resize(512, 0);
        map[504] = u8::from(rest.peek().is_some());
        bytes.extend(map);
    }
    bytes.extend(data);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

/// What a sparse member unfolds to.
fn unfolded(entries: &[(u64, u64)], size: u64) -> String {
    let mut text = vec![0; size as usize];
    for &(offset, length) in entries {
        let end = (offset + length) as usize;
        text[offset as usize..end].fill(b'd');
        text[end - 1] = b'\n';
    }
    String::from_utf8(text).unwrap()
}

#[test]
fn sparse_members_of_every_form_are_read_as_what_they_unfold_to() {
    let many: Vec<(u64, u64)> = (0..60).map(|n| (n * 1000 + 100, 7 + n)).collect();
    let size = 70_000;
    let numbers: Vec<String> = (many.iter())
        .flat_map(|(offset, length)| [offset.to_string(), length.to_string()])
        .collect();
    let text = unfolded(&many, size);
    let data: Vec<u8> = text.bytes().filter(|&byte| byte != 0).collect();
    let name = record("GNU.sparse.name", b"many");
    let real = size.to_string();

    let mut zero = [
        record("GNU.sparse.size", real.as_bytes()),
        record("GNU.sparse.numblocks", b"60"),
    ]
    .concat();
    for pair in numbers.chunks(2) {
        zero.extend(record("GNU.sparse.offset", pair[0].as_bytes()));
        zero.extend(record("GNU.sparse.numbytes", pair[1].as_bytes()));
    }
    let one = [
        name.clone(),
        record("GNU.sparse.size", real.as_bytes()),
        record("GNU.sparse.map", numbers.join(",").as_bytes()),
    ]
    .concat();
    let newest = [
        name,
        record("GNU.sparse.major", b"1"),
        record("GNU.sparse.minor", b"0"),
        record("GNU.sparse.realsize", real.as_bytes()),
    ]
    .concat();
    let mut leading = format!("60\n{}\n", numbers.join("\n")).into_bytes();
    leading.resize(leading.len().next_multiple_of(512), 0);
    leading.extend_from_slice(&data);
    let pax = |records: &[u8], name: &str, data: &[u8]| {
        [member("x", b'x', records), member(name, b'0', data)].concat()
    };
    for (form, bytes) in [
        ("old", old_sparse("many", &many, size)),
        ("0.0", pax(&zero, "many", &data)),
        ("0.1", pax(&one, "GNUSparseFile.1/many", &data)),
        ("1.0", pax(&newest, "GNUSparseFile.1/many", &leading)),
    ] {
        let all = [bytes, member("after", b'0', b"x\n"), vec![0; 1024]].concat();
        let outcome = read_bytes(&all);
        assert_eq!(outcome.faults, [], "{form}");
        assert!(outcome.text("input!/many") == text, "{form}");
        assert_eq!(outcome.text("!/after"), "x\n", "{form}");
        let packed = read_bytes(&gzip(&all));
        assert!(packed.text("input!/many") == text && packed.faults.is_empty());
    }
}

#[test]
fn a_sparse_member_that_lies_costs_no_other_and_holes_are_bounded() {
    for (entries, size, what) in [
        (&[(10, 5), (3, 4)][..], 100, "out of order"),
        (&[(0, 5), (200, 4)], 100, "past the end"),
        (&[(0, 5)], 1 << 32, "--max-spool"),
    ] {
        let bytes = [
            old_sparse("holes", entries, size),
            member("after", b'0', b"x\n"),
            vec![0; 1024],
        ];
        let outcome = read_bytes(&bytes.concat());
        let (document, _, reason) = outcome.only_fault();
        assert!(
            document.ends_with("!/holes") && reason.contains(what),
            "{reason}"
        );
        assert_eq!(outcome.text("!/after"), "x\n");
    }
}

#[test]
fn stale_blocks_behind_the_end_mark_are_passed_over_only_in_a_tar_that_is_filled_up() {
    let archive = |name| [member(name, b'0', b"text\n"), vec![0; 1024]].concat();
    let filled = |mut bytes: Vec<u8>, tail: &[u8]| {
        bytes.extend_from_slice(tail);
        bytes.resize(bytes.len().next_multiple_of(10_240), 0);
        bytes
    };
    let stale = member("stale", b'0', b"old\n");
    // Undefined data in the last record of a filled tar, alone and before another.
    for tail in [Vec::new(), filled(archive("second"), b"")] {
        let bytes = [filled(archive("first"), &stale), tail.clone()].concat();
        for bytes in [bytes.clone(), gzip(&bytes)] {
            let outcome = read_bytes(&bytes);
            assert_eq!(outcome.documents.len(), 1 + usize::from(!tail.is_empty()));
            assert_eq!(outcome.text("!/first"), "text\n");
            assert_eq!(outcome.faults, []);
            assert!(outcome.passed_over > 0);
        }
    }
    // Writers that do not fill up: the next archive follows at once.
    let bytes = [archive("first"), archive("second")].concat();
    for bytes in [bytes.clone(), gzip(&bytes)] {
        let outcome = read_bytes(&bytes);
        assert_eq!(outcome.text("!/second"), "text\n");
        assert_eq!((outcome.faults.len(), outcome.passed_over), (0, 0));
    }
    // The same where the first record ends inside the second archive.
    let long: Vec<u8> = b"line\n".repeat(4000);
    let second = [member("second", b'0', &long), vec![0; 1024]].concat();
    let bytes = [archive("first"), second].concat();
    for bytes in [bytes.clone(), gzip(&bytes)] {
        assert_eq!(read_bytes(&bytes).text("!/second").len(), long.len());
    }
}

#[test]
fn hard_links_with_and_without_data_leave_the_next_member() {
    let size = format!("{:011o}\0", 5);
    let bytes = [
        member("one", b'0', b"data\n"),
        header("old link", b'1', size.as_bytes()).to_vec(),
        member("two", b'0', b"two\n"),
        member("pax link", b'1', b"data\n"),
        member("three", b'0', b"three\n"),
        vec![0; 1024],
    ];
    let outcome = read_bytes(&bytes.concat());
    assert_eq!(outcome.documents.len(), 3, "{outcome:?}");
    assert_eq!(outcome.faults, []);
}

/// GNU tar says "Cannot hard link to …: No such file or directory" and fails.
#[test]
fn a_hard_link_whose_text_is_left_out_is_set_aside() {
    let mut link = header("kept", b'1', b"00000000000\0");
    link[157..162].copy_from_slice(b"a/one");
    sum(&mut link);
    let long = format!("a/{}", "long/".repeat(30));
    let mut target = long.clone().into_bytes();
    target.push(0);
    let bytes = [
        member("a/one", b'0', b"data\n"),
        link.to_vec(),
        member("././@LongLink", b'K', &target),
        header("long", b'1', b"00000000000\0").to_vec(),
        vec![0; 1024],
    ]
    .concat();
    let with = |exclude: &str| JobSpec {
        exclude: vec![exclude.into()],
        ..spec()
    };
    let outcome = read_with(&bytes, &with("a"));
    let faults: Vec<(&str, &str)> = (outcome.faults.iter())
        .map(|fault| (&fault.0[fault.0.find('!').unwrap()..], fault.2.as_str()))
        .collect();
    let reason = |target: &str| {
        format!(
            "a hard link to {target}, which --include and --exclude leave out: its text stands there"
        )
    };
    assert_eq!(
        faults,
        [("!/kept", &*reason("a/one")), ("!/long", &*reason(&long))]
    );
    assert_eq!(read_with(&bytes, &with("b")).faults, []);
    assert_eq!(read_with(&bytes, &with("kept")).faults.len(), 0);
}

#[test]
fn a_prefix_belongs_to_the_name_whatever_the_version_says() {
    let mut block = header("name.txt", b'0', &[0; 12]);
    block[345..351].copy_from_slice(b"folder");
    block[263..265].copy_from_slice(b" \0");
    sum(&mut block);
    let outcome = read_bytes(&[&block[..], &[0; 1024]].concat());
    assert_eq!(outcome.text("!/folder/name.txt"), "");
}

#[test]
fn attributes_that_macos_packs_beside_files_are_named() {
    let attributes = [
        &b"\0\x05\x16\x07\0\x02\0\0Mac OS X        \0\x02"[..],
        &[b'a'; 200],
    ]
    .concat();
    let outcome = read_bytes(&tar(&[("._a.txt", &attributes), ("a.txt", b"text\n")]));
    assert!(outcome.only_fault().2.contains("AppleDouble"));
    assert_eq!(outcome.documents.len(), 1);
}
