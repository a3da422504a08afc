//! Limits that the kernel holds each process of a program to: processor time, address space.
//!
//! They are set by the process that becomes the program, so that nothing runs without them. A
//! worker's processor time begins anew whenever its time-out does.

use std::fs;
use std::io;

use gristmill_common::spec::Exec;
use rustix::param::clock_ticks_per_second;
use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit, setrlimit};
use serde::{Deserialize, Serialize};

/// A program that takes no notice of the signal is killed so many seconds later.
const LATER: u64 = 5;

/// Limits of one program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Limits {
    /// Processor time of one process, in seconds.
    cpu: Option<u64>,
    /// Address space of one process, in bytes.
    address_space: Option<u64>,
}

impl Limits {
    /// Those of a job's programs; the processor time of a worker is limited once it is ready.
    pub(super) fn of(exec: &Exec, worker: bool) -> Self {
        Self {
            cpu: exec.cpu_time.filter(|_| !worker),
            address_space: exec.address_space,
        }
    }

    /// Whether there are any.
    pub(super) fn are_some(&self) -> bool {
        *self != Self::default()
    }

    /// Sets them for this process and what it starts.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub(super) fn set(&self) -> io::Result<()> {
        if let Some(cpu) = self.cpu {
            lower(Resource::Cpu, cpu, cpu.saturating_add(LATER))?;
        }
        if let Some(most) = self.address_space {
            lower(Resource::As, most, most)?;
        }
        Ok(())
    }
}

/// Lowers a limit; a lower one that is in force already stays.
fn lower(resource: Resource, soft: u64, hard: u64) -> io::Result<()> {
    let Rlimit { current, maximum } = getrlimit(resource);
    let least = |there: Option<u64>, most: u64| Some(there.map_or(most, |there| there.min(most)));
    let limit = Rlimit {
        current: least(current, soft),
        maximum: least(maximum, hard),
    };
    Ok(setrlimit(resource, limit)?)
}

/// Lets processes have so many seconds of processor time from now on, or up to two more: the kernel
/// counts whole seconds, and what a worker says of its progress takes a moment.
pub(super) fn renew(processes: &[Pid], seconds: u64) {
    for pid in processes {
        let Some(used) = processor_time(*pid) else {
            continue;
        };
        let limit = Rlimit {
            current: Some(used.saturating_add(seconds).saturating_add(1)),
            maximum: None,
        };
        // It may have ended.
        let _ = prlimit(Some(*pid), Resource::Cpu, limit);
    }
}

/// The processor time that a process has had, in seconds, rounded up.
fn processor_time(pid: Pid) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_pid())).ok()?;
    // Behind the name, which may hold anything.
    let mut fields = stat.rsplit(')').next()?.split_ascii_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    let used = ticks()?.saturating_add(ticks()?);
    Some(used.div_ceil(clock_ticks_per_second().max(1)))
}

#[cfg(test)]
mod tests {
    use rustix::process::getpid;

    use super::*;

    #[test]
    fn the_processor_time_of_a_process_is_read_in_seconds() {
        let began = std::time::Instant::now();
        let mut sum = 0_u64;
        while began.elapsed().as_millis() < 50 {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        let used = processor_time(getpid()).unwrap();
        assert!((1..1000).contains(&used), "{used}");
        assert_eq!(processor_time(Pid::from_raw(i32::MAX).unwrap()), None);
    }
}
