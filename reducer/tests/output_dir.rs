//! Who may write to an output folder, what may be replaced, and what a crash leaves.
#![allow(clippy::disallowed_methods)] // A crash is staged with renames.

mod support;

use std::fs;
use std::path::Path;

use gristmill_reducer::*;
use support::*;

fn job(text: &'static str) -> Job {
    ordered_job(&[1], 1, move |_| text.as_bytes().to_vec())
}

fn write(job: &Job, out: &Path, force: bool) {
    let destination = Destination::Dir(OutputDir::open(out, force).unwrap());
    run(job, &Way::default(), destination, &std::env::temp_dir()).unwrap();
    assert_eq!(verify(out).unwrap().findings, Vec::<String>::new());
}

fn names(out: &Path) -> Vec<String> {
    files_of(out).into_keys().collect()
}

#[test]
fn a_folder_that_holds_anything_is_refused_by_the_files_name() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("notes.txt"), "mine").unwrap();
    let error = OutputDir::open(dir.path(), false).unwrap_err();
    assert!(error.is_usage());
    assert!(error.to_string().contains("notes.txt"), "{error}");
    // Not even with force: no manifest lists it.
    let error = OutputDir::open(dir.path(), true).unwrap_err();
    assert!(matches!(error, OutputError::Foreign { .. }), "{error}");
    assert_eq!(names(dir.path()), ["notes.txt"]);
}

#[test]
fn a_folder_that_only_a_repository_keeps_is_empty() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join(".gitkeep"), "").unwrap();
    write(&job("one"), dir.path(), false);
    write(&job("two"), dir.path(), true);
    assert!(dir.path().join(".gitkeep").exists());
    // With something in it, it is somebody's.
    let other = tempfile::tempdir().unwrap();
    fs::write(other.path().join(".gitkeep"), "mine").unwrap();
    assert!(OutputDir::open(other.path(), true).is_err());
}

#[test]
fn force_replaces_what_an_earlier_manifest_lists_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path();
    let mut wide = ordered_job(&[1, 1, 1], 3, |id| id.to_string().into_bytes());
    wide.plan_summary.sources = job("").plan_summary.sources;
    write(&wide, out, false);
    assert!(out.join("part-00002.txt").exists());
    let error = OutputDir::open(out, false).unwrap_err();
    assert!(matches!(error, OutputError::NotEmpty { .. }), "{error}");

    write(&job("new"), out, true);
    assert_eq!(
        names(out),
        [
            "manifest.json",
            "part-00000.txt",
            "quarantine.jsonl",
            "sources.jsonl"
        ]
    );
    assert_eq!(fs::read(out.join("part-00000.txt")).unwrap(), b"new");

    fs::write(out.join("part-00007.txt"), "who wrote this?").unwrap();
    let error = OutputDir::open(out, true).unwrap_err();
    assert!(matches!(error, OutputError::Foreign { .. }), "{error}");
    assert!(error.to_string().contains("part-00007.txt"), "{error}");
}

#[test]
fn a_manifest_cannot_name_other_files_for_removal() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    write(&job("text"), &out, false);
    let manifest = fs::read_to_string(out.join("manifest.json")).unwrap();
    for name in ["../victim", "thesis.doc", "/etc/passwd"] {
        let hostile = manifest.replace("part-00000.txt", name);
        fs::write(out.join("manifest.json"), hostile).unwrap();
        let error = OutputDir::open(&out, true).unwrap_err();
        assert!(matches!(error, OutputError::Foreign { .. }), "{error}");
        assert!(matches!(verify(&out), Err(VerifyError::NoManifest { .. })));
    }
}

#[test]
fn an_earlier_output_stays_whole_until_the_new_one_is() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path();
    write(&job("old"), out, false);
    let before = files_of(out);
    let mut torn = job("new");
    torn.outcomes.clear();
    let destination = Destination::Dir(OutputDir::open(out, true).unwrap());
    assert!(run(&torn, &Way::default(), destination, out).is_err());
    assert_eq!(files_of(out), before);
    let mut unsound = job("new");
    unsound.seal.records = vec![9];
    let destination = Destination::Dir(OutputDir::open(out, true).unwrap());
    assert!(run(&unsound, &Way::default(), destination, out).is_err());
    assert_eq!(files_of(out), before);
}

#[test]
fn a_lock_keeps_a_second_run_out_and_goes_with_the_first() {
    let dir = tempfile::tempdir().unwrap();
    let first = OutputDir::open(dir.path(), false).unwrap();
    for force in [false, true] {
        let error = OutputDir::open(dir.path(), force).unwrap_err();
        assert!(matches!(error, OutputError::Locked(_)), "{error}");
        assert!(!error.is_usage());
    }
    drop(first);
    assert!(names(dir.path()).is_empty());
    // A lock file that a crash left holds nothing up.
    fs::write(dir.path().join(".gristmill.lock"), "").unwrap();
    OutputDir::open(dir.path(), false).unwrap();
}

#[test]
fn leftover_temps_are_cleaned_and_count_as_nothing() {
    let dir = tempfile::tempdir().unwrap();
    for name in [
        ".gristmill-part-00000.txt.tmp",
        ".gristmill-manifest.json.tmp",
        ".gristmill-quarantine.jsonl.tmp",
    ] {
        fs::write(dir.path().join(name), "torn").unwrap();
    }
    drop(OutputDir::open(dir.path(), false).unwrap());
    assert!(names(dir.path()).is_empty());
}

/// Puts a folder into the state that a crash between two steps of a commit leaves.
///
/// Steps: 0 all temps and the journal are there; 1 the earlier manifest stepped aside; 2 one file
/// is named; 3 all files are named.
fn crash(out: &Path, new: &Path, step: usize) {
    let temp = |name: &str| out.join(format!(".gristmill-{name}.tmp"));
    let mut named = 0;
    for (name, bytes) in files_of(new) {
        fs::write(temp(&name), bytes).unwrap();
    }
    if step >= 1 && out.join("manifest.json").exists() {
        fs::rename(out.join("manifest.json"), temp("replaced-manifest.json")).unwrap();
    }
    for name in names(new) {
        if name != "manifest.json" && (step >= 3 || (step == 2 && named == 0)) {
            fs::rename(temp(&name), out.join(&name)).unwrap();
            named += 1;
        }
    }
}

#[test]
fn a_crash_in_a_commit_leaves_nothing_that_stops_the_next_run() {
    for step in 0..4 {
        let dir = tempfile::tempdir().unwrap();
        let (new, out) = (dir.path().join("new"), dir.path().join("out"));
        write(&job("new"), &new, false);
        fs::create_dir(&out).unwrap();
        crash(&out, &new, step);
        assert!(verify(&out).is_err(), "no manifest, no output");
        write(&job("newer"), &out, false);
        assert_eq!(names(&out), names(&new), "step {step}");
    }
}

#[test]
fn a_crash_while_replacing_needs_force_again_and_nothing_more() {
    for step in 0..4 {
        let dir = tempfile::tempdir().unwrap();
        let (new, out) = (dir.path().join("new"), dir.path().join("out"));
        write(&job("new"), &new, false);
        // Three old parts, so that files of the old output remain in every state.
        let old = ordered_job(&[1, 1, 1], 3, |id| id.to_string().into_bytes());
        write(&old, &out, false);
        crash(&out, &new, step);
        assert_eq!(verify(&out).is_ok(), step == 0, "step {step}");
        let error = OutputDir::open(&out, false).unwrap_err();
        assert!(matches!(error, OutputError::NotEmpty { .. }), "{error}");
        // The refused run has changed nothing that the next one needs; nor does one that fails.
        drop(OutputDir::open(&out, true).unwrap());
        write(&job("newer"), &out, true);
        assert_eq!(names(&out), names(&new), "step {step}");
    }
}

#[test]
fn what_a_user_put_in_place_of_a_torn_file_is_his() {
    let dir = tempfile::tempdir().unwrap();
    let (new, out) = (dir.path().join("new"), dir.path().join("out"));
    write(&job("new"), &new, false);
    fs::create_dir(&out).unwrap();
    crash(&out, &new, 3);
    fs::write(out.join("part-00000.txt"), "mine").unwrap();
    let error = OutputDir::open(&out, true).unwrap_err();
    assert!(error.to_string().contains("part-00000.txt"), "{error}");
}

#[test]
fn a_file_in_place_of_the_folder_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    fs::write(&path, "").unwrap();
    let error = OutputDir::open(&path, true).unwrap_err();
    assert!(error.is_usage());
}

#[test]
fn a_folder_that_cannot_be_written_is_an_error_by_its_name() {
    // Even root cannot create files there.
    let error = OutputDir::open(Path::new("/proc/self/task"), false).unwrap_err();
    assert!(!error.is_usage(), "{error}");
    assert!(error.to_string().contains("/proc/self/task"), "{error}");
}
