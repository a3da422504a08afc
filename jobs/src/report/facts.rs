//! What a worker is: its host, process, version and memory. Display only.

use gristmill_common::prefix::prefix;
use serde::{Deserialize, Serialize};

/// The longest name of a host in a report, in bytes.
const MAX_HOST: usize = 64;

/// The process that reports.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// The host's name, its first 64 bytes at most.
    pub host: String,
    /// The process id there.
    pub pid: u32,
    /// The program's version.
    pub version: String,
    /// Compute threads; 0 where there are none.
    pub threads: u32,
    /// Resident memory, in bytes; 0 where the system does not tell.
    pub memory: u64,
}

impl Facts {
    /// Those of this process, now.
    #[must_use]
    pub fn of_this_process(threads: u32) -> Self {
        Self {
            host: prefix(&host(), MAX_HOST).to_owned(),
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            threads,
            memory: memory().unwrap_or_default(),
        }
    }
}

/// The name of this machine.
#[must_use]
pub fn host() -> String {
    let system = rustix::system::uname();
    system.nodename().to_string_lossy().into_owned()
}

/// Resident memory of this process (proc(5), `VmRSS`).
fn memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes << 10)
}
