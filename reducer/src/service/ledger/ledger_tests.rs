//! A number belongs to whoever wrote it first; foreign and torn files change nothing.

use bytes::Bytes;

use super::*;

fn identity() -> Identity {
    Identity {
        job: "a-job".parse().unwrap(),
        run: 7,
        partition: 0,
    }
}

fn segment(text: &'static str) -> Segment {
    Segment {
        messages: vec![Bytes::from_static(text.as_bytes())],
        closes: None,
    }
}

fn all(dir: &Path) -> Vec<Segment> {
    let mut ledger = Ledger::open(dir, identity()).unwrap();
    std::iter::from_fn(|| ledger.next().unwrap()).collect()
}

#[test]
fn two_writers_of_one_ledger_see_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let mut awake = Ledger::open(dir.path(), identity()).unwrap();
    let mut frozen = Ledger::open(dir.path(), identity()).unwrap();
    assert!(matches!(awake.append(&segment("a")), Ok(Appended::Done)));
    assert!(matches!(awake.append(&segment("b")), Ok(Appended::Done)));
    for expected in ["a", "b"] {
        let Ok(Appended::Taken(found)) = frozen.append(&segment("c")) else {
            panic!("the number is taken");
        };
        assert_eq!(found, segment(expected));
    }
    assert!(matches!(frozen.append(&segment("c")), Ok(Appended::Done)));
    assert_eq!(all(dir.path()), [segment("a"), segment("b"), segment("c")]);
}

#[test]
fn torn_and_foreign_files_are_passed_over() {
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(dir.path(), identity()).unwrap();
    ledger.append(&segment("a")).unwrap();
    fs::write(dir.path().join("000002"), b"GMSEG001 torn").unwrap();
    assert!(matches!(ledger.append(&segment("b")), Ok(Appended::Done)));
    fs::write(dir.path().join("000004"), b"").unwrap();
    fs::write(dir.path().join("notes.txt"), b"hello").unwrap();
    assert_eq!(all(dir.path()), [segment("a"), segment("b")]);
    assert!(!Ledger::is_closed(dir.path(), &identity(), 0).unwrap());
    let closing = Segment {
        messages: vec![],
        closes: Some(0),
    };
    ledger.append(&closing).unwrap();
    assert!(Ledger::is_closed(dir.path(), &identity(), 0).unwrap());
    assert_eq!(all(dir.path()).len(), 3);
    // Nothing temporary is left.
    let names = fs::read_dir(dir.path()).unwrap();
    let hidden = names.filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        name.to_string_lossy().starts_with('.')
    });
    assert_eq!(hidden.count(), 0);
}
