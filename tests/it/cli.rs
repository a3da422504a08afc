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

/// An output folder in the folder of the inputs, as a daily job writes it.
#[test]
fn an_output_is_no_input_of_the_same_job() {
    let folder = tempfile::tempdir().unwrap();
    let logs = folder.path().join("logs");
    std::fs::create_dir(&logs).unwrap();
    std::fs::write(logs.join("app.log"), "ERROR one\nfine\n").unwrap();
    let (inputs, out) = (logs.to_str().unwrap(), logs.join("errors"));
    let out = out.to_str().unwrap();
    for _ in 0..2 {
        run(["run", "grep", "ERROR", inputs, "-o", out, "--force"]).code(0);
        assert_eq!(read(out.as_ref(), "part-00000.txt"), "ERROR one\n");
        run(["verify", out, inputs]).code(0);
    }
    run(["run", "grep", "ERROR", out, "-o", out, "--force"])
        .code(2)
        .says("the folder for the output is no input");
    // Another job may read it.
    let other = folder.path().join("other");
    run(["run", "wc", out, "-o", other.to_str().unwrap()]).code(0);
}

#[test]
fn files_beside_stdout_replace_nothing_unless_forced() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (input, other) = (path("app.log"), path("mine.txt"));
    std::fs::write(&input, "line\n").unwrap();
    std::fs::write(&other, "mine\n").unwrap();
    for option in ["--quarantine", "--manifest"] {
        let line = |file: &str, more: &[&str]| {
            run([&["run", "wc", &input, "-o", "-", option, file], more].concat())
        };
        for force in [&[][..], &["--force"]] {
            line(&input, force).code(2).says("it is an input");
        }
        line(&other, &[])
            .code(2)
            .says("exists: --force replaces it");
        assert_eq!(std::fs::read(&input).unwrap(), b"line\n");
        assert_eq!(std::fs::read(&other).unwrap(), b"mine\n");
        line(&path(option), &[]).code(0);
        line(&path(option), &["--force"]).code(0);
        line("/dev/null", &[]).code(0);
    }
    let both = path("both");
    run([
        "run",
        "wc",
        &input,
        "-o",
        "-",
        "--quarantine",
        &both,
        "--manifest",
        &both,
    ])
    .code(2)
    .says("name one file");
}

#[test]
fn a_file_whose_size_the_system_does_not_tell_is_read() {
    let lines = |words: &[&str]| run(words).code(0).stdout;
    let version = std::fs::read_to_string("/proc/version").unwrap();
    assert_eq!(
        lines(&["run", "grep", "-q", "Linux", "/proc/version"]),
        version
    );
}

/// A short option with its value, before the pattern.
#[test]
fn no_option_is_taken_for_the_pattern_of_grep() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("app.log");
    std::fs::write(&input, "an ERROR\n-v\n").unwrap();
    let input = input.to_str().unwrap();
    let line = |words: &[&str]| run([&["run", "grep", "-q"], words, &[input]].concat());
    assert_eq!(line(&["-eERROR"]).code(0).stdout, "an ERROR\n");
    assert_eq!(line(&["-m1", "R"]).code(0).stdout, "an ERROR\n");
    assert_eq!(line(&["-j2", "--", "-v"]).code(0).stdout, "-v\n");
    let only = |words: &[&str]| line(&[&["--only-matching"], words].concat()).code(0).stdout;
    assert_eq!(only(&["-F", "-e", "ERR", "-e", "ERROR"]), "ERROR\n");
    assert_eq!(only(&["-e", "", "-e", "ERR."]), "ERRO\n");
    line(&["-x"]).code(2).says("unexpected argument '-x'");
}
