//! `run exec` with programs that hang, flee, flood and lie: each costs its unit and nothing else,
//! and nothing is left running.

use std::fs;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::gristmill::{Ended, gristmill, read};

/// A worker in Python that answers records and misbehaves at one of them.
const WORKER: &str = r#"
import json, os, struct, sys, time, signal
inp, out = os.fdopen(3, "rb"), os.fdopen(4, "wb", 0)
def put(kind, payload): out.write(struct.pack(">IB", len(payload) + 1, ord(kind)) + payload)
def misbehave(): MISBEHAVE
while True:
    head = inp.read(4)
    if len(head) < 4: break
    frame = inp.read(struct.unpack(">I", head)[0])
    if frame[:1] == b"H": put("H", b'{"version":1}')
    if frame[:1] != b"B": continue
    at, (documents,) = 5, struct.unpack_from(">I", frame, 1)
    for _ in range(documents):
        for _ in range(2):
            (n,) = struct.unpack_from(">I", frame, at); at += 4 + n
        _, count = struct.unpack_from(">QI", frame, at); at += 12
        lengths = struct.unpack_from(">%dI" % count, frame, at); at += 4 * count
        for n in lengths:
            record = frame[at:at + n]; at += n + 1
            if record == b"bad": misbehave()
            put("T", struct.pack(">I", 1) + record + b"\n")
    put("E", b"")
"#;

/// A folder with an input of 40 lines, the 21st of which is `bad`.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let lines: String = (0..40)
        .map(|line| match line {
            20 => "bad\n".into(),
            line => format!("{line}\n"),
        })
        .collect();
    fs::write(folder.path().join("in.txt"), lines).expect("a file");
    folder
}

fn exec(folder: &Path, words: &[&str]) -> Ended {
    let began = Instant::now();
    let mut command = gristmill();
    command
        .current_dir(folder)
        .args(["run", "exec", "-o", "out"]);
    command.args(["--env", &format!("TEST_MARK={}", folder.display())]);
    let ended = Ended::of(command.args(words).output().expect("the binary starts"));
    assert!(
        began.elapsed() < Duration::from_secs(100),
        "{words:?} takes for ever"
    );
    let left = marked(folder);
    assert!(left.is_empty(), "{words:?} leaves {left:?}");
    ended
}

/// Processes whose environment or words name the folder.
fn marked(folder: &Path) -> Vec<String> {
    let mark = folder.display().to_string();
    let mut found = Vec::new();
    for process in fs::read_dir("/proc").expect("processes").flatten() {
        let path = process.path();
        let said = |file: &str| {
            let bytes = fs::read(path.join(file)).unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        if said("environ").contains(&format!("TEST_MARK={mark}")) {
            found.push(said("cmdline").replace('\0', " "));
        }
    }
    found
}

/// Everything but the bad record came through, and that is set aside for this reason.
fn costs_one_record(folder: &Path, ended: Ended, reason: &str) {
    ended.code(3);
    let out = folder.join("out");
    let expected: String = (0..40)
        .filter(|line| *line != 20)
        .map(|line| format!("{line}\n"))
        .collect();
    assert_eq!(read(&out, "part-00000.txt"), expected, "{reason}");
    let entries = read(&out, "quarantine.jsonl");
    assert_eq!(entries.lines().count(), 1, "{entries}");
    assert!(entries.contains(reason), "{reason:?} is not in {entries}");
    assert!(entries.contains("\"text\":\"bad\""), "{entries}");
}

/// A script that cleans up behind itself by its `TMPDIR`, which is its folder.
#[test]
fn a_program_may_remove_its_own_folder() {
    let folder = folder();
    let clean = "cat >kept; cat kept; rm -rf \"$TMPDIR\"";
    exec(
        folder.path(),
        &["--each", "record", "--shell", "--", clean, ":::", "in.txt"],
    )
    .code(0);
    let input = read(folder.path(), "in.txt");
    assert_eq!(read(&folder.path().join("out"), "part-00000.txt"), input);
}

/// Two seconds for what hangs. The others reach their own limit, on a busy machine as well.
fn timeout(reason: &str) -> &'static str {
    match reason.starts_with("killed after 2 s") {
        true => "2",
        false => "60",
    }
}

#[test]
fn a_worker_that_misbehaves_costs_one_record() {
    for (misbehave, reason) in [
        ("time.sleep(1000)", "killed after 2 s (--timeout)"),
        ("os._exit(0)", "ended before it had answered, exit status 0"),
        (
            "sys.stderr.write('x' * 9000000 + 'the end'); sys.exit(3)",
            "exit status 3",
        ),
        (
            "out.write(b'garbage' * 1000); time.sleep(1000)",
            "sent what is no answer",
        ),
        (
            "put('T', struct.pack('>I', 5) + b'a\\n' * 5)",
            "sent what is no answer",
        ),
        ("put('E', b'')", "sent what is no answer"),
        ("put('X', b'bad')", "sent what is no answer"),
        (
            "out.close(); time.sleep(1000)",
            "ended before it had answered, killed",
        ),
        (
            "out.close(); time.sleep(1); os._exit(7)",
            "ended before it had answered, exit status 7",
        ),
        (
            "os.kill(os.getppid(), 9); time.sleep(1000)",
            "lost its keeper",
        ),
        (
            "os.kill(os.getppid(), 19); time.sleep(1000)",
            "lost its keeper",
        ),
        ("os.kill(os.getpid(), 11)", "killed by signal 11 (SIGSEGV)"),
        ("[os.dup(2) for _ in range(1000000)]", "exit status 1"),
        (
            "signal.signal(15, signal.SIG_IGN); time.sleep(1000)",
            "killed after 2 s",
        ),
        (
            "put('F', b'I give up\\nbecause'); time.sleep(1000)",
            "\"I give up\"",
        ),
        (
            "kept = [b'x' * (64 << 20) for _ in range(160)]; time.sleep(1000)",
            "more than 256MiB of memory",
        ),
    ] {
        let folder = folder();
        fs::write(
            folder.path().join("worker.py"),
            WORKER.replace("MISBEHAVE", misbehave),
        )
        .expect("a file");
        let words = "--child-memory 256MiB --worker -- python3 worker.py ::: in.txt";
        let words: Vec<&str> = words.split(' ').collect();
        let words = [&["--timeout", timeout(reason)][..], &words].concat();
        let ended = exec(folder.path(), &words);
        costs_one_record(folder.path(), ended, reason);
    }
}

#[test]
fn a_command_that_misbehaves_costs_one_record() {
    for (misbehave, reason) in [
        ("sleep 1000", "killed after 2 s (--timeout)"),
        (
            "trap '' TERM INT HUP; while :; do sleep 1; done",
            "killed after 2 s",
        ),
        ("setsid sleep 1000 & exit 0", "left processes behind"),
        (
            "(setsid sh -c '(sleep 1000 &) ; exit' &) ; exit 0",
            "left processes behind",
        ),
        (
            "exec 9>&1; (sleep 1000 >&9 &) ; exit 0",
            "left processes behind",
        ),
        (
            "head -c 9000000 /dev/zero | tr '\\0' x >&2; echo the end >&2; exit 6",
            "the end",
        ),
        ("yes", "wrote more than 67108864 bytes"),
        (
            "head -c 400000000 /dev/zero | tail -c 399999999 | sleep 1000",
            "of memory (--child-memory)",
        ),
        (
            "setsid sleep 1000 & kill -9 $PPID; sleep 1000",
            "lost its keeper",
        ),
        (
            "setsid sleep 1000 & kill -STOP $PPID; sleep 1000",
            "lost its keeper",
        ),
        ("kill -9 $$", "killed by signal 9 (SIGKILL)"),
    ] {
        let folder = folder();
        let line = format!("read line; if [ \"$line\" = bad ]; then {misbehave}; fi; echo $line");
        let words = [
            "--each",
            "record",
            "--timeout",
            timeout(reason),
            "--child-memory",
            "256MiB",
            "--shell",
            "--",
            &line,
            ":::",
            "in.txt",
        ];
        let ended = exec(folder.path(), &words);
        costs_one_record(folder.path(), ended, reason);
    }
}

#[test]
fn an_interrupt_ends_programs_at_once_and_leaves_nothing() {
    let folder = folder();
    let mut command = gristmill();
    command.current_dir(folder.path());
    command.args(["run", "exec", "-o", "out", "--each", "document", "--shell"]);
    command.args(["--env", &format!("TEST_MARK={}", folder.path().display())]);
    command.args(["--", "echo here >&2; setsid sleep 1000", ":::", "in.txt"]);
    let mut child = command.spawn().expect("the binary starts");
    while marked(folder.path()).len() < 2 {
        std::thread::sleep(Duration::from_millis(10));
        assert!(child.try_wait().expect("a child").is_none(), "it has ended");
    }
    let began = Instant::now();
    let pid = child.id().to_string();
    let killed = std::process::Command::new("kill")
        .args(["-INT", &pid])
        .status();
    assert!(killed.expect("kill").success());
    assert_eq!(child.wait().expect("a child").code(), Some(130));
    assert!(began.elapsed() < Duration::from_secs(10));
    gone(folder.path());
}

#[test]
fn a_killed_gristmill_leaves_neither_programs_nor_folders() {
    for group in [false, true] {
        killed(group);
    }
}

/// Kills gristmill, or its whole process group as `timeout -s KILL` does.
fn killed(group: bool) {
    let folder = folder();
    let tmp = folder.path().join("tmp");
    fs::create_dir(&tmp).expect("a folder");
    let mut command = gristmill();
    command.current_dir(folder.path());
    command.args(["run", "exec", "-o", "out", "--each", "document", "--shell"]);
    command.args(["--tmp", "tmp", "--threads", "2"]);
    command.args(["--env", &format!("TEST_MARK={}", folder.path().display())]);
    let line = "echo > left; setsid sleep 1000";
    command.args(["--", line, ":::", "in.txt", "in.txt.gz"]);
    fs::write(
        folder.path().join("in.txt.gz"),
        crate::corpus::gzip(b"more\n"),
    )
    .expect("a file");
    command.process_group(0);
    let mut child = command.spawn().expect("the binary starts");
    while marked(folder.path()).len() < 4 {
        std::thread::sleep(Duration::from_millis(10));
        assert!(child.try_wait().expect("a child").is_none(), "it has ended");
    }
    let kept = |prefix: &str| {
        let names = fs::read_dir(&tmp).expect("a folder").flatten();
        names
            .filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
            .count()
    };
    assert_eq!((kept("gristmill-exec-"), kept("gristmill-large-")), (1, 1));
    let pid = child.id().to_string();
    let target = if group { format!("-{pid}") } else { pid };
    let sent = std::process::Command::new("kill")
        .args(["-KILL", "--", &target])
        .status();
    assert!(sent.expect("kill runs").success());
    child.wait().expect("a child");
    gone(folder.path());
    let end = Instant::now() + Duration::from_secs(30);
    while kept("gristmill-exec-") + kept("gristmill-large-") > 0 {
        assert!(Instant::now() < end, "folders are left");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// In a container the leader of the session is elsewhere, and has no number there.
#[test]
fn a_program_that_kills_its_keeper_leaves_nothing_in_a_container_either() {
    let folder = folder();
    let line = "setsid sleep 1000 & kill -9 $PPID; sleep 1000";
    let mut command = std::process::Command::new("unshare");
    command.args([
        "--pid",
        "--fork",
        "--mount-proc",
        gristmill().get_program().to_str().expect("a path"),
    ]);
    command
        .current_dir(folder.path())
        .args(["run", "exec", "-o", "out", "--env"]);
    command.arg(format!("TEST_MARK={}", folder.path().display()));
    command.args(["--each", "document", "--shell", "--", line, ":::", "in.txt"]);
    let ended = Ended::of(command.output().expect("unshare starts"));
    if ended.stderr.contains("unshare failed") {
        let mut stderr = std::io::stderr();
        let _ = writeln!(stderr, "NOT TESTED: no namespaces here");
        return;
    }
    ended.code(3).says("lost its keeper");
    assert!(marked(folder.path()).is_empty());
}

/// Waits until no process of a test is left.
fn gone(folder: &Path) {
    let end = Instant::now() + Duration::from_secs(30);
    while !marked(folder).is_empty() {
        assert!(Instant::now() < end, "left: {:?}", marked(folder));
        std::thread::sleep(Duration::from_millis(10));
    }
}
