//! `run exec` with real programs, against the same programs run by hand.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::corpus;
use crate::gristmill::{Ended, gristmill, read};

/// A folder to work in.
fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

/// Runs `gristmill run exec` with these words in a folder.
fn exec(folder: &Path, words: &[&str]) -> Ended {
    let mut command = gristmill();
    command
        .current_dir(folder)
        .args(["run", "exec"])
        .args(words);
    Ended::of(command.output().expect("the binary starts"))
}

fn script(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    fs::write(&path, text).expect("a script");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("permissions");
}

/// What a shell command line writes, in a folder.
fn shell(folder: &Path, line: &str) -> String {
    let output = Command::new("bash")
        .args(["-c", line])
        .current_dir(folder)
        .env("LC_ALL", "C")
        .stderr(Stdio::inherit())
        .output()
        .expect("a shell");
    assert!(output.status.success(), "{line}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// The entries of a quarantine: offset, reason, and the rest of the line.
fn quarantine(out: &Path) -> Vec<serde_json::Value> {
    let text = read(out, "quarantine.jsonl");
    text.lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}

#[test]
fn a_filter_gives_what_a_pipeline_gives_in_input_order() {
    let folder = folder();
    corpus::logs(&folder.path().join("logs"));
    let ended = exec(
        folder.path(),
        &[
            "--each",
            "chunk",
            "-o",
            "-",
            "--piece",
            "4KiB",
            "--",
            "awk",
            "{print $9}",
            ":::",
            "logs/",
        ],
    );
    let expected = shell(
        folder.path(),
        "for f in $(find logs -type f | sort); do zcat -f $f | awk '{print $9}'; done",
    );
    assert_eq!(ended.code(0).stdout, expected);
}

#[test]
fn a_python_function_gets_each_line_and_its_results_are_written() {
    let folder = folder();
    fs::write(
        folder.path().join("tag.py"),
        r#"
import gristmill

def setup():
    global mark
    mark = "<"
    print("a stray line")

def tag(text):
    if text == "bad":
        raise ValueError("no good")
    return {
        "none": None,
        "dict": {"b": [1, 2], "a": "ä"},
        "list": ["one", b"two", None, {"k": 1}],
        "generator": (c for c in "ab"),
        "empty": "",
        "lines": "x\ny",
        "number": 42,
        "name": gristmill.document.rsplit("/", 1)[-1],
    }.get(text, mark + text.upper() + ">")
"#,
    )
    .expect("a file");
    fs::create_dir(folder.path().join("in")).expect("a folder");
    fs::write(
        folder.path().join("in/a.txt"),
        b"\xEF\xBB\xBFfirst\r\nnone\ndict\nlist\nbad\ngenerator\nempty\nlines\nnumber\nname\nnot \xFF utf-8",
    )
    .expect("a file");
    let ended = exec(
        folder.path(),
        &["--python", "tag.py:tag", "in", "-o", "out"],
    );
    ended.code(3).says("1 record (9.09 %) set aside");
    let out = folder.path().join("out");
    let expected: &[u8] =
        b"<FIRST>\n{\"a\":\"\xC3\xA4\",\"b\":[1,2]}\none\ntwo\n{\"k\":1}\na\nb\n\nx\ny\n42\n\
          a.txt\n<NOT \xFF UTF-8>\n";
    let part = fs::read(out.join("part-00000.txt")).expect("a part");
    assert_eq!(
        String::from_utf8_lossy(&part),
        String::from_utf8_lossy(expected)
    );
    let entries = quarantine(&out);
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0]["offset"], 25);
    assert_eq!(entries[0]["reason"], "ValueError: no good");
    assert_eq!(entries[0]["text"], "bad");
    let trace = entries[0]["stderr"].as_str().expect("a traceback");
    assert!(trace.contains("tag.py\", line 11, in tag"), "{trace}");
    assert!(!trace.contains("gristmill_worker"), "{trace}");
}

#[test]
fn json_and_frames_name_the_document_and_the_offset() {
    let folder = folder();
    fs::write(folder.path().join("in.txt"), "a\nbb\n").expect("a file");
    fs::write(
        folder.path().join("up.py"),
        "def up(text):\n    return {'up': text.upper()}\n",
    )
    .expect("a file");
    let words = ["--python", "up.py:up", "--out", "json", "-o", "-", "in.txt"];
    assert_eq!(
        exec(folder.path(), &words).code(0).stdout,
        "{\"name\":\"in.txt\",\"offset\":0,\"result\":{\"up\":\"A\"}}\n\
         {\"name\":\"in.txt\",\"offset\":2,\"result\":{\"up\":\"BB\"}}\n"
    );
    let words = [
        "--each", "document", "--out", "json", "-o", "-", "--", "cat", ":::", "in.txt",
    ];
    assert_eq!(
        exec(folder.path(), &words).code(0).stdout,
        "{\"name\":\"in.txt\",\"offset\":0,\"result\":\"a\\nbb\\n\"}\n"
    );
    let words = [
        "--each", "document", "--out", "frames", "-o", "-", "--", "cat", ":::", "in.txt",
    ];
    assert_eq!(
        exec(folder.path(), &words).code(0).stdout,
        "\0\0\0\u{6}in.txt\0\0\0\u{5}a\nbb\n"
    );
}

#[test]
fn a_mapper_of_hadoop_streaming_counts_words_as_sort_and_uniq_do() {
    let folder = folder();
    corpus::texts(&folder.path().join("texts"));
    script(
        folder.path(),
        "map.py",
        "#!/usr/bin/env python3\nimport sys\nfor line in sys.stdin.buffer:\n    for word in \
         line.split():\n        sys.stdout.buffer.write(word + b'\\t1\\n')\n",
    );
    let out = folder.path().join("out");
    let words = [
        "--map", "./map.py", "--reduce", "sum", "texts", "-o", "out", "--piece", "64KiB",
    ];
    exec(folder.path(), &words).code(0);
    let expected = shell(
        folder.path(),
        "for f in $(find texts -type f | sort); do zcat -f $f; echo; done | \
         perl -ne 'print \"$_\\n\" for split(/[ \\t\\n\\r\\f\\x0b]+/)' | grep -a . | sort | uniq -c | \
         awk '{print $2 \"\\t\" $1}' | sha256sum",
    );
    let part = fs::read(out.join("part-00000.tsv")).expect("a part");
    fs::write(folder.path().join("got"), &part).expect("a file");
    assert_eq!(shell(folder.path(), "sha256sum < got"), expected);
}

#[test]
fn values_are_merged_as_asked_and_a_value_that_is_no_number_is_set_aside() {
    let folder = folder();
    fs::write(
        folder.path().join("in.txt"),
        "a\t3\nb\t18446744073709551615\na\t5\nb\t1\na\t3\n",
    )
    .expect("a file");
    for (how, expected) in [
        ("sum", "a\t11\nb\t18446744073709551616\n"),
        ("min", "a\t3\nb\t1\n"),
        ("max", "a\t5\nb\t18446744073709551615\n"),
        ("count", "a\t3\nb\t2\n"),
        ("distinct", "a\t2\nb\t2\n"),
    ] {
        let ended = exec(
            folder.path(),
            &["--map", "cat", "--reduce", how, "in.txt", "-o", "-"],
        );
        assert_eq!(ended.code(0).stdout, expected, "{how}");
    }
    fs::write(folder.path().join("bad.txt"), "a\t3\nb\t-1\nc\t2\n").expect("a file");
    let words = [
        "--map", "cat", "--reduce", "sum", "in.txt", "bad.txt", "-o", "out",
    ];
    exec(folder.path(), &words).code(3);
    let out = folder.path().join("out");
    assert_eq!(
        read(&out, "part-00000.tsv"),
        "a\t11\nb\t18446744073709551616\n"
    );
    let entries = quarantine(&out);
    assert_eq!(entries.len(), 1);
    let reason = entries[0]["reason"].as_str().expect("a reason");
    assert!(reason.starts_with("line 2 of its output"), "{reason}");
    assert_eq!(
        (&entries[0]["records"], &entries[0]["bytes"]),
        (&3.into(), &13.into())
    );
    let sources = read(&out, "sources.jsonl");
    assert!(
        sources.contains("\"in\":3,\"mapped\":0,\"quarantined\":3"),
        "{sources}"
    );
    Ended::of(gristmill().arg("verify").arg(&out).output().expect("a run")).code(0);
}

#[test]
fn a_piece_whose_filter_fails_is_set_aside_as_one_stretch() {
    let folder = folder();
    let lines: String = (0..1000).map(|number| format!("{number:07}\n")).collect();
    fs::write(folder.path().join("in.txt"), lines).expect("a file");
    let program = "{ print } /0000700/ { print \"cannot\" > \"/dev/stderr\"; exit 4 }";
    let words = [
        "--each", "chunk", "--piece", "4KiB", "-o", "out", "--", "awk", program, ":::", "in.txt",
    ];
    exec(folder.path(), &words).code(3);
    let out = folder.path().join("out");
    let part = read(&out, "part-00000.txt");
    assert_eq!(part.lines().count(), 512);
    let entries = quarantine(&out);
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0]["reason"], "exit status 4");
    assert_eq!(entries[0]["stderr"], "cannot\n");
    assert_eq!(entries[0]["offset"], 4096);
    assert_eq!(
        (&entries[0]["records"], &entries[0]["bytes"]),
        (&488.into(), &3904.into())
    );
    Ended::of(gristmill().arg("verify").arg(&out).output().expect("a run")).code(0);
}

#[test]
fn the_worker_of_the_documentation_works() {
    let folder = folder();
    let manual = include_str!("../../docs/exec.md");
    let (_, perl) = manual.split_once("```perl\n").expect("a worker in Perl");
    let (perl, _) = perl.split_once("```").expect("its end");
    script(folder.path(), "worker.pl", perl);
    corpus::logs(&folder.path().join("logs"));
    let words = ["--worker", "-o", "-", "--", "./worker.pl", ":::", "logs"];
    let ended = exec(folder.path(), &words).code(0);
    let expected = shell(
        folder.path(),
        "for f in $(find logs -type f | sort); do zcat -f $f | perl -ne 'chomp; print scalar reverse($_), \
         \"\\n\"'; done",
    );
    assert_eq!(ended.stdout, expected);
}

#[test]
fn the_shell_the_environment_and_files_of_the_command_line_are_there() {
    let folder = folder();
    fs::write(folder.path().join("in.txt"), "x\n").expect("a file");
    fs::write(folder.path().join("list.txt"), "shipped\n").expect("a file");
    let shown = |words: &[&str]| {
        let mut all = vec!["--each", "document", "-o", "-"];
        all.extend(words);
        let mut command = gristmill();
        command
            .current_dir(folder.path())
            .args(["run", "exec"])
            .args(all);
        command.env("SECRET", "s").env("LANG", "de_DE.UTF-8");
        Ended::of(command.output().expect("a run")).code(0).stdout
    };
    assert_eq!(
        shown(&["--", "cat", "list.txt", "-", ":::", "in.txt"]),
        "shipped\nx\n"
    );
    assert_eq!(
        shown(&[
            "--shell",
            "--ship",
            "list.txt",
            "--",
            "cat list.txt | tr a-z A-Z",
            ":::",
            "in.txt"
        ]),
        "SHIPPED\n"
    );
    let env = shown(&["--env", "MINE=a b", "--", "env", ":::", "in.txt"]);
    let env: BTreeMap<&str, &str> = env
        .lines()
        .filter_map(|line| line.split_once('='))
        .collect();
    assert_eq!(env.get("SECRET"), None);
    for (name, value) in [
        ("MINE", "a b"),
        ("LANG", "C"),
        ("TZ", "UTC"),
        ("PYTHONHASHSEED", "0"),
        ("OMP_NUM_THREADS", "1"),
        ("GRISTMILL_DOCUMENT", "in.txt"),
        ("GRISTMILL_CHUNK", "0-0-0"),
    ] {
        assert_eq!(env.get(name), Some(&value), "{name}");
    }
    // No descriptor but the three, and whatever `ls` opens itself.
    let open = shown(&["--shell", "--", "ls /proc/self/fd | wc -l", ":::", "in.txt"]);
    assert_eq!(open, "4\n");
    assert_eq!(
        shown(&["--ok-exit", "0,1", "--", "grep", "nothing", ":::", "in.txt"]),
        ""
    );
}

#[test]
fn what_is_missing_is_found_before_anything_is_read() {
    let folder = folder();
    fs::write(folder.path().join("in.txt"), "x\n").expect("a file");
    fs::write(folder.path().join("broken.py"), "import no_such_thing\n").expect("a file");
    fs::write(folder.path().join("plain.sh"), "echo\n").expect("a file");
    for (words, says) in [
        (
            &["--each", "chunk", "--", "no-such-program", ":::", "in.txt"][..],
            "on the PATH: install it",
        ),
        (
            &["--each", "chunk", "--", "./plain.sh", ":::", "in.txt"],
            "chmod +x it",
        ),
        (
            &["--python", "none.py:f", "in.txt"],
            "none.py: no such file",
        ),
        (
            &["--python", "no_module:f", "in.txt"],
            "No module named 'no_module'",
        ),
        (
            &["--python", "broken.py:f", "in.txt"],
            "import no_such_thing",
        ),
        (&["--python", "plain.sh", "in.txt"], "FILE.py:FUNCTION"),
        (&["--", "cat", ":::", "in.txt"], "--each document"),
        (&["--each", "chunk", "in.txt"], "what is to be run?"),
        (&["--each", "chunk", "--", "cat"], "no inputs"),
        (
            &["--worker", "--", "true", ":::", "in.txt"],
            "ended before it had answered, exit status 0",
        ),
    ] {
        let mut all = words.to_vec();
        all.splice(0..0, ["-o", "out"]);
        exec(folder.path(), &all).code(2).says(says);
        assert!(!folder.path().join("out/manifest.json").exists());
    }
}

#[test]
fn a_command_that_always_fails_fails_the_job_at_once() {
    let folder = folder();
    let lines = "line\n".repeat(300);
    fs::write(folder.path().join("in.txt"), &lines).expect("a file");
    let words = [
        "--each",
        "record",
        "-o",
        "out",
        "--",
        "sh",
        "-c",
        "echo why >&2; exit 9",
        ":::",
        "in.txt",
    ];
    exec(folder.path(), &words)
        .code(1)
        .says("exit status 9\nwhy");
    fs::write(
        folder.path().join("typo.py"),
        "def f(text):\n    return txet\n",
    )
    .expect("a file");
    let words = ["--python", "typo.py:f", "in.txt", "-o", "out"];
    exec(folder.path(), &words)
        .code(1)
        .says("NameError: name 'txet' is not defined");
    let words = [
        "--python",
        "typo.py:f",
        "--keep-going",
        "in.txt",
        "-o",
        "out",
    ];
    exec(folder.path(), &words).code(3);
    assert_eq!(quarantine(&folder.path().join("out")).len(), 300);
}

#[test]
fn a_try_shows_the_first_units_and_writes_nothing() {
    let folder = folder();
    fs::write(folder.path().join("in.txt"), "a\nb\nbad\nc\nd\n").expect("a file");
    fs::write(
        folder.path().join("up.py"),
        "def up(text):\n    print('seen', text)\n    if text == 'bad': raise KeyError(text)\n    return \
         text.upper()\n",
    )
    .expect("a file");
    let ended = exec(
        folder.path(),
        &["--python", "up.py:up", "--try", "4", "in.txt"],
    )
    .code(3);
    assert_eq!(ended.stdout, "A\nB\nC\n");
    ended
        .says("in.txt at byte 4: KeyError: 'bad'")
        .says("seen a\nseen b\nseen bad\nseen c\n");
    let words = [
        "--each",
        "chunk",
        "--try",
        "1",
        "--",
        "sh",
        "-c",
        "cat; echo said >&2",
        ":::",
        "in.txt",
    ];
    let ended = exec(folder.path(), &words).code(0);
    assert_eq!(ended.stdout, "a\nb\nbad\nc\nd\n");
    ended.says("said");
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 2);
}

#[test]
fn a_document_larger_than_a_chunk_reaches_its_program_whole() {
    let folder = folder();
    let large: Vec<u8> = (0..9_000_000_u32)
        .map(|number| (number % 251) as u8)
        .collect();
    fs::create_dir(folder.path().join("in")).expect("a folder");
    fs::write(folder.path().join("in/a.bin.gz"), corpus::gzip(&large)).expect("a file");
    fs::write(folder.path().join("in/b.txt"), "small").expect("a file");
    fs::write(folder.path().join("large"), &large).expect("a file");
    let expected = shell(folder.path(), "sha256sum < large; sha256sum < in/b.txt");
    let words = |more: &[&str]| {
        let mut all = vec!["--each", "document", "-o", "-"];
        all.extend(more);
        exec(folder.path(), &all)
    };
    let stdin = words(&["--", "sha256sum", ":::", "in"]).code(0).stdout;
    assert_eq!(stdin, expected);
    let file = words(&["--shell", "--", "sha256sum < {}", ":::", "in"])
        .code(0)
        .stdout;
    assert_eq!(file, expected);
    fs::write(
        folder.path().join("hash.py"),
        "import hashlib\ndef f(data: bytes):\n    return hashlib.sha256(data).hexdigest() + '  -'\n",
    )
    .expect("a file");
    let python = words(&["--python", "hash.py:f", "in"]).code(0).stdout;
    assert_eq!(python, expected);
    let ended = words(&[
        "--max-document",
        "5MiB",
        "--quarantine",
        "aside",
        "--",
        "wc",
        "-c",
        ":::",
        "in",
    ]);
    assert_eq!(ended.code(3).stdout, "5\n");
    assert!(
        read(folder.path(), "aside")
            .contains("a document of 9000000 bytes, larger than the 5242880")
    );
}
