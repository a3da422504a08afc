//! Places where a process can be made to die, so that tests can prove what a crash there costs.
//!
//! `GRISTMILL_CRASH_AT=NAME` or `NAME:N` kills the process with SIGKILL at the first or N-th time
//! it comes to the place. Only builds with debug assertions look: a release has no such places.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// The environment variable of a place where the process stops itself by SIGSTOP, until somebody
/// sends SIGCONT.
pub const STOP: &str = "GRISTMILL_STOP_AT";

/// The environment variable of the place where the process kills itself.
pub const VARIABLE: &str = "GRISTMILL_CRASH_AT";

/// Comes to a place.
pub fn point(name: &str) {
    if cfg!(debug_assertions) {
        look(name);
    }
}

/// The environment variable of texts that kill: `abort:TEXT`, `hang:TEXT` or `memory:TEXT`.
pub const POISON: &str = "GRISTMILL_POISON";

/// Dies of some text, as a processor with a defect might.
pub fn poison(text: &[u8]) {
    if cfg!(debug_assertions) {
        die_of(text);
    }
}

fn die_of(text: &[u8]) {
    static POISONS: OnceLock<Vec<(String, Vec<u8>)>> = OnceLock::new();
    let poisons = POISONS.get_or_init(|| {
        let all = std::env::var(POISON).unwrap_or_default();
        let pairs = all.split(',').filter_map(|one| one.split_once(':'));
        pairs
            .map(|(how, text)| (how.to_owned(), text.as_bytes().to_vec()))
            .collect()
    });
    for (how, poison) in poisons {
        if memchr::memmem::find(text, poison).is_none() {
            continue;
        }
        match how.as_str() {
            "hang" => loop {
                std::hint::spin_loop();
            },
            "memory" => {
                let mut hoard = Vec::new();
                loop {
                    hoard.push(vec![1u8; 64 << 20]);
                }
            }
            "panic" => panic!("poisoned"),
            _ => std::process::abort(),
        }
    }
}

fn look(name: &str) {
    if std::env::var(STOP).is_ok_and(|place| place == name) {
        signal_me("-STOP");
    }
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
        signal_me("-9");
        loop {
            std::thread::park();
        }
    }
}

fn signal_me(signal: &str) {
    let me = std::process::id().to_string();
    let _ = std::process::Command::new("kill")
        .args([signal, &me])
        .status();
}
