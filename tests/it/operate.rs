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
