//! Standard streams that are closed, full or open the wrong way: no command ends as if what it had
//! to say had been said.

use std::process::Command;

use crate::gristmill::{Ended, gristmill};

const TEXTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/samples/texts");

/// Runs the binary with these words as a line of a shell does that ends in a redirection.
fn redirected(words: &[&str], how: &str) -> Ended {
    let binary = gristmill();
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("exec \"$0\" \"$@\" {how}")]);
    shell.arg(binary.get_program()).args(words);
    Ended::of(shell.output().expect("sh starts"))
}

#[test]
fn what_cannot_be_written_to_stdout_ends_with_1_and_the_reason() {
    let dir = tempfile::tempdir().expect("a folder");
    let out = dir.path().join("out");
    let out = out.to_str().expect("a path");
    redirected(&["-q", "run", "wc", TEXTS, "-o", out], "").code(0);
    let commands: &[&[&str]] = &[
        &["run", "wc", TEXTS, "-o", "-"],
        &["run", "word-count", TEXTS, "-o", "-"],
        &["run", "grep", "e", TEXTS, "-o", "-", "--compress", "gz"],
        &["run", "exec", "--code", "line", TEXTS, "-o", "-"],
        &[
            "run", "exec", "--map", "cat", "--reduce", "cat", TEXTS, "-o", "-",
        ],
        &["run", "exec", "--code", "line", "--try", "3", TEXTS],
        &["run", "wc", TEXTS, "--dry-run"],
        &["report", out, "-o", "-"],
        &["completions", "bash"],
        &["run", "--help"],
        &["--version"],
    ];
    for words in commands {
        for (how, why) in [
            (">&-", "standard output: it is closed"),
            (
                "1</dev/null",
                "standard output: it is open for reading alone",
            ),
            (">/dev/full", "No space left on device"),
        ] {
            redirected(words, how).code(1).says(why);
        }
        // Output that nobody wants is no failure.
        redirected(words, ">/dev/null").code(0);
    }
}

#[test]
fn a_key_is_made_only_if_it_can_be_shown_and_a_closed_stdin_is_no_empty_input() {
    let dir = tempfile::tempdir().expect("a folder");
    let key = dir.path().join("key");
    let words = ["exec-key", key.to_str().expect("a path")];
    redirected(&words, ">&-").code(1).says("it is closed");
    assert!(!key.exists());
    let words = ["run", "wc", "-", "-o", "-"];
    redirected(&words, "<&-")
        .code(1)
        .says("standard input: it is closed");
    redirected(&words, "</dev/null").code(0);
}
