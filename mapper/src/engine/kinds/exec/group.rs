//! A control group for a keeper and its programs, where this process may make one beside its own:
//! then the kernel holds them to their memory, and says when it had to.
//!
//! The keeper is in it, since moving each program would cost more than starting it. It has little
//! memory: of all in the group the kernel ends the largest. Only version 2 (cgroups(7)).

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rustix::process::{Pid, geteuid, getpid};

/// Where the hierarchy is mounted.
const ROOT: &str = "/sys/fs/cgroup";

/// The group of one keeper.
#[derive(Debug)]
pub(super) struct Group {
    dir: PathBuf,
    /// The one that the keeper came from.
    before: PathBuf,
    events: File,
    /// Processes that the kernel has ended for want of memory, when it was looked last.
    ended: u64,
    limit: u64,
}

impl Group {
    /// Moves this process into a group of its own; none where that cannot be.
    pub(super) fn join() -> Option<Self> {
        let before = own()?;
        let parent = before.parent()?;
        let may_hold = holds_memory(parent)
            // What somebody else than root may write was given to him for that.
            || (!geteuid().is_root()
                && fs::write(parent.join("cgroup.subtree_control"), "+memory").is_ok());
        if !may_hold {
            return None;
        }
        let dir = of(parent, getpid());
        fs::create_dir(&dir).ok()?;
        let joined = File::open(dir.join("memory.events")).and_then(|events| {
            fs::write(dir.join("cgroup.procs"), "0")?;
            Ok(events)
        });
        let Ok(events) = joined else {
            let _ = fs::remove_dir(&dir);
            return None;
        };
        Some(Self {
            dir,
            before,
            events,
            ended: 0,
            limit: 0,
        })
    }

    /// Holds what is in it to so many bytes; false where it does not.
    pub(super) fn hold(&mut self, memory: u64) -> bool {
        self.is_short();
        if self.limit != memory {
            // Kernels without swap have no such file.
            let _ = fs::write(self.dir.join("memory.swap.max"), "0");
            if fs::write(self.dir.join("memory.max"), memory.to_string()).is_err() {
                return false;
            }
            self.limit = memory;
        }
        true
    }

    /// Whether the kernel has ended a process of it for want of memory since it was asked last.
    pub(super) fn is_short(&mut self) -> bool {
        let mut text = [0; 512];
        let got = self.events.read_at(&mut text, 0).unwrap_or_default();
        let text = String::from_utf8_lossy(&text[..got]);
        let count = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
        let ended = count.and_then(|count| count.parse().ok()).unwrap_or(0);
        std::mem::replace(&mut self.ended, ended) < ended
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = fs::write(self.before.join("cgroup.procs"), "0");
        let _ = fs::remove_dir(&self.dir);
    }
}

/// Removes the group of a keeper that has ended without doing so.
pub(super) fn remove(keeper: Pid) {
    if let Some(parent) = own().as_deref().and_then(Path::parent) {
        let _ = fs::remove_dir(of(parent, keeper));
    }
}

fn of(parent: &Path, keeper: Pid) -> PathBuf {
    parent.join(format!("gristmill-{}", keeper.as_raw_pid()))
}

/// The group of this process, unless it is in the root of what it sees.
fn own() -> Option<PathBuf> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let path = groups.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let dir = Path::new(ROOT).join(path);
    (!path.is_empty() && !path.starts_with("..") && dir.join("cgroup.procs").exists())
        .then_some(dir)
}

fn holds_memory(dir: &Path) -> bool {
    let held = fs::read_to_string(dir.join("cgroup.subtree_control")).unwrap_or_default();
    held.split_ascii_whitespace().any(|name| name == "memory")
}
