//! Files that travel in messages: read as they would be where they lie.

use std::ffi::OsString;
use std::path::Path;

use bytes::Bytes;
use gristmill_common::split_task::{SourceState, SplitTask};

use crate::testing::{Outcome, Zip, gzip, read_plan, spec, tar};
use crate::{Located, Plan};

/// The plan of files in a folder.
fn plan(folder: &Path) -> Plan {
    Plan::new(&[OsString::from(folder)], &spec(), 1 << 12).unwrap()
}

/// What a message with a split's files gives where it is read.
fn read_elsewhere((task, bytes): (SplitTask, Vec<u8>)) -> Outcome {
    let mut rest = Bytes::from(bytes);
    let located: Vec<Located> = (task.sources.iter())
        .map(|source| match source.state {
            SourceState::Attached(size) => Located::bytes(rest.split_to(size as usize)),
            ref state => panic!("{state:?}"),
        })
        .collect();
    assert!(rest.is_empty());
    read_plan(&Plan::of_task(&task, &located), &spec()).unwrap()
}

fn lines(count: u32) -> Vec<u8> {
    (0..count)
        .flat_map(|n| format!("line {n}\n").into_bytes())
        .collect()
}

#[test]
fn attached_files_give_what_they_give_where_they_lie() {
    let text = lines(900);
    let inner = Zip::default().add("in.txt", &text).finish();
    let zip = (Zip::default().add("a.txt", &text))
        .store("no-name-of-an-archive", &inner)
        .finish();
    let mut behind = zip.clone();
    behind.extend_from_slice(&[0; 700]);
    let packed = gzip(&text);
    let contents: [(&str, Vec<u8>); 8] = [
        ("gzip", packed.clone()),
        ("members", [packed.clone(), packed.clone()].concat()),
        ("cut", packed[..packed.len() / 2].to_vec()),
        ("zip", zip.clone()),
        ("zeros behind", behind),
        ("cut zip", zip[..zip.len() - 40].to_vec()),
        ("tar", tar(&[("a.txt", &text), ("b.zip", &zip)])),
        ("packed tar", gzip(&tar(&[("a.gz", &packed)]))),
    ];
    let all = tempfile::tempdir().unwrap();
    for (name, content) in &contents {
        let one = tempfile::tempdir().unwrap();
        for folder in [&one, &all] {
            std::fs::write(folder.path().join(name), content).unwrap();
        }
        let plan = plan(one.path());
        let here = read_plan(&plan, &spec()).unwrap();
        assert_eq!(read_elsewhere(plan.attached(0).unwrap()), here, "{name}");
    }
    let plan = plan(all.path());
    assert_eq!(plan.splits().len(), 1);
    let here = read_plan(&plan, &spec()).unwrap();
    assert_eq!(read_elsewhere(plan.attached(0).unwrap()), here);
}

#[test]
fn what_is_not_packed_or_large_or_changed_is_read_where_it_lies() {
    let packed = gzip(&lines(9));
    // Random bits: they stay as long.
    let noise: Vec<u8> = (0..13_u64 << 17)
        .flat_map(|n| {
            n.wrapping_mul(0x9E37_79B9_7F4A_7C15)
                .rotate_left(17)
                .to_le_bytes()
        })
        .collect();
    let large = gzip(&noise);
    assert!(large.len() > 12 << 20);
    let cases: [(&str, &[&[u8]]); 5] = [
        ("a text", &[b"a line\n"]),
        ("an image", &[b"\x89PNG\r\n\x1a\n\0\0\0\0"]),
        ("nothing", &[b""]),
        ("a text beside what is packed", &[&packed, b"a line\n"]),
        ("more than a message", &[&large]),
    ];
    for (what, files) in cases {
        let folder = tempfile::tempdir().unwrap();
        for (number, content) in files.iter().enumerate() {
            std::fs::write(folder.path().join(number.to_string()), content).unwrap();
        }
        assert_eq!(plan(folder.path()).attached(0), None, "{what}");
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.gz");
    std::fs::write(&path, &packed).unwrap();
    let plan = plan(folder.path());
    assert!(plan.attached(0).is_some());
    assert_eq!(plan.attached(1), None);
    std::fs::write(&path, [&packed[..], &packed[..]].concat()).unwrap();
    assert_eq!(plan.attached(0), None);
    std::fs::remove_file(&path).unwrap();
    assert_eq!(plan.attached(0), None);
}

#[test]
fn whether_most_can_travel_as_it_is_is_told_by_names_and_sizes() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, size: usize| {
        std::fs::write(folder.path().join(name), vec![b'x'; size]).unwrap();
    };
    let is_mostly_packed = || plan(folder.path()).is_mostly_packed();
    assert!(!is_mostly_packed(), "nothing");
    write("a.txt", 3 << 20);
    assert!(!is_mostly_packed(), "a text");
    write("b.gz", 2 << 20);
    assert!(!is_mostly_packed(), "less than half");
    write("c.tar", 2 << 20);
    assert!(is_mostly_packed(), "more than half");
    write("large.gz", 13 << 20);
    assert!(!is_mostly_packed(), "most do not fit a message");
}
