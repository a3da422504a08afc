//! What a program may use, exceeded by real programs.

use super::*;

/// One document through a command in Python; what became of it.
fn python(folder: &Path, code: &str, limits: &[&str]) -> Ended {
    fs::write(folder.join("in.txt"), "x\n").expect("a file");
    fs::write(folder.join("program.py"), code).expect("a file");
    let mut words = vec!["--each", "document", "-o", "out", "--force"];
    words.extend(limits);
    words.extend(["--", "python3", "program.py", ":::", "in.txt"]);
    exec(folder, &words)
}

/// The reason and the stderr of the only entry.
#[track_caller]
fn fails(folder: &Path, code: &str, limits: &[&str]) -> (String, String) {
    python(folder, code, limits).code(3);
    let entries = quarantine(&folder.join("out"));
    assert_eq!(entries.len(), 1);
    let text = |name: &str| entries[0][name].as_str().unwrap_or_default().to_owned();
    (text("reason"), text("stderr"))
}

#[test]
fn a_program_leaves_no_core_and_has_limits_of_files() {
    let folder = folder();
    fs::write(folder.path().join("in.txt"), "x\n").expect("a file");
    let line = "ulimit -Hc; ulimit -f; test $(ulimit -Hn) -le 65536 && echo few";
    let words = [
        "--each", "document", "--shell", "-o", "-", "--", line, ":::", "in.txt",
    ];
    // In blocks of 512 bytes.
    let limits = format!("0\n{}\nfew\n", (16u64 << 30) / 512);
    assert_eq!(exec(folder.path(), &words).code(0).stdout, limits);

    let code = "open('large', 'wb').truncate((16 << 30) + 1)";
    let (reason, stderr) = fails(folder.path(), code, &[]);
    assert_eq!(reason, "exit status 1");
    assert!(stderr.contains("File too large"), "{stderr}");

    let code = "import os\nwhile os.dup(0) < 65536: pass\nprint('more')";
    let (reason, stderr) = fails(folder.path(), code, &[]);
    assert_eq!(reason, "exit status 1");
    assert!(stderr.contains("Too many open files"), "{stderr}");

    let (reason, _) = fails(folder.path(), "import os\nos.abort()", &[]);
    assert_eq!(reason, "killed by signal 6 (SIGABRT)");
}

#[test]
fn a_command_has_its_processor_time_and_address_space_and_no_more() {
    let folder = folder();
    let reason = "killed for using more than 1 s of processor time (--cpu-time)";
    let busy = "while True: pass";
    let (found, _) = fails(folder.path(), busy, &["--cpu-time", "1"]);
    assert_eq!(found, reason);
    // One that takes no notice of the signal is killed a few seconds later.
    let busy = "import signal\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True: pass";
    let (found, _) = fails(folder.path(), busy, &["--cpu-time", "1"]);
    assert_eq!(found, "killed by signal 9 (SIGKILL)");
    // A program that sleeps uses none.
    let idle = "import time\ntime.sleep(1.5)\nprint('awake')";
    let limits = ["--cpu-time", "1", "--address-space", "2GiB"];
    python(folder.path(), idle, &limits).code(0);
    let out = folder.path().join("out");
    assert_eq!(read(&out, "part-00000.txt"), "awake\n");

    // It is reserved and never touched, so it is no resident memory.
    let reserves = "import mmap\nmmap.mmap(-1, 1 << 30)\nprint('reserved')";
    python(folder.path(), reserves, &["--child-memory", "64MiB"]).code(0);
    let limits = ["--address-space", "512MiB"];
    let (found, stderr) = fails(folder.path(), reserves, &limits);
    assert_eq!(found, "exit status 1");
    assert!(stderr.contains("Cannot allocate memory"), "{stderr}");
}

#[test]
fn the_processor_time_of_a_worker_is_that_of_a_record_not_of_its_life() {
    let folder = folder();
    let lines: String = (0..20).map(|line| format!("{line}\n")).collect();
    fs::write(folder.path().join("in.txt"), lines).expect("a file");
    let code = "
import os, time

def setup():
    use(1.5)
    with open(os.environ['STARTS'], 'a') as starts:
        starts.write('x')

def use(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end: pass

def f(text):
    use(1000 if text == BAD else 0.1)
    return text
";
    let starts = folder.path().join("starts");
    let variable = format!("STARTS={}", starts.display());
    let run = |bad: &str| {
        fs::write(&starts, "").expect("a file");
        fs::write(folder.path().join("busy.py"), code.replace("BAD", bad)).expect("a file");
        let mut words = vec![
            "--python",
            "busy.py:f",
            "--env",
            &variable,
            "--cpu-time",
            "1",
        ];
        words.extend(["--threads", "1", "in.txt", "-o", "out", "--force"]);
        exec(folder.path(), &words)
    };
    // Two seconds in all, and more than one for its start.
    run("None").code(0);
    assert_eq!(read(folder.path(), "starts"), "x");
    run("'7'").code(3);
    let out = folder.path().join("out");
    let entries = quarantine(&out);
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0]["text"], "7");
    let reason = "ended before it had answered, killed for using more than 1 s of processor time (--cpu-time)";
    assert_eq!(entries[0]["reason"], reason);
    assert_eq!(read(&out, "part-00000.txt").lines().count(), 19);
}
