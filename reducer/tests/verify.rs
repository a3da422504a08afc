//! `verify` finds each kind of damage.

mod support;

use std::fs;
use std::path::Path;

use gristmill_common::outcome::SourceCount;
use gristmill_reducer::*;
use support::*;

/// An output with two sources and one quarantined record of the second.
fn output(out: &Path) {
    let mut job = ordered_job(&[1, 1], 2, |id| format!("{id}\n").into_bytes());
    job.plan_summary = plan_summary(2, 2);
    job.outcomes[1].0.counts = vec![SourceCount {
        source: 1,
        records: 2,
        mapped: 1,
        quarantined: 1,
    }];
    job.outcomes[1].0.quarantined = [&quarantined(1, 7, "torn", b"\xFF")].into_iter().collect();
    job.seal.records = vec![1, 2];
    let destination = Destination::Dir(OutputDir::open(out, false).unwrap());
    run(&job, &Way::default(), destination, &std::env::temp_dir()).unwrap();
}

/// The findings after a change to a good output.
fn after(change: impl FnOnce(&Path)) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    output(dir.path());
    assert!(verify(dir.path()).unwrap().findings.is_empty());
    change(dir.path());
    verify(dir.path()).unwrap().findings
}

fn edit(path: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(path, text.replacen(from, to, 1)).unwrap();
}

#[test]
fn the_accounts_are_returned_for_a_recount() {
    let dir = tempfile::tempdir().unwrap();
    output(dir.path());
    let verified = verify(dir.path()).unwrap();
    let counts: Vec<_> = verified
        .sources
        .iter()
        .map(|(name, account)| (name.as_str(), account.records))
        .collect();
    assert_eq!(counts, [("in-0", 1), ("in-1", 2)]);
    assert_eq!(verified.totals.quarantined, 1);
}

#[test]
fn damage_to_files_is_found() {
    let found = after(|out| fs::write(out.join("part-00001.txt"), "1/1\n").unwrap());
    assert_eq!(found.len(), 1);
    assert!(
        found[0].contains("part-00001.txt: its SHA-256"),
        "{found:?}"
    );

    let found = after(|out| fs::write(out.join("part-00000.txt"), "0").unwrap());
    assert!(found[0].contains("part-00000.txt: 1 bytes, the manifest says 4"));

    let found = after(|out| fs::remove_file(out.join("part-00000.txt")).unwrap());
    assert_eq!(found, ["part-00000.txt: missing"]);

    let found = after(|out| fs::write(out.join("part-00002.txt"), "").unwrap());
    assert_eq!(found, ["part-00002.txt: not listed in the manifest"]);

    let found = after(|out| {
        fs::remove_file(out.join("part-00000.txt")).unwrap();
        std::os::unix::fs::symlink("part-00001.txt", out.join("part-00000.txt")).unwrap();
    });
    assert_eq!(found, ["part-00000.txt: not a plain file"]);
}

#[test]
fn i7_accounts_that_do_not_add_up_are_found() {
    // Damage that keeps hashes right is for those who edit the manifest too.
    let found = after(|out| {
        edit(&out.join("sources.jsonl"), "\"in\":2", "\"in\":3");
    });
    let all = found.join("\n");
    assert!(all.contains("sources.jsonl: its SHA-256"), "{all}");
    assert!(all.contains("in-1: 3 records in, but 1 mapped and 1 quarantined"));
    assert!(all.contains("adds up to 4 records in of 2 sources, the manifest says 3 of 2"));

    let found = after(|out| fs::write(out.join("quarantine.jsonl"), "").unwrap());
    let all = found.join("\n");
    assert!(
        all.contains("in-1: 1 records quarantined, 0 in quarantine.jsonl"),
        "{all}"
    );

    let found = after(|out| {
        edit(
            &out.join("quarantine.jsonl"),
            "\"source\":\"in-1\"",
            "\"source\":\"in-9\"",
        );
    });
    assert!(found.join("\n").contains("quarantine.jsonl names in-9"));

    let found = after(|out| fs::write(out.join("quarantine.jsonl"), "{").unwrap());
    assert!(found.join("\n").contains("quarantine.jsonl: line 1 is not"));

    let found = after(|out| edit(&out.join("manifest.json"), "\"in\": 3", "\"in\": 2"));
    assert!(found.join("\n").contains("the manifest says 2 of 2"));
}

#[test]
fn no_manifest_or_a_foreign_one_is_an_error_not_a_finding() {
    let dir = tempfile::tempdir().unwrap();
    let error = verify(dir.path()).unwrap_err().to_string();
    assert!(error.contains("there is no manifest.json"), "{error}");
    for (text, says) in [
        ("{}", "not a manifest"),
        ("\u{0}", "not a manifest"),
        ("{\"format\": 9}", "format 9"),
    ] {
        fs::write(dir.path().join("manifest.json"), text).unwrap();
        let error = verify(dir.path()).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
    fs::remove_file(dir.path().join("manifest.json")).unwrap();
    fs::create_dir(dir.path().join("manifest.json")).unwrap();
    assert!(verify(dir.path()).is_err());
    assert!(verify(Path::new("/nowhere/at/all")).is_err());
}
