//! How the binary is operated: its version, and mistakes in what surrounds it.

use std::net::TcpListener;
use std::process::Stdio;

use crate::gristmill::{Ended, gristmill, run};

#[test]
fn the_version_names_its_revision() {
    let said = run(["--version"]).code(0).stdout;
    let rest = said.strip_prefix(concat!("gristmill ", env!("CARGO_PKG_VERSION"), " ("));
    let revision = rest.and_then(|rest| rest.strip_suffix(")\n"));
    let revision = revision.unwrap_or_else(|| panic!("{said:?}"));
    let is_hash = revision.len() >= 7 && revision.bytes().all(|byte| byte.is_ascii_hexdigit());
    assert!(is_hash || revision == "unknown", "{said:?}");
}

#[test]
fn a_mistake_in_the_environment_is_one_line_and_exit_2() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = taken_address(&taken);
    for (role, variable, value, says) in [
        ("map", "GRISTMILL_LISTEN", "everywhere", "--listen"),
        ("map", "GRISTMILL_LISTEN", taken.as_str(), "--listen"),
        ("map", "GRISTMILL_HEARTBEAT", "often", "--heartbeat"),
        ("map", "GRISTMILL_THREADS", "0", "--threads"),
        ("map", "GRISTMILL_BROKER", "http://queue", "amqp"),
        (
            "map",
            "GRISTMILL_BROKER_FILE",
            "/nowhere/url",
            "/nowhere/url",
        ),
        ("map", "GRISTMILL_DRAIN_TIMEOUT", "1h", "--drain-timeout"),
        ("map", "GRISTMILL_LOG_FORMAT", "xml", "--log-format"),
        ("reduce", "GRISTMILL_MEMORY", "1KiB", "--memory"),
    ] {
        let mut command = gristmill();
        command.arg(role).env(variable, value);
        if role == "reduce" {
            command.args(["-o", "out"]);
        }
        let ended = Ended::of(command.output().expect("the binary starts"));
        ended.code(2).says(says);
    }
}

#[test]
fn switches_in_the_environment_are_on_or_off_as_people_write_them() {
    let input = concat!(env!("CARGO_MANIFEST_DIR"), "/samples/texts");
    for (value, quiet) in [("1", true), ("yes", true), ("0", false), ("", false)] {
        let mut command = gristmill();
        command.args(["run", "wc", input, "-o", "-"]);
        command.env("GRISTMILL_QUIET", value);
        let ended = Ended::of(command.output().expect("the binary starts")).code(0);
        assert_eq!(ended.stderr.is_empty(), quiet, "{value:?}: {ended:?}");
    }
}

fn taken_address(listener: &TcpListener) -> String {
    listener.local_addr().expect("its address").to_string()
}

#[test]
fn health_needs_an_address_and_an_answer() {
    run(["health"]).code(2).says("--addr");
    // Nobody listens on a port that was just given back.
    let free = TcpListener::bind("127.0.0.1:0").expect("a port");
    let addr = taken_address(&free);
    drop(free);
    run(["health", "--addr", &addr])
        .code(1)
        .says("does not answer");
}

/// A port that accepts connections and says nothing, while the listener is kept.
fn mute() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("amqp://user:hunter2@{}", taken_address(&listener));
    (listener, url)
}

#[test]
fn commands_that_look_end_where_no_broker_answers() {
    let closed = {
        let (listener, url) = mute();
        drop(listener);
        url
    };
    let (_kept, mute) = mute();
    let input = concat!(env!("CARGO_MANIFEST_DIR"), "/samples/texts");
    let commands: [&[&str]; 5] = [
        &["status"],
        &["cancel", "job"],
        &["replay", "job"],
        &["produce", "wc", input],
        &["doctor"],
    ];
    for (url, says) in [
        (closed.as_str(), "nothing listens on that port"),
        (mute.as_str(), "no AMQP came"),
        ("amqp://no-such-host.invalid", "host not found"),
        // Both nodes are said.
        (&format!("{closed},{mute}"), "no AMQP came"),
    ] {
        let since = std::time::Instant::now();
        let started = commands.map(|command| {
            let mut all = gristmill();
            all.args(command).args(["--broker", url]);
            all.args(["--connect-timeout", "4"]);
            all.stdout(Stdio::piped()).stderr(Stdio::piped());
            (command, all.spawn().expect("the binary starts"))
        });
        for (command, child) in started {
            let ended = Ended::of(child.wait_with_output().expect("its end")).code(1);
            let said = format!("{}{}", ended.stdout, ended.stderr);
            assert!(said.contains(says), "{command:?} {url}: {said}");
            assert!(said.contains("check "), "{command:?} {url}: {said}");
            assert!(!said.contains("hunter2"), "{said}");
        }
        let waited = since.elapsed();
        assert!(waited.as_secs() < 60, "{url}: {waited:?}");
    }
}

#[test]
fn options_of_encryption_without_encryption_are_wrong_usage() {
    for (option, value) in [("--ca", "ca.pem"), ("--client-cert", "me.pem")] {
        let mut command = gristmill();
        command.args(["map", "--broker", "amqp://127.0.0.1", option, value]);
        if option == "--client-cert" {
            command.args(["--client-key", "me.key"]);
        }
        let ended = Ended::of(command.output().expect("the binary starts"));
        ended.code(2).says(option).says("amqps://");
    }
}

/// A log on a full disk says nothing of the output, which is complete.
#[test]
fn a_summary_that_cannot_be_written_does_not_fail_the_job() {
    let folder = tempfile::tempdir().expect("a folder");
    let input = concat!(env!("CARGO_MANIFEST_DIR"), "/samples/texts");
    for words in [&["wc"][..], &["word-count", "--include", "none"]] {
        let out = folder.path().join(words[0]);
        let full = std::fs::File::create("/dev/full").expect("the full device");
        let status = (gristmill().arg("run").args(words))
            .args([input, "-o"])
            .arg(&out)
            .stderr(full)
            .status()
            .expect("the binary starts");
        assert_eq!(status.code(), Some(0), "{words:?}");
        assert!(out.join("manifest.json").exists());
    }
}

#[test]
fn a_terminal_that_is_gone_stops_a_job_in_order_unless_that_is_ignored() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out");
    let start = |prefix: &[&str]| {
        let script = format!(
            "{} exec \"$0\" run grep x - -o \"$1\" --verbose",
            prefix.join(" ")
        );
        std::process::Command::new("sh")
            .args(["-c", &script, env!("CARGO_BIN_EXE_gristmill")])
            .arg(&out)
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts")
    };
    let lock = out.join(".gristmill.lock");
    let hang_up = |child: &std::process::Child| {
        // The signals are watched before the output's threads begin.
        let part = out.join(".gristmill-part-00000.txt.tmp");
        while !lock.exists() || !part.exists() {
            std::thread::yield_now();
        }
        let killed = std::process::Command::new("kill")
            .args(["-HUP", &child.id().to_string()])
            .status();
        assert!(killed.expect("kill").success());
    };
    let mut child = start(&[]);
    // Waiting would close it, and a job whose input has ended may end before the signal does it.
    let _open = child.stdin.take();
    hang_up(&child);
    let ended = Ended::of(child.wait_with_output().expect("its end")).code(130);
    ended.says("no output was committed");
    assert!(
        !out.exists()
            || std::fs::read_dir(&out)
                .expect("the folder")
                .next()
                .is_none()
    );
    // As nohup starts it.
    let mut child = start(&["trap '' HUP;"]);
    hang_up(&child);
    let mut stdin = child.stdin.take().expect("its stdin");
    std::io::Write::write_all(&mut stdin, b"x\n").expect("it reads");
    drop(stdin);
    Ended::of(child.wait_with_output().expect("its end")).code(0);
}

#[test]
fn a_system_error_is_said_once_and_a_missing_temporary_folder_by_its_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let link = folder.path().join("dangling");
    std::os::unix::fs::symlink("nowhere", &link).expect("a link");
    let link = link.to_str().expect("UTF-8");
    let input = concat!(env!("CARGO_MANIFEST_DIR"), "/samples/texts");
    let ended = run(["run", "wc", input, "-o", link]).code(1);
    assert_eq!(ended.stderr.matches("os error").count(), 1, "{ended:?}");
    let with = |value: &str| {
        let mut command = gristmill();
        command.args(["run", "wc", input]).env("TMPDIR", value);
        Ended::of(command.output().expect("the binary starts"))
    };
    let ended = with("/nonexistent").code(2);
    assert!(
        ended
            .says("TMPDIR /nonexistent: no such folder: name another by --tmp")
            .stdout
            .is_empty()
    );
    with("").code(0);
}

#[test]
fn nothing_to_read_and_nothing_to_show_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let list = folder.path().join("list");
    std::fs::write(&list, "").expect("a file");
    for input in [format!("@{}", list.display()), {
        let empty = folder.path().join("empty");
        std::fs::create_dir(&empty).expect("a folder");
        empty.display().to_string()
    }] {
        run(["run", "wc", &input])
            .code(0)
            .says("warning: nothing was read");
    }
    for kind in ["word-count", "group-by", "access-log"] {
        run([kind, "x"])
            .code(2)
            .says(&format!("gristmill run {kind}"));
        run(["run", kind, "--top", "0", "x"]).code(2).says("--top");
    }
    let input = concat!(env!("CARGO_MANIFEST_DIR"), "/samples/texts");
    let words = [
        "run",
        "exec",
        "--each",
        "chunk",
        "--records",
        "document",
        input,
        "--",
        "cat",
    ];
    let ended = run(words).code(2).says("that is --each document");
    assert!(!ended.stderr.contains("leave one of them out"), "{ended:?}");
    let words = [
        "run", "exec", "--each", "record", "--ship", "samples", input, "--", "cat",
    ];
    let mut command = gristmill();
    command.args(words).current_dir(env!("CARGO_MANIFEST_DIR"));
    Ended::of(command.output().expect("the binary starts"))
        .code(2)
        .says("samples: a folder");
}

/// As GNU grep has it: a CR is a byte of the line, but one that ends it with LF is not shown to the
/// pattern.
#[test]
fn grep_finds_a_cr_inside_a_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let input = folder.path().join("in");
    std::fs::write(&input, "k=1\ry\nk=1\nfoo\r\nfoo\n").expect("a file");
    let input = input.to_str().expect("UTF-8");
    for (pattern, found) in [
        ("k=1\\r", "k=1\ry\n"),
        ("foo\\r?$", "foo\r\nfoo\n"),
        ("k=1$", "k=1\n"),
    ] {
        let ended = run(["run", "grep", "-q", pattern, input, "-o", "-"]).code(0);
        assert_eq!(ended.stdout, found, "{pattern}");
    }
}
