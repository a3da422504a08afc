//! What fails: the unit that is set aside, and the job that cannot work.

use std::io::Write as _;

use super::*;

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
fn record_wise_only_the_bad_lines_of_a_piece_are_set_aside() {
    let folder = folder();
    let lines: String = (0..1000).map(|number| format!("{number:07}\n")).collect();
    fs::write(folder.path().join("in.txt"), &lines).expect("a file");
    let filter = "/0000(007|700|701)/ { exit 4 } { print }";
    let out = folder.path().join("out");
    let words = [
        "--each",
        "chunk",
        "--record-wise",
        "--piece",
        "4KiB",
        "-o",
        "out",
        "--",
        "awk",
        filter,
        ":::",
        "in.txt",
    ];
    exec(folder.path(), &words).code(3);
    let is_bad = |line: &&str| ["0000007", "0000700", "0000701"].contains(line);
    let good: Vec<&str> = lines.lines().filter(|line| !is_bad(line)).collect();
    assert_eq!(read(&out, "part-00000.txt"), good.join("\n") + "\n");
    let found: Vec<_> = quarantine(&out)
        .iter()
        .map(|entry| (entry["offset"].clone(), entry["text"].clone()))
        .collect();
    let expected = [(56, "0000007"), (5600, "0000700"), (5608, "0000701")];
    let expected = expected.map(|(offset, text)| (offset.into(), text.into()));
    assert_eq!(found, expected);
    Ended::of(gristmill().arg("verify").arg(&out).output().expect("a run")).code(0);

    let map = "awk '/0000007/ { exit 4 } { print $1 \"\\t1\" }'";
    let words = [
        "--shell",
        "--map",
        map,
        "--reduce",
        "count",
        "--record-wise",
        "-o",
        "-",
        "in.txt",
    ];
    let counted = exec(folder.path(), &words).code(3).stdout;
    assert_eq!(counted.lines().count(), 999);
    // A command that cannot work is found all the same.
    let words = [
        "--each",
        "chunk",
        "--record-wise",
        "-o",
        "-",
        "--",
        "false",
        ":::",
        "in.txt",
    ];
    exec(folder.path(), &words)
        .code(1)
        .says("the first 100 units all failed");
    let words = ["--code", "line", "--record-wise", "in.txt"];
    exec(folder.path(), &words)
        .code(2)
        .says("--each chunk and --map");
}

#[test]
fn what_is_missing_is_found_before_anything_is_read() {
    let folder = folder();
    fs::write(folder.path().join("in.txt"), "x\n").expect("a file");
    fs::write(folder.path().join("broken.py"), "import no_such_thing\n").expect("a file");
    fs::write(folder.path().join("plain.sh"), "echo\n").expect("a file");
    script(folder.path(), "windows.sh", "#!/bin/sh\r\ncat\r\n");
    script(folder.path(), "old.py", "#!/usr/bin/env python-of-old\n");
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
            &["--each", "chunk", "--", "./windows.sh", ":::", "in.txt"],
            "exec: ./windows.sh: its lines end with CR LF",
        ),
        (
            &["--map", "./old.py", "--reduce", "sum", "in.txt"],
            "exec: ./old.py: its interpreter python-of-old is not on the PATH",
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
fn memory_that_processes_share_counts_once() {
    let folder = folder();
    fs::write(folder.path().join("in.txt"), "x\n").expect("a file");
    // The copies after a fork are one in memory until somebody writes.
    let program = "
import os, time
mine = b'x' * (120 << 20)
others = []
while len(others) < 4 and 0 not in others:
    others.append(os.fork())
if 0 in others:
    OTHER
    os._exit(0)
for pid in others:
    os.waitpid(pid, 0)
print(len(mine) >> 20)
";
    let words = |name| {
        [
            "--each",
            "document",
            "--child-memory",
            "300MiB",
            "-o",
            name,
            "--",
            "python3",
            "fork.py",
            ":::",
            "in.txt",
        ]
    };
    for (other, name, code) in [
        ("time.sleep(1)", "shared", 0),
        ("own = b'y' * (120 << 20); time.sleep(60)", "own", 3),
    ] {
        let text = program.replace("OTHER", other);
        fs::write(folder.path().join("fork.py"), text).expect("a file");
        exec(folder.path(), &words(name)).code(code);
    }
    assert_eq!(
        read(&folder.path().join("shared"), "part-00000.txt"),
        "120\n"
    );
    let entries = quarantine(&folder.path().join("own"));
    let reason = "killed for using more than 300MiB of memory (--child-memory)";
    assert_eq!(entries[0]["reason"], reason);
}

#[test]
fn results_of_one_chunk_past_the_bound_fail_the_job_and_name_the_way_out() {
    let folder = folder();
    let lines: String = (0..40).map(|line| format!("{line}\n")).collect();
    fs::write(folder.path().join("in.txt"), lines).expect("a file");
    fs::write(
        folder.path().join("much.py"),
        "def much(text):\n    for _ in range(32): yield 'x' * (1 << 20)\n",
    )
    .expect("a file");
    let command = "head -c 33554432 /dev/zero";
    for words in [
        &[
            "--each", "record", "--shell", "--", command, ":::", "in.txt",
        ][..],
        &["--python", "much.py:much", "in.txt"],
    ] {
        exec(folder.path(), words)
            .code(1)
            .says("the results of one chunk take more than 256MiB")
            .says("--chunk-size");
    }
}

#[test]
fn a_control_group_holds_the_memory_where_one_can_be_made() {
    let folder = folder();
    fs::write(folder.path().join("in.txt"), "x\n").expect("a file");
    let line = "group=$(sed -n s/^0:://p /proc/self/cgroup); echo $group; cat /sys/fs/cgroup$group/memory.max || :";
    let words = [
        "--each",
        "document",
        "--shell",
        "--child-memory",
        "1GiB",
        "-o",
        "-",
        "--",
        line,
        ":::",
        "in.txt",
    ];
    let said = exec(folder.path(), &words).code(0).stdout;
    let (group, most) = said.split_once('\n').expect("two lines");
    if !group.contains("/gristmill-") {
        let mut stderr = std::io::stderr();
        let _ = writeln!(stderr, "NOT TESTED: no control group can be made here");
        return;
    }
    assert_eq!(most, format!("{}\n", 1 << 30));
    let left = Path::new("/sys/fs/cgroup").join(group.trim_start_matches('/'));
    assert!(!left.exists(), "{}", left.display());
}
