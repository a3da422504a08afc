//! Places where a process can be made to die, so that tests can prove what a crash there costs.
//!
//! `GRISTMILL_CRASH_AT=NAME` or `NAME:N` kills the process with SIGKILL at the first or N-th time it
//! comes to the place. Only builds with debug assertions look: a release has no such places.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// The environment variable.
pub const VARIABLE: &str = "GRISTMILL_CRASH_AT";

/// Comes to a place.
pub fn point(name: &str) {
    if cfg!(debug_assertions) {
        look(name);
    }
}

fn look(name: &str) {
    static PLACE: OnceLock<Option<(String, u64)>> = OnceLock::new();
    static VISITS: AtomicU64 = AtomicU64::new(0);
    let place = PLACE.get_or_init(|| {
        let text = std::env::var(VARIABLE).ok()?;
        let (place, times) = text.split_once(':').unwrap_or((&text, "1"));
        Some((place.to_owned(), times.parse().unwrap_or(1)))
    });
    if let Some((place, times)) = place
        && place == name
        && VISITS.fetch_add(1, Ordering::Relaxed) + 1 >= *times
    {
        // A real SIGKILL: nothing is cleaned up, no handler runs.
        let me = std::process::id().to_string();
        let _ = std::process::Command::new("kill")
            .args(["-9", &me])
            .status();
        loop {
            std::thread::park();
        }
    }
}
