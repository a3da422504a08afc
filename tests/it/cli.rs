//! The command line as a user meets it: help, usage errors, exit codes, stdin and stdout.

use std::io::Write as _;
use std::process::Stdio;

use crate::corpus;
use crate::gristmill::{Ended, gristmill, read, run};

#[test]
fn help_teaches_with_examples() {
    for words in [
        vec!["--help"],
        vec!["run", "grep", "--help"],
        vec!["verify", "--help"],
    ] {
        let help = run(&words).code(0).stdout;
        assert!(help.contains("Examples:"), "{words:?}: {help}");
    }
}

#[test]
fn usage_errors_are_exit_2_and_name_the_option() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let out = out.to_str().unwrap();
    for (words, option) in [
        (vec!["run", "grep", "(", ".", "-o", out], "("),
        (
            vec!["run", "wc", ".", "-o", out, "--max-record", "65MiB"],
            "--max-record",
        ),
        (
            vec!["run", "wc", ".", "-o", out, "--partitions", "0"],
            "--partitions",
        ),
        (
            vec!["run", "wc", ".", "-o", "-", "--partitions", "2"],
            "--partitions",
        ),
        (
            vec!["run", "wc", ".", "-o", out, "--format", "conllu"],
            "--format",
        ),
        (
            vec!["run", "wc", ".", "-o", out, "--memory", "lots"],
            "--memory",
        ),
        (
            vec!["run", "wc", ".", "-o", out, "--chunk-size", "1"],
            "--chunk-size",
        ),
        (
            vec!["run", "wc", ".", "-o", out, "--include", "[", "--verbose"],
            "[",
        ),
        (
            vec!["run", "access-log", ".", "-o", out, "--where", "status"],
            "--where",
        ),
        (
            vec!["run", "wc", ".", "-o", out, "--manifest", "m"],
            "--manifest",
        ),
        (vec!["run", "wc"], "INPUT"),
        (vec!["run", "nonsense"], "nonsense"),
    ] {
        run(&words).code(2).says(option);
        assert!(
            !folder.path().join("out/manifest.json").exists(),
            "{words:?} left output"
        );
    }
}

#[test]
fn stdin_to_stdout() {
    let mut child = gristmill()
        .args(["run", "word-count", "-", "-o", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all("the mill the\nMill end".as_bytes())
        .unwrap();
    let ended = Ended::of(child.wait_with_output().unwrap()).code(0);
    assert_eq!(ended.stdout, "end\t1\nmill\t2\nthe\t2\n");
}

#[test]
fn a_closed_pipe_ends_quietly() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("big.txt"),
        "a line of text\n".repeat(400_000),
    )
    .unwrap();
    let folder = folder.path().to_str().unwrap();
    for words in [
        &["run", "grep", "line", "-o", "-", folder][..],
        &["completions", "bash"],
    ] {
        closed_pipe(words);
    }
}

fn closed_pipe(words: &[&str]) {
    let mut child = gristmill()
        .args(words)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let ended = Ended::of(child.wait_with_output().unwrap()).code(0);
    assert_eq!(ended.stderr, "");
}

#[test]
fn i9_quarantine_decides_the_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("access.log");
    std::fs::write(&log, corpus::log(1, 400)).unwrap();
    let log = log.to_str().unwrap();
    let out = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let line = |out: &str, allow: &[&str]| {
        run(["run", "access-log", "--by", "status", log, "-o", out]
            .iter()
            .chain(allow))
    };
    line(&out("a"), &[]).code(3).says("exit code 3");
    line(&out("b"), &["--allow-quarantine", "50%"])
        .code(0)
        .says("set aside");
    line(&out("c"), &["--allow-quarantine", "1"]).code(3);
    line(&out("d"), &["--allow-quarantine", "400"]).code(0);
    // -q silences the summary, not the verdict.
    let quiet = line(&out("e"), &["-q"]).code(3);
    assert_eq!(quiet.stderr, "");
    assert_eq!(
        read(&folder.path().join("a"), "manifest.json"),
        read(&folder.path().join("d"), "manifest.json")
    );
}

#[test]
fn a_missing_input_is_exit_1_before_any_work() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    run(["run", "wc", "no-such-file", "-o", out.to_str().unwrap()])
        .code(1)
        .says("no-such-file");
    assert!(!out.join("manifest.json").exists());
}

#[test]
fn an_output_that_holds_anything_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("in.txt");
    std::fs::write(&input, "a b\n").unwrap();
    let out = folder.path().join("out");
    let line = |force: &[&str]| {
        let words = [
            "run",
            "word-count",
            input.to_str().unwrap(),
            "-o",
            out.to_str().unwrap(),
        ];
        run(words.iter().chain(force))
    };
    line(&[]).code(0);
    line(&[]).code(2).says("--force");
    std::fs::write(&input, "c\n").unwrap();
    line(&["--force"]).code(0);
    assert_eq!(read(&out, "part-00000.tsv"), "c\t1\n");
    std::fs::write(out.join("thesis.txt"), "mine").unwrap();
    line(&["--force"]).code(2).says("thesis.txt");
    assert_eq!(read(&out, "thesis.txt"), "mine");
}

#[test]
fn completions_and_man_pages_are_made() {
    let script = run(["completions", "bash"]).code(0).stdout;
    assert!(
        script.contains("gristmill") && script.contains("word-count"),
        "{script}"
    );
    let folder = tempfile::tempdir().unwrap();
    run(["man", folder.path().to_str().unwrap()]).code(0);
    let page = read(folder.path(), "gristmill.1");
    assert!(page.contains("verify"), "{page}");
}
