//! What one program of `exec` may use: time, memory, address space.

use clap::Args;
use gristmill_common::size::ByteSize;

use crate::exit::usage;

/// The times that may be given, in seconds.
const SECONDS: std::ops::RangeInclusive<u64> = 1..=86_400;
/// The least memory, in bytes.
const LEAST: u64 = 16 << 20;

/// Options of `exec` for the limits of a program.
#[derive(Args, Clone, Copy, Debug)]
pub struct LimitWords {
    /// The longest that one unit may take, in seconds
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 600,
        help_heading = "Program"
    )]
    pub timeout: u64,
    /// The most processor time of one process, in seconds; that of a worker begins anew
    /// when its --timeout does, record by record in Python [default: no limit]
    #[arg(long, value_name = "SECONDS", help_heading = "Program")]
    pub cpu_time: Option<u64>,
    /// The most resident memory of one program with all that it starts
    #[arg(
        long,
        value_name = "SIZE",
        default_value = "2GiB",
        help_heading = "Program"
    )]
    pub child_memory: ByteSize,
    /// The most address space of one process: beyond it an allocation fails in the program. Java,
    /// Go and Node reserve much more than they use [default: no limit]
    #[arg(long, value_name = "SIZE", help_heading = "Program")]
    pub address_space: Option<ByteSize>,
}

impl LimitWords {
    /// Checks what was typed.
    ///
    /// # Errors
    /// A usage error that names the option and what it takes.
    pub fn check(&self) -> anyhow::Result<()> {
        let times = [
            ("--timeout", Some(self.timeout)),
            ("--cpu-time", self.cpu_time),
        ];
        for (option, seconds) in times {
            if let Some(seconds) = seconds.filter(|seconds| !SECONDS.contains(seconds)) {
                return Err(usage(format!(
                    "{option} {seconds}: from 1 to 86400 seconds"
                )));
            }
        }
        let sizes = [
            ("--child-memory", Some(self.child_memory)),
            ("--address-space", self.address_space),
        ];
        for (option, size) in sizes {
            if let Some(size) = size.filter(|size| size.0 < LEAST) {
                return Err(usage(format!("{option} {size}: at least 16MiB")));
            }
        }
        Ok(())
    }
}
