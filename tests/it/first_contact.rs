//! What a first user types: no output named, several patterns, a look at what would be read.

use std::io::Write as _;

use crate::gristmill::{gristmill, read, run};

/// A folder with `a.txt`, `b.txt` and something that is not text.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
    write("a.txt", b"one apple\ntwo pears\n");
    write("b.txt", b"three plums\nno apples.\n");
    write("c.7z", b"7z\xBC\xAF\x27\x1C\0\x04 and so on");
    folder
}

#[test]
fn without_an_output_the_result_goes_to_stdout_and_the_summary_to_stderr() {
    let folder = folder();
    let a = folder.path().join("a.txt");
    let a = a.to_str().unwrap();
    let ended = run(["run", "word-count", "-j", "1", a])
        .code(0)
        .says("complete: word-count");
    assert_eq!(ended.stdout, "apple\t1\none\t1\npears\t1\ntwo\t1\n");
    assert!(ended.stderr.starts_with("complete"), "{}", ended.stderr);
    run(["run", "word-count", a, "--partitions", "2"])
        .code(2)
        .says("-o OUT");
    run(["run", "word-count"]).code(2).says("no INPUT");
    run(["run", "grep", "-e", "x"]).code(2).says("no INPUT");
}

#[test]
fn grep_takes_several_patterns_and_names_documents() {
    let folder = folder();
    let grep = |words: &[&str]| {
        let mut command = gristmill();
        command
            .current_dir(folder.path())
            .args(["run", "grep"])
            .args(words);
        crate::gristmill::Ended::of(command.output().unwrap())
            .code(0)
            .stdout
    };
    assert_eq!(
        grep(&["apple", "a.txt", "b.txt"]),
        "one apple\nno apples.\n"
    );
    assert_eq!(
        grep(&["-e", "pears", "-e", "plums", "a.txt", "b.txt"]),
        "two pears\nthree plums\n"
    );
    assert_eq!(
        grep(&["-w", "-e", "apple", "-e", "pear", "a.txt", "b.txt"]),
        "one apple\n"
    );
    assert_eq!(
        grep(&["-F", "-e", "s.", "-e", "(", "a.txt", "b.txt"]),
        "no apples.\n"
    );
    assert_eq!(grep(&["-l", "p", "a.txt", "b.txt"]), "a.txt\nb.txt\n");
    assert_eq!(grep(&["-l", "plum", "a.txt", "b.txt"]), "b.txt\n");
    assert_eq!(grep(&["-l", "-v", "[aeiou]", "a.txt", "b.txt"]), "");
    let json = grep(&["-l", "plum", "b.txt", "--format", "jsonl"]);
    assert_eq!(json, "{\"name\":\"b.txt\"}\n");
    std::fs::write(folder.path().join("patterns"), "plums\r\ntwo\n").unwrap();
    assert_eq!(
        grep(&["-f", "patterns", "a.txt", "b.txt"]),
        "two pears\nthree plums\n"
    );
    std::fs::write(folder.path().join("none"), "").unwrap();
    assert_eq!(grep(&["-f", "none", "a.txt"]), "");
    run(["run", "grep", "-l", "-c", "x", "."])
        .code(2)
        .says("--count");
    run(["run", "grep", "-f", "/nowhere", "."])
        .code(2)
        .says("/nowhere");
}

#[test]
fn a_dry_run_shows_what_would_be_read_and_writes_nothing() {
    let folder = folder();
    let out = folder.path().join("out");
    let words = [
        "run",
        "wc",
        folder.path().to_str().unwrap(),
        "--dry-run",
        "-o",
    ];
    let ended = run(words
        .iter()
        .map(std::ffi::OsStr::new)
        .chain([out.as_os_str()]))
    .code(0);
    let lines: Vec<&str> = ended.stdout.lines().collect();
    assert!(
        lines[1].starts_with("text\t20\t1\t") && lines[1].ends_with("a.txt"),
        "{lines:?}"
    );
    // Both texts are in one split.
    assert!(lines[2].starts_with("text\t23\t1\t"), "{lines:?}");
    assert!(
        lines[3].contains("c.7z") && lines[3].contains("set aside: not supported: 7z archive"),
        "{lines:?}"
    );
    assert!(
        lines[4].starts_with("3 sources (61 B) in 1 split; ")
            && lines[4].contains("1 would be set aside"),
        "{lines:?}"
    );
    assert!(!out.exists());
}

#[test]
fn splits_tell_of_a_large_source_that_cannot_be_shared() {
    let folder = tempfile::tempdir().unwrap();
    let make = |name: &str, size: u64| {
        let mut file = std::fs::File::create(folder.path().join(name)).unwrap();
        file.write_all(&crate::corpus::gzip(b"a line\n")).unwrap();
        file.set_len(size).unwrap();
    };
    make("large.gz", 300 << 20);
    make("small.gz", 40 << 20);
    let input = folder.path().to_str().unwrap();
    let told = |words: &[&str]| {
        let line = ["produce", "word-count", "--dry-run", input];
        run([&line[..], words].concat()).code(0).stderr
    };
    let hint = told(&["--send", "splits"]);
    assert!(
        hint.contains("large.gz (300.00 MiB of 340.00 MiB) is one split"),
        "{hint}"
    );
    // Where the text goes round, or others are most of the job, nothing needs to be said.
    assert_eq!(told(&[]), "");
    make("larger.tar", 2 << 30);
    let hint = told(&["--send", "splits"]);
    assert!(hint.contains("larger.tar"), "{hint}");
    make("next.gz", 255 << 20);
    std::fs::remove_file(folder.path().join("larger.tar")).unwrap();
    std::fs::remove_file(folder.path().join("large.gz")).unwrap();
    assert_eq!(told(&["--send", "splits"]), "");
}

#[test]
fn paths_in_a_list_may_end_with_nul() {
    let folder = folder();
    let odd = folder.path().join("line\nbreak.txt");
    std::fs::write(&odd, "x\n").unwrap();
    let list = folder.path().join("list");
    let mut file = std::fs::File::create(&list).unwrap();
    write!(
        file,
        "{}\0{}\0",
        odd.display(),
        folder.path().join("a.txt").display()
    )
    .unwrap();
    let list = format!("@{}", list.display());
    let ended = run(["run", "grep", "-c", "", "-0", &list]).code(0);
    assert_eq!(ended.stdout, "3\n");
    run(["run", "grep", "-c", "", &list]).code(1);
}

#[test]
fn a_site_may_set_how_much_may_be_in_quarantine() {
    let folder = folder();
    let input = folder.path().to_str().unwrap();
    run(["run", "wc", input])
        .code(3)
        .says("complete: wc")
        .says("exit code 3: more is in quarantine");
    let allowed = gristmill()
        .args(["run", "wc", input])
        .env("GRISTMILL_ALLOW_QUARANTINE", "1")
        .output();
    crate::gristmill::Ended::of(allowed.unwrap()).code(0);
    let wrong = gristmill()
        .args(["run", "wc", input])
        .env("GRISTMILL_ALLOW_QUARANTINE", "x")
        .output();
    crate::gristmill::Ended::of(wrong.unwrap()).code(2);
}

#[test]
fn records_of_many_megabytes_are_read_where_they_may_be() {
    let folder = tempfile::tempdir().unwrap();
    let long = folder.path().join("long.txt");
    // Words across every cut, and a character of two bytes at every odd place.
    let text = format!("{}\nshort\n", "é word\u{A0}x ".repeat(1 << 20));
    std::fs::write(&long, &text).unwrap();
    let (words, bytes) = (text.split_ascii_whitespace().count(), text.len());
    let expected = format!("{}\t2\t{words}\t{bytes}\n", long.display());
    for size in ["4KiB", "100000B", "2MiB"] {
        let words = ["run", "wc", "--format", "tsv", "--chunk-size", size];
        let ended = run(words
            .iter()
            .map(std::ffi::OsStr::new)
            .chain([long.as_os_str()]))
        .code(0);
        assert_eq!(ended.stdout, expected, "{size}");
    }
    let out = folder.path().join("out");
    let (long, out) = (long.to_str().unwrap(), out.to_str().unwrap());
    run(["run", "wc", long, "-o", out]).code(0);
    run(["verify", out, long]).code(0);
    assert!(read(std::path::Path::new(out), "quarantine.jsonl").is_empty());
    run(["run", "grep", "-c", "word", long])
        .code(3)
        .says("--max-record");
    let ended = run(["run", "grep", "-c", "word", long, "--max-record", "16MiB"]).code(0);
    assert_eq!(ended.stdout, "1\n");
    let ended = run(["run", "grep", "word", long, "--max-record", "64MiB"]).code(0);
    assert_eq!(ended.stdout.len(), bytes - "short\n".len());
    run(["run", "grep", "x", long, "--max-record", "65MiB"])
        .code(2)
        .says("64MiB");
    // Refused before any broker is asked.
    let words = [
        "produce",
        "grep",
        "x",
        long,
        "--max-record",
        "4MiB",
        "--broker",
        "amqp://127.0.0.1:1",
    ];
    run(words).code(2).says("3MiB");
}

/// What GNU grep prints of these files.
fn gnu_grep(folder: &std::path::Path, words: &[&str]) -> String {
    let output = std::process::Command::new("grep")
        .args(words)
        .current_dir(folder)
        .env("LC_ALL", "C")
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn max_count_is_of_each_document_wherever_it_is_cut() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    for file in 0..5 {
        let name = format!("{file}.log");
        let mut out = std::fs::File::create(folder.path().join(&name)).unwrap();
        for line in 0..3000 {
            // The first matches of file 3 stand behind its first chunks, and file 4 has too few.
            let hit = match file {
                3 => line > 2000,
                4 => line % 1000 == 999,
                _ => line % 7 == file,
            };
            let word = if hit { "error error" } else { "fine" };
            writeln!(out, "{line} {word} {}", "x".repeat(line % 60)).unwrap();
        }
        files.push(name);
    }
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    for options in [
        &["-m", "1"][..],
        &["-m", "4", "-n"],
        &["-m", "700", "-H"],
        &["-m", "4", "-v", "-H", "-n"],
        &["-m", "5", "-v"],
        &["-m", "1000000"],
    ] {
        let expected = gnu_grep(
            folder.path(),
            &[&["-h"], options, &["error"], &files].concat(),
        );
        for (threads, size) in [("1", "1MiB"), ("2", "4KiB"), ("3", "64KiB")] {
            let cut = ["-j", threads, "--chunk-size", size, "error"];
            let mut command = gristmill();
            command
                .current_dir(folder.path())
                .args([&["run", "grep"], options, &cut, &files].concat());
            let ended = crate::gristmill::Ended::of(command.output().unwrap()).code(0);
            assert!(ended.stdout == expected, "{options:?} {threads} {size}");
        }
    }
    // Only the stretches: a record counts once, however many it has.
    let stretches = run([
        "run",
        "grep",
        "--only-matching",
        "-m",
        "2",
        "error",
        folder.path().join("0.log").to_str().unwrap(),
    ])
    .code(0)
    .stdout;
    assert_eq!(stretches, "error\n".repeat(4));
    for wrong in [&["-m", "0"][..], &["-m", "1", "-c"], &["-m", "1", "-l"]] {
        run([&["run", "grep", "x", "."], wrong].concat()).code(2);
    }
}
