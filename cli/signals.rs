//! SIGINT, SIGTERM and SIGHUP: the first one drains, the second one stops at once.

use std::io::Write;
use std::time::Duration;

use gristmill_common::shutdown::{Shutdown, Stage};
use gristmill_jobs::transport::Transport;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::exit::Exit;

/// How long a drain may take: a read from a silent pipe does not end by itself.
const GRACE: Duration = Duration::from_secs(2);

/// The signal of a write past the file size limit. With a handler the write fails instead of the
/// process, and its error names the file.
const SIGXFSZ: i32 = 25;

/// Watches for signals of a worker: the first one asks for a drain, the second one or the end of
/// `limit` ends the process.
///
/// # Errors
/// When the signals cannot be watched.
pub fn drain(shutdown: &Shutdown, limit: Duration) -> std::io::Result<()> {
    let asked = shutdown.clone();
    on_signals(
        move || asked.advance(Stage::Draining),
        limit,
        || {
            let words = "stopped before everything in hand was done; the broker hands it out again";
            // Where stderr is closed there is nobody left to tell.
            let _ = writeln!(std::io::stderr(), "{words}");
            std::process::exit(Exit::Failed as i32);
        },
    )
}

/// Watches for signals in a thread of its own until the process ends.
///
/// # Errors
/// When the signals cannot be watched.
pub fn watch(shutdown: &Shutdown, transport: &Transport) -> std::io::Result<()> {
    let (shutdown, transport) = (shutdown.clone(), transport.clone());
    on_signals(
        move || {
            shutdown.advance(Stage::Draining);
            transport.stop();
        },
        GRACE,
        || {
            let words = "interrupted while reading or writing; no output was committed";
            // Where stderr is closed there is nobody left to tell.
            let _ = writeln!(std::io::stderr(), "{words}");
            std::process::exit(Exit::Interrupted as i32);
        },
    )
}

/// Calls `first` at the first signal, and `last` at the second one or after `limit`.
fn on_signals(
    first: impl FnOnce() + Send + 'static,
    limit: Duration,
    last: impl FnOnce() + Send + 'static,
) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (mut interrupt, mut terminate, mut hang_up) = {
        let _entered = runtime.enter();
        // The handler stays for the process' life, whether anybody listens or not.
        drop(signal(SignalKind::from_raw(SIGXFSZ))?);
        (
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
            hang_up()?,
        )
    };
    let watching = async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            Some(()) = next(&mut hang_up) => {}
        }
        first();
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            Some(()) = next(&mut hang_up) => {}
            () = tokio::time::sleep(limit) => {}
        }
        last();
    };
    std::thread::Builder::new()
        .name("signals".into())
        .spawn(move || runtime.block_on(watching))?;
    Ok(())
}

/// The signal of a terminal that is gone, unless it is ignored, as `nohup` has it.
fn hang_up() -> std::io::Result<Option<Signal>> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| {
        let mask = line.strip_prefix("SigIgn:")?.trim();
        u64::from_str_radix(mask, 16).ok()
    });
    let hang_up = SignalKind::hangup();
    // Where it cannot be known it stays as it is.
    match ignored.map(|mask| mask >> (hang_up.as_raw_value() - 1) & 1) {
        Some(0) => signal(hang_up).map(Some),
        _ => Ok(None),
    }
}

async fn next(signal: &mut Option<Signal>) -> Option<()> {
    match signal {
        Some(signal) => signal.recv().await,
        None => None,
    }
}
