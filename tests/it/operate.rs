//! How the binary is operated: its version, and mistakes in what surrounds it.

use std::net::TcpListener;

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
