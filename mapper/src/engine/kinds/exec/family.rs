//! The descendants of a process: how much memory they have, and how they are all ended.
//!
//! It needs a process that is a child subreaper: whoever loses its parent becomes its child then.

use std::fs;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, kill_process, wait};

/// How long the kernel may take to end what was killed.
const PATIENCE: Duration = Duration::from_secs(20);
/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(1);

/// Takes the statuses of children that have ended; `main` is told apart.
#[derive(Debug, Default)]
pub(super) struct Reaped {
    /// The status of `main`, once it has ended.
    pub(super) main: Option<WaitStatus>,
    /// There are no children any more.
    pub(super) all: bool,
}

impl Reaped {
    /// Takes what has ended by now.
    pub(super) fn look(&mut self, main: Pid) {
        loop {
            match wait(WaitOptions::NOHANG) {
                Ok(Some((pid, status))) if pid == main => self.main = Some(status),
                Ok(Some(_)) | Err(Errno::INTR) => {}
                Ok(None) => return,
                Err(_) => {
                    self.all = true;
                    return;
                }
            }
        }
    }
}

/// Kills every descendant, those too that left their session or lost their parent. Returns how many
/// there were.
pub(super) fn kill_all(main: Pid, reaped: &mut Reaped) -> u32 {
    kill_all_below(|| {
        reaped.look(main);
        match reaped.all {
            true => Vec::new(),
            false => children(rustix::process::getpid()),
        }
    })
}

/// Kills processes and their descendants until there are no such processes. Returns how many there
/// were.
pub(super) fn kill_all_below(mut tops: impl FnMut() -> Vec<Pid>) -> u32 {
    let end = Instant::now() + PATIENCE;
    let mut killed = Vec::new();
    loop {
        let tops = tops();
        if tops.is_empty() || Instant::now() > end {
            break;
        }
        let found = below(tops);
        // First they are stopped, so that none starts another one while the others die.
        for signal in [Signal::STOP, Signal::KILL] {
            for pid in &found {
                // It may have ended meanwhile.
                let _ = kill_process(*pid, signal);
            }
        }
        for pid in found {
            if !killed.contains(&pid) {
                killed.push(pid);
            }
        }
        std::thread::sleep(PAUSE);
    }
    killed.len() as u32
}

/// Resident memory of all descendants of a process, in bytes.
pub(super) fn memory(of: Pid) -> u64 {
    descendants(of).iter().map(resident).sum()
}

/// Resident memory of a process, in bytes; none where it has ended.
fn resident(of: &Pid) -> u64 {
    let pages = || -> Option<u64> {
        let statm = fs::read_to_string(format!("/proc/{}/statm", of.as_raw_pid())).ok()?;
        statm.split(' ').nth(1)?.parse().ok()
    };
    pages().unwrap_or_default() * rustix::param::page_size() as u64
}

/// The same with memory that processes share counted once, where the system tells; it takes longer.
pub(super) fn own_memory(of: Pid) -> u64 {
    let kib = |pid: &Pid| -> Option<u64> {
        let path = format!("/proc/{}/smaps_rollup", pid.as_raw_pid());
        let text = fs::read_to_string(path).ok()?;
        let mut lines = text.lines();
        let line = lines.find_map(|line| line.strip_prefix("Pss:"))?;
        line.trim().strip_suffix("kB")?.trim().parse().ok()
    };
    let of_one = |pid: &Pid| kib(pid).map_or_else(|| resident(pid), |kib| kib << 10);
    descendants(of).iter().map(of_one).sum()
}

/// All descendants, parents before their children.
pub(super) fn descendants(of: Pid) -> Vec<Pid> {
    below(children(of))
}

/// Processes and all their descendants, parents before their children.
fn below(mut found: Vec<Pid>) -> Vec<Pid> {
    let mut at = 0;
    while at < found.len() {
        let more = children(found[at]);
        found.extend(more);
        at += 1;
    }
    found
}

/// The children of a process.
pub(super) fn children(of: Pid) -> Vec<Pid> {
    let mut found = Vec::new();
    let Ok(threads) = fs::read_dir(format!("/proc/{}/task", of.as_raw_pid())) else {
        return found;
    };
    for thread in threads.flatten() {
        let list = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
        let pids = list
            .split_ascii_whitespace()
            .filter_map(|word| word.parse().ok());
        found.extend(pids.filter_map(Pid::from_raw));
    }
    found
}
