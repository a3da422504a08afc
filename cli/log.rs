//! The log of the workers: events of the roles, to stderr. What a command has to say to whoever
//! typed it does not go through here.

use std::io::IsTerminal;

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
        .with_writer(std::io::stderr)
        .with_ansi(color);
    // Only a second call could fail.
    let _ = match format {
        LogFormat::Text => log.with_target(false).try_init(),
        LogFormat::Json => log.json().flatten_event(true).try_init(),
    };
}
