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

fn lost(found: Result<Option<Segment>, LedgerError>) -> String {
    match found {
        Err(LedgerError::Lost(loss)) => loss.to_string(),
        other => panic!("segments are lost: {other:?}"),
    }
}

#[test]
fn a_gap_is_named_once_and_closed_for_whoever_was_away() {
    let dir = tempfile::tempdir().unwrap();
    let closing = Segment {
        messages: vec![],
        closes: Some(0),
    };
    let mut ledger = Ledger::open(dir.path(), identity()).unwrap();
    for text in ["a", "b", "c", "d"] {
        ledger.append(&segment(text)).unwrap();
    }
    ledger.append(&closing).unwrap();
    let mut frozen = Ledger::open(dir.path(), identity()).unwrap();
    frozen.next().unwrap();
    // A file without a segment in it behind the last is no gap.
    fs::write(dir.path().join("000900"), b"").unwrap();
    for number in ["000002", "000003"] {
        fs::remove_file(dir.path().join(number)).unwrap();
    }
    let mut reader = Ledger::open(dir.path(), identity()).unwrap();
    assert_eq!(reader.next().unwrap(), Some(segment("a")));
    let said = lost(reader.next());
    assert!(said.contains("2 segments, 000002 to 000003"), "{said}");
    // It does not count as closed any more, and goes on behind what is left.
    assert!(!Ledger::is_closed(dir.path(), &identity(), 0).unwrap());
    let left = [
        segment("a"),
        Segment::default(),
        Segment::default(),
        segment("d"),
        closing,
        Segment::default(),
    ];
    assert_eq!(all(dir.path()), left);
    // Whoever was away finds its number taken.
    assert!(matches!(
        frozen.append(&segment("x")),
        Ok(Appended::Taken(_))
    ));
}

#[test]
fn a_ledger_whose_folder_is_gone_is_not_begun_anew_in_silence() {
    let dir = tempfile::tempdir().unwrap();
    let inner = dir.path().join("partition");
    let mut ledger = Ledger::open(&inner, identity()).unwrap();
    ledger.append(&segment("a")).unwrap();
    fs::remove_dir_all(&inner).unwrap();
    let Err(LedgerError::Lost(loss)) = ledger.append(&segment("b")) else {
        panic!("the folder is gone");
    };
    assert!(loss.to_string().contains("its folder is gone"), "{loss}");
}
