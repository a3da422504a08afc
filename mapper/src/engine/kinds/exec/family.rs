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
    let end = Instant::now() + PATIENCE;
    let mut killed = Vec::new();
    loop {
        reaped.look(main);
        if reaped.all || Instant::now() > end {
            break;
        }
        let found = descendants(rustix::process::getpid());
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
    let page = rustix::param::page_size() as u64;
    let pages = |pid: &Pid| -> Option<u64> {
        let statm = fs::read_to_string(format!("/proc/{}/statm", pid.as_raw_pid())).ok()?;
        statm.split(' ').nth(1)?.parse().ok()
    };
    descendants(of).iter().filter_map(pages).sum::<u64>() * page
}

/// All descendants, parents before their children.
fn descendants(of: Pid) -> Vec<Pid> {
    let mut found = children(of);
    let mut at = 0;
    while at < found.len() {
        let more = children(found[at]);
        found.extend(more);
        at += 1;
    }
    found
}

fn children(of: Pid) -> Vec<Pid> {
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
