//! SIGINT and SIGTERM: the first one drains, the second one stops at once.

use gristmill_common::shutdown::{Shutdown, Stage};
use gristmill_common::transport::Transport;
use tokio::signal::unix::{SignalKind, signal};

use crate::exit::Exit;

/// Watches for signals in a thread of its own until the process ends.
///
/// # Errors
/// When the signals cannot be watched.
pub fn watch(shutdown: &Shutdown, transport: &Transport) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (mut interrupt, mut terminate) = {
        let _entered = runtime.enter();
        (
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
        )
    };
    let (shutdown, transport) = (shutdown.clone(), transport.clone());
    std::thread::Builder::new()
        .name("signals".into())
        .spawn(move || {
            runtime.block_on(async {
                for stage in [Stage::Draining, Stage::Aborted] {
                    tokio::select! {
                        _ = interrupt.recv() => {}
                        _ = terminate.recv() => {}
                    }
                    shutdown.advance(stage);
                    transport.stop();
                }
                std::process::exit(Exit::Interrupted as i32);
            });
        })?;
    Ok(())
}
