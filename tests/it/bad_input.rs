//! Bad input is normal: each kind of it ends in a clear report and a true exit code.
//!
//! Every test names one kind of damage, makes it, and checks the whole account of the binary's run:
//! the good part is used, the bad part is in quarantine with a reason, `verify` holds.

use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use crate::corpus::gzip;
use crate::gristmill::{Ended, gristmill, read, run};

/// The command line that runs a job, given by its words, into a folder.
fn job(words: &[&str], out: &Path) -> std::process::Command {
    let mut command = gristmill();
    command.arg("run").args(words).arg("-o").arg(out);
    command
}

fn mkfifo(path: &Path) {
    let made = std::process::Command::new("mkfifo").arg(path).status();
    assert!(made.unwrap().success());
}

/// Asks a process to end, as Ctrl-C does.
fn interrupt(child: &std::process::Child) {
    let id = child.id().to_string();
    let sent = std::process::Command::new("kill")
        .args(["-INT", &id])
        .status();
    assert!(sent.unwrap().success());
}

/// Runs word-count over `input` and verifies the output, whatever was set aside.
#[track_caller]
fn word_count(input: &Path, code: i32) -> (tempfile::TempDir, Ended) {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let ended = job(&["word-count", "--words", "ascii"], &out)
        .arg(input)
        .output()
        .map(Ended::of)
        .unwrap()
        .code(code);
    if code != 1 {
        let verified = gristmill()
            .arg("verify")
            .arg(&out)
            .arg(input)
            .output()
            .map(Ended::of)
            .unwrap();
        verified.code(0);
    }
    (folder, ended)
}

fn words_of(folder: &tempfile::TempDir) -> String {
    read(&folder.path().join("out"), "part-00000.tsv")
}

fn quarantine_of(folder: &tempfile::TempDir) -> Vec<serde_json::Value> {
    let text = read(&folder.path().join("out"), "quarantine.jsonl");
    text.lines()
        .map(|line| serde_json::from_str(line).expect("a JSON line"))
        .collect()
}

fn file(bytes: &[u8]) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("input");
    std::fs::write(&path, bytes).unwrap();
    (folder, path)
}

#[test]
fn truncated_gzip_gives_its_good_part() {
    let whole = gzip("alpha beta\n".repeat(20_000).as_bytes());
    let (_keep, input) = file(&whole[..whole.len() / 2]);
    let (out, _) = word_count(&input, 3);
    let words = words_of(&out);
    let alphas: u64 = words
        .lines()
        .next()
        .unwrap()
        .split_once('\t')
        .unwrap()
        .1
        .parse()
        .unwrap();
    assert!(alphas > 100 && alphas < 20_000, "{words}");
    let set_aside = quarantine_of(&out);
    assert_eq!(set_aside.len(), 1);
    assert!(
        set_aside[0]["reason"].as_str().unwrap().contains("gzip"),
        "{set_aside:?}"
    );
    // The offset is where the cut-off record begins: after whole lines only.
    assert_eq!(set_aside[0]["offset"].as_u64().unwrap() % 11, 0);
}

#[test]
fn on_corrupt_fail_means_exit_1_and_no_manifest() {
    let whole = gzip("alpha beta\n".repeat(20_000).as_bytes());
    let (folder, input) = file(&whole[..whole.len() / 2]);
    let out = folder.path().join("out");
    let words = [
        "run",
        "wc",
        "--on-corrupt",
        "fail",
        input.to_str().unwrap(),
        "-o",
        out.to_str().unwrap(),
    ];
    run(words).code(1).says("input");
    assert!(!out.join("manifest.json").exists());
}

#[test]
fn a_gzip_with_a_wrong_checksum_is_named() {
    let mut bytes = gzip(b"alpha\nbeta\n");
    let at = bytes.len() - 6;
    bytes[at] ^= 0xFF;
    let (_keep, input) = file(&bytes);
    let (out, _) = word_count(&input, 3);
    assert_eq!(quarantine_of(&out).len(), 1);
}

#[test]
fn garbage_after_gzip_is_one_entry() {
    let (_keep, input) = file(&[gzip(b"alpha\n"), b"this is no gzip member".to_vec()].concat());
    let (out, _) = word_count(&input, 3);
    assert_eq!(words_of(&out), "alpha\t1\n");
    assert_eq!(quarantine_of(&out).len(), 1);
}

#[test]
fn an_endless_line_is_set_aside_with_flat_memory() {
    // 64 MiB without a newline, gzipped to almost nothing, between two good lines.
    let mut bytes = b"first\n".to_vec();
    bytes.resize(bytes.len() + (64 << 20), b'x');
    bytes.extend_from_slice(b"\nlast\n");
    let (_keep, input) = file(&gzip(&bytes));
    drop(bytes);
    let (out, _) = word_count(&input, 3);
    assert_eq!(words_of(&out), "first\t1\nlast\t1\n");
    let set_aside = quarantine_of(&out);
    assert_eq!(set_aside.len(), 1);
    assert_eq!(set_aside[0]["offset"], 6);
    assert_eq!(set_aside[0]["text"].as_str().unwrap().len(), 64 << 10);
}

#[test]
fn nul_bytes_bad_utf8_and_no_last_newline_go_through() {
    let (_keep, input) = file(b"\xEF\xBB\xBFone\x00two\r\ncaf\xE9 \xED\xA0\x80three\r\nfour");
    let (out, _) = word_count(&input, 0);
    assert_eq!(
        words_of(&out),
        "caf\t1\nfour\t1\none\t1\nthree\t1\ntwo\t1\n"
    );
}

#[test]
fn records_that_are_not_utf8_can_be_set_aside() {
    let (folder, input) = file(b"good\nb\xFFd\ngood\n");
    let out = folder.path().join("out");
    run([
        "run",
        "grep",
        ".",
        "--encoding-errors",
        "quarantine",
        input.to_str().unwrap(),
        "-o",
        out.to_str().unwrap(),
    ])
    .code(3);
    assert_eq!(read(&out, "part-00000.txt"), "good\ngood\n");
    let entry: serde_json::Value = serde_json::from_str(&read(&out, "quarantine.jsonl")).unwrap();
    assert_eq!(
        (&entry["offset"], &entry["base64"]),
        (&5.into(), &"Yv9k".into())
    );
}

#[test]
fn empty_files_and_empty_folders_are_no_error() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("in/nothing")).unwrap();
    let (out, _) = word_count(&folder.path().join("in"), 0);
    assert_eq!(words_of(&out), "");
    std::fs::write(folder.path().join("in/empty"), b"").unwrap();
    let (out, _) = word_count(&folder.path().join("in"), 0);
    assert_eq!(words_of(&out), "");
    assert!(read(&out.path().join("out"), "sources.jsonl").contains("empty"));
}

#[test]
fn what_is_no_file_is_reported_in_folders_and_read_when_named() {
    let folder = tempfile::tempdir().unwrap();
    let inside = folder.path().join("in");
    std::fs::create_dir(&inside).unwrap();
    std::fs::write(inside.join("a.txt"), "alpha\n").unwrap();
    let fifo = inside.join("pipe");
    mkfifo(&fifo);
    let (out, _) = word_count(&inside, 3);
    assert_eq!(words_of(&out), "alpha\t1\n");
    assert!(
        quarantine_of(&out)[0]["source"]
            .as_str()
            .unwrap()
            .ends_with("pipe")
    );

    let mut reading = gristmill()
        .args(["run", "word-count", "-o", "-"])
        .arg(&fifo)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    std::fs::OpenOptions::new()
        .write(true)
        .open(&fifo)
        .unwrap()
        .write_all(b"beta\n")
        .unwrap();
    let out = reading.stdout.take();
    let ended = Ended::of(reading.wait_with_output().unwrap()).code(0);
    drop((out, ended));
}

#[test]
fn archives_that_are_not_supported_are_named_never_read_as_text() {
    for (magic, name) in [
        (&b"7z\xBC\xAF\x27\x1C\x00\x04 some text"[..], "7z"),
        (b"Rar!\x1A\x07\x01\x00 some text", "rar"),
        (b"\x1F\x9D\x90 some text", ".Z"),
    ] {
        let (_keep, input) = file(magic);
        let (out, _) = word_count(&input, 3);
        assert_eq!(words_of(&out), "", "{name}");
        let reason = quarantine_of(&out)[0]["reason"]
            .as_str()
            .unwrap()
            .to_lowercase();
        assert!(reason.contains(&name.to_lowercase()), "{name}: {reason}");
    }
}

#[test]
fn too_much_quarantine_fails_and_names_the_commonest_reason() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("access.log");
    std::fs::write(&log, "no log line at all\n".repeat(5_000)).unwrap();
    let out = folder.path().join("out");
    run([
        "run",
        "access-log",
        "--max-quarantine",
        "64KiB",
        log.to_str().unwrap(),
        "-o",
        out.to_str().unwrap(),
    ])
    .code(1)
    .says("--max-quarantine");
    assert!(!out.join("manifest.json").exists());
}

#[test]
fn a_full_disk_is_exit_1_with_a_message_and_no_manifest() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("in.txt");
    std::fs::write(&input, "a line that goes through\n".repeat(200_000)).unwrap();
    let out = folder.path().join("out");
    // A limit on file size stands in for a full disk: writing fails in the same place.
    let ended = std::process::Command::new("bash")
        .arg("-c")
        .arg("ulimit -f 1024; exec \"$0\" run grep line \"$1\" -o \"$2\"")
        .arg(env!("CARGO_BIN_EXE_gristmill"))
        .args([&input, &out])
        .output()
        .map(Ended::of)
        .unwrap();
    ended.code(1).says("out");
    assert!(!out.join("manifest.json").exists());
    let left: Vec<_> = std::fs::read_dir(&out)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert!(
        left.iter()
            .all(|name| !name.to_string_lossy().starts_with("part-")),
        "{left:?}"
    );
}

#[test]
fn an_interrupt_says_how_far_it_got_and_commits_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("endless");
    mkfifo(&fifo);
    let out = folder.path().join("out");
    let mut child = job(&["wc"], &out)
        .arg(&fifo)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The writer stays open, so the job waits for more when the signal comes, and afterwards.
    let mut writer = std::fs::OpenOptions::new().write(true).open(&fifo).unwrap();
    writer
        .write_all("some text\n".repeat(1000).as_bytes())
        .unwrap();
    interrupt(&child);
    let mut said = String::new();
    std::io::Read::read_to_string(&mut child.stderr.take().unwrap(), &mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{said}");
    assert!(
        said.contains("interrupted") && said.contains("no output was committed"),
        "{said}"
    );
    assert!(!out.join("manifest.json").exists());
    drop(writer);
    // The next run cleans up and completes.
    std::fs::write(folder.path().join("in.txt"), "x\n").unwrap();
    let input = folder.path().join("in.txt");
    job(&["wc"], &out)
        .arg(&input)
        .output()
        .map(Ended::of)
        .unwrap()
        .code(0);
}

#[test]
#[cfg(target_os = "linux")]
fn an_interrupt_ends_the_wait_for_the_writer_of_a_pipe() {
    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("nobody-writes");
    mkfifo(&fifo);
    let out = folder.path().join("out");
    let child = job(&["wc"], &out)
        .arg(&fifo)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let files = format!("/proc/{}/fd", child.id());
    let is_open = || {
        let mut files = std::fs::read_dir(&files).unwrap();
        files.any(|file| std::fs::read_link(file.unwrap().path()).is_ok_and(|to| to == fifo))
    };
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while !is_open() {
        assert!(std::time::Instant::now() < deadline, "it waits in opening");
        std::thread::yield_now();
    }
    interrupt(&child);
    let ended = Ended::of(child.wait_with_output().unwrap());
    // The words of a drain; a stop after its grace has others.
    ended.code(130).says("interrupted after");
    assert!(!out.join("manifest.json").exists());
}

#[test]
fn a_full_disk_while_a_nested_zip_is_spooled_is_exit_1() {
    let folder = tempfile::tempdir().unwrap();
    let (tmp, out) = (folder.path().join("tmp"), folder.path().join("out"));
    std::fs::create_dir(&tmp).unwrap();
    // A zip is known by its first bytes; it is spooled whole before its directory is looked for.
    let inner = [b"PK\x03\x04", &[0; 4 << 20][..]].concat();
    let input = folder.path().join("in.gz");
    std::fs::write(&input, gzip(&inner)).unwrap();
    // A limit on file size stands in for a full disk: writing fails in the same place.
    let ended = std::process::Command::new("bash")
        .arg("-c")
        .arg("ulimit -f 1024; exec \"$0\" run wc --tmp \"$1\" \"$2\" -o \"$3\"")
        .arg(env!("CARGO_BIN_EXE_gristmill"))
        .args([&tmp, &input, &out])
        .output()
        .map(Ended::of)
        .unwrap();
    ended.code(1).says(tmp.to_str().unwrap()).says("--tmp");
    assert!(!out.join("manifest.json").exists());
    assert_eq!(
        std::fs::read_dir(&tmp).unwrap().count(),
        0,
        "nothing is left"
    );
}
