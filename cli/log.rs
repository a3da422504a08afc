//! The log of the workers: events of the roles, to stderr. What a command has to say to whoever
//! typed it does not go through here.

use std::io::{self, IsTerminal, Stderr, Write};

use tracing_subscriber::EnvFilter;

use crate::args::LogFormat;
use crate::verbosity::Verbosity;

/// Starts the log. `GRISTMILL_LOG` filters it as `RUST_LOG` does elsewhere.
pub fn start(verbosity: Verbosity, format: LogFormat) {
    let level = match verbosity {
        Verbosity::Quiet => "error",
        Verbosity::Normal => "gristmill=info,warn",
        Verbosity::Verbose => "gristmill=debug,info",
    };
    // The client library prints whole messages that came back; they hold users' text.
    let filter = std::env::var("GRISTMILL_LOG").unwrap_or_else(|_| level.to_owned());
    let filter = EnvFilter::new(format!("{filter},lapin=off"));
    let color = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(|| Events(io::stderr()))
        .with_ansi(color);
    // Only a second call could fail.
    let _ = match format {
        LogFormat::Text => log.with_target(false).try_init(),
        LogFormat::Json => log.json().flatten_event(true).try_init(),
    };
}

/// Stderr, for whole events. What lies behind an event's first line begins with a mark: names of
/// documents and what programs say may hold newlines, and must not look like events.
struct Events(Stderr);

impl Write for Events {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        self.0.write_all(&marked(event))?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

fn marked(event: &[u8]) -> Vec<u8> {
    let (text, end) = match event.strip_suffix(b"\n") {
        Some(text) => (text, &b"\n"[..]),
        None => (event, &b""[..]),
    };
    let mut marked = Vec::with_capacity(event.len());
    for byte in text {
        match byte {
            b'\n' => marked.extend_from_slice(b"\n  | "),
            b'\r' => marked.extend_from_slice(b"\\r"),
            _ => marked.push(*byte),
        }
    }
    marked.extend_from_slice(end);
    marked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_behind_an_events_first_line_does_not_look_like_an_event() {
        let event =
            b"2026-11-29T18:00:00Z  WARN set aside: a\n2026-11-29T18:00:01Z  INFO all is well\r\n";
        let expected = b"2026-11-29T18:00:00Z  WARN set aside: a\n  | 2026-11-29T18:00:01Z  INFO all is well\\r\n";
        assert_eq!(marked(event), expected);
        assert_eq!(marked(b"one line\n"), b"one line\n");
        assert_eq!(marked(b"no end"), b"no end");
    }
}
