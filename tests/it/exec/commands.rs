//! Commands over documents, records and pieces, against the same programs run by hand.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;

use super::*;
use crate::corpus;

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
fn a_document_s_file_has_one_name_wherever_it_is_and_none_of_the_job_s_files() {
    let folder = folder();
    let input = folder.path().join("in");
    fs::create_dir(&input).expect("a folder");
    for number in 0..20 {
        fs::write(input.join(format!("{number}.txt")), "a b\n").expect("a file");
    }
    let count = |threads| {
        let words = ["--threads", threads, "--each", "document", "-o", "-"];
        let command = ["--", "wc", "-w", "{}", ":::", "in"];
        exec(folder.path(), &[&words[..], &command[..]].concat())
            .code(0)
            .stdout
    };
    assert_eq!(count("2"), "2 document.txt\n".repeat(20));
    assert_eq!(count("1"), count("2"));
    fs::write(folder.path().join("document.txt"), "mine\n").expect("a file");
    let words = [
        "--each",
        "document",
        "--ship",
        "document.txt",
        "-o",
        "-",
        "--",
        "cat",
        "document.txt",
        "{}",
        ":::",
        "in",
    ];
    assert_eq!(
        exec(folder.path(), &words).code(0).stdout,
        "mine\na b\n".repeat(20)
    );
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
    let names: [&OsStr; 2] = [b"n\xFE.txt", b"n\xFF.txt"].map(|name| OsStr::from_bytes(name));
    for name in names {
        fs::write(folder.path().join(name), "a\n").expect("a file");
    }
    let mut command = gristmill();
    command.current_dir(folder.path()).args(["run", "exec"]);
    command.args([
        "--out", "json", "-o", "-", "--each", "document", "--", "cat", ":::",
    ]);
    let ended = Ended::of(command.args(names).output().expect("a run")).code(0);
    assert!(ended.stdout.contains(r"n\\xFE.txt") && ended.stdout.contains(r"n\\xFF.txt"));
    let words = [
        "--each", "document", "--out", "frames", "-o", "-", "--", "cat", ":::", "in.txt",
    ];
    assert_eq!(
        exec(folder.path(), &words).code(0).stdout,
        "\0\0\0\u{6}in.txt\0\0\0\u{5}a\nbb\n"
    );
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
fn a_line_for_a_shell_finds_the_users_files_and_its_lost_errors_are_told() {
    let folder = folder();
    fs::write(folder.path().join("in.txt"), "b\na\nb\n").expect("a file");
    script(folder.path(), "map.py", "#!/bin/sh\ntr a-z A-Z\n");
    let expected = shell(folder.path(), "./map.py <in.txt | sort | uniq -c");
    let line = "./map.py | sort | uniq -c";
    for words in [&["--shell", "--", line][..], &["--", "sh", "-c", line]] {
        let words = [&["--each", "chunk", "-o", "-"], words, &[":::", "in.txt"]].concat();
        assert_eq!(exec(folder.path(), &words).code(0).stdout, expected);
    }
    let lost = "./nowhere.py | sort";
    let words = ["--each", "chunk", "-o", "-", "--shell", "--", lost];
    let words = [&words[..], &[":::", "in.txt"]].concat();
    exec(folder.path(), &words)
        .code(0)
        .says("wrote nothing but to stderr")
        .says("nowhere.py");
    // A folder of modules in the current folder, by a relative path.
    fs::create_dir(folder.path().join("package")).expect("a folder");
    fs::write(folder.path().join("package/__init__.py"), "").expect("a file");
    let job = "def f(line): return line * 2\n";
    fs::write(folder.path().join("package/job.py"), job).expect("a file");
    let mut command = gristmill();
    command
        .current_dir(folder.path())
        .args(["run", "exec", "--each", "record", "--python"])
        .args(["package.job:f", "in.txt", "-o", "-"])
        .env("PYTHONPATH", ".");
    let ended = Ended::of(command.output().expect("a run")).code(0);
    assert_eq!(ended.stdout, "bb\naa\nbb\n");
    // A list that is empty is no folder.
    let mut command = gristmill();
    command
        .current_dir(folder.path())
        .args(["run", "exec", "--each", "document", "-o", "-"])
        .args(["--", "env", ":::", "in.txt"])
        .env("PYTHONPATH", "");
    let ended = Ended::of(command.output().expect("a run")).code(0);
    assert!(ended.stdout.lines().any(|line| line == "PYTHONPATH="));
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
    // Started again after it has changed the document's file, a program would see another one.
    let large = File::create(folder.path().join("large")).expect("a file");
    large.set_len(70_000_000).expect("a length");
    let line = "printf X | dd of={} conv=notrunc status=none; kill -9 $PPID; sleep 100";
    words(&[
        "--quarantine",
        "changed",
        "--shell",
        "--",
        line,
        ":::",
        "large",
    ])
    .code(3);
    let changed = read(folder.path(), "changed");
    let reason = "does not hold what was read of it";
    assert!(changed.contains(reason), "{} bytes", changed.len());
}

/// Documents whose names lead out of the folder, or clash, in a tar; the members are what `tar`
/// unpacks.
#[test]
fn results_are_files_of_a_tar_under_the_documents_names() {
    let folder = folder();
    let made = "import io, tarfile\nwith tarfile.open('in.tar', 'w') as tar:\n    for name, text in \
                [('../up.txt', 'one'), ('/abs/a.txt', 'two'), ('abs/a.txt', 'three'), ('bad', 'bad'), \
                ('x' * 120 + '/long.txt', 'four'), ('empty', '')]:\n        info = tarfile.TarInfo(name)\n        \
                info.size = len(text)\n        tar.addfile(info, io.BytesIO(text.encode()))\n";
    fs::write(folder.path().join("make.py"), made).expect("a file");
    shell(folder.path(), "python3 make.py && rm make.py");
    let line = "t=$(cat); [ \"$t\" != bad ] || exit 5; printf %s \"$t\" | tr a-z A-Z";
    let words = [
        "--each", "document", "--out", "file", "--shell", "-o", "out", "--", line, ":::", "in.tar",
    ];
    exec(folder.path(), &words).code(3);
    let out = folder.path().join("out");
    assert_eq!(quarantine(&out).len(), 1);
    let unpacked = shell(
        folder.path(),
        "mkdir un && tar -C un --warning=all -xf out/part-00000.tar 2>&1 && cd un && \
         for f in $(find . -type f | sort); do echo $f $(cat $f) $(stat -c %a,%Y $f); done",
    );
    let long = "x".repeat(120);
    let expected = format!(
        "./in.tar!/abs/a.txt TWO 644,0\n./in.tar!/abs/a~2.txt THREE 644,0\n./in.tar!/empty 644,0\n\
         ./in.tar!/up.txt ONE 644,0\n./in.tar!/{long}/long.txt FOUR 644,0\n"
    );
    assert_eq!(unpacked, expected);
    // On stdout, compressed, and in any number of threads it is the same tar.
    let words = [
        "--each",
        "document",
        "--out",
        "file",
        "--shell",
        "-o",
        "-",
        "--threads",
        "3",
        "--allow-quarantine",
        "1",
        "--chunk-size",
        "4KiB",
        "--",
        line,
        ":::",
        "in.tar",
    ];
    let mut command = gristmill();
    command
        .current_dir(folder.path())
        .args(["run", "exec"])
        .args(words);
    let tar = command.output().expect("a run").stdout;
    assert!(tar == fs::read(out.join("part-00000.tar")).expect("a tar"));
    Ended::of(gristmill().arg("verify").arg(&out).output().expect("a run")).code(0);
    let words = [
        "--each", "chunk", "--out", "file", "-o", "no", "--", "cat", ":::", "in.tar",
    ];
    exec(folder.path(), &words)
        .code(2)
        .says("goes with --each document");
}
