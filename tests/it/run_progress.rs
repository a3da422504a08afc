//! What `run` shows on a terminal while it works.

use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use crate::gristmill::gristmill;
use crate::terminal::Terminal;

/// A pipe in a folder of its own, to keep a job waiting for its input.
fn pipe() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let fifo = folder.path().join("input");
    let made = Command::new("mkfifo").arg(&fifo).status();
    assert!(made.expect("mkfifo(1)").success());
    (folder, fifo)
}

#[test]
fn reading_mapping_and_merging_are_shown_apart() {
    let (folder, fifo) = pipe();
    let mut run = gristmill();
    run.args(["run", "word-count", "--threads", "2", "-o"]);
    run.arg(folder.path().join("out")).arg(&fifo);
    let terminal = Terminal::start(&run, 100, 24);
    let mut input = std::fs::File::create(&fifo).expect("somebody reads");
    input.write_all(b"one two\n").expect("room in the pipe");
    // One thread waits for the pipe, which is reading; nothing is mapped.
    let at_work = "threads at work: 1.0 of 2 reading, 0.0 of 2 mapping, 0.0 of 1 merging";
    terminal.until(at_work, |shown| shown.contains(at_work));
    drop(input);
    let (status, shown) = terminal.ended();
    assert!(status.success(), "{shown:?}");
    // Both lines are gone before the summary.
    let (_, behind) = shown.rsplit_once(" merging").expect("the line");
    assert!(
        behind.contains("\u{1b}[1A") && behind.contains("\u{1b}[2K"),
        "{behind:?}"
    );
    assert!(behind.contains("complete: word-count"), "{behind:?}");
}

#[test]
fn ctrl_c_ends_a_job_and_leaves_the_terminal_as_it_was() {
    let (folder, fifo) = pipe();
    let mut run = gristmill();
    run.args(["run", "word-count", "-o"]);
    run.arg(folder.path().join("out")).arg(&fifo);
    let mut terminal = Terminal::start(&run, 100, 24);
    let before = format!("{:?}", terminal.settings());
    let input = std::fs::File::create(&fifo).expect("somebody reads");
    terminal.until("it runs", |shown| shown.contains("threads at work"));
    terminal.resize(20, 5);
    assert_eq!(format!("{:?}", terminal.settings()), before);
    terminal.press(b"\x03");
    let (status, shown) = terminal.ended();
    assert_eq!(status.code(), Some(130), "{shown:?}");
    assert!(
        !shown.contains("\u{1b}[?25l"),
        "the cursor stays: {shown:?}"
    );
    drop(input);
    assert!(!folder.path().join("out/manifest.json").exists());
}
