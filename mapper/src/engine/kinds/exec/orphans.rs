//! What a program leaves when it kills its own keeper: processes whose parent this process becomes,
//! since it is a child subreaper. They are told from its own children and killed.
//!
//! Each keeper leads a session, so what is below it can never come into the session of this
//! process, and this process's other children are in that. In a container's first process, a daemon
//! that somebody else started there would be killed, too.

use std::collections::HashSet;
use std::io;
use std::process::{Child, Command};
use std::sync::OnceLock;

use parking_lot::{Mutex, MutexGuard};
use rustix::io::Errno;
use rustix::process::{
    Pid, Signal, WaitOptions, getpid, kill_process, set_child_subreaper, waitpid,
};

use super::family::{children, kill_all_below};
use super::group;

/// Children of this process that are no orphans: its keepers, and what it had before any.
static OURS: OnceLock<Mutex<HashSet<Pid>>> = OnceLock::new();

fn ours() -> MutexGuard<'static, HashSet<Pid>> {
    let ours = OURS.get_or_init(|| {
        // Without it they become the children of another process, and are not found.
        let _ = set_child_subreaper(Some(getpid()));
        Mutex::new(children(getpid()).into_iter().collect())
    });
    ours.lock()
}

/// Starts a keeper.
pub(super) fn start(keeper: &mut Command) -> io::Result<Child> {
    // No orphan is looked for between the two.
    let mut ours = ours();
    let child = keeper.spawn()?;
    ours.insert(Pid::from_child(&child));
    Ok(child)
}

/// Waits until a keeper has ended that was told to.
pub(super) fn end(keeper: &mut Child) {
    let pid = Pid::from_child(keeper);
    let ended_well = loop {
        if let Ok(Some(status)) = keeper.try_wait() {
            break status.success();
        }
        match waitpid(Some(pid), WaitOptions::UNTRACED) {
            // Its program has stopped it: it does not hear.
            Ok(Some((_, status))) if status.stopped() => {
                let _ = kill_process(pid, Signal::KILL);
            }
            Ok(Some((_, status))) => break status.exit_status() == Some(0),
            Ok(None) | Err(Errno::INTR) => {}
            Err(_) => break false,
        }
    };
    ours().remove(&pid);
    group::remove(pid);
    if !ended_well {
        kill_orphans();
    }
}

/// Sees to a keeper that its program has killed or stopped, and to what is left then. Whoever waits
/// for the program sees its pipes end.
pub(super) fn see_to(keeper: Pid) {
    let stat = Stat::of(keeper).filter(|stat| stat.parent == getpid().as_raw_pid());
    match stat.map(|stat| stat.state) {
        Some(b'T' | b't') => {
            // It cannot watch any more: it is as good as dead.
            let _ = kill_process(keeper, Signal::KILL);
        }
        Some(b'Z' | b'X') => {}
        _ => return,
    }
    kill_orphans();
}

fn kill_orphans() {
    let ours = ours();
    let Some(here) = Stat::of(getpid()) else {
        return;
    };
    let is_here = |pid| Stat::of(pid).is_none_or(|stat| stat.session == here.session);
    kill_all_below(|| {
        let mut orphans = children(getpid());
        orphans.retain(|pid| !ours.contains(pid) && !is_here(*pid));
        // What has ended is taken note of, so that it is gone.
        orphans.retain(|pid| !matches!(waitpid(Some(*pid), WaitOptions::NOHANG), Ok(Some(_))));
        orphans
    });
}

/// What `proc(5)` says of a process.
struct Stat {
    state: u8,
    parent: i32,
    /// Zero where its leader is not to be seen from here, as in a container: rustix has no value
    /// for that.
    session: i32,
}

impl Stat {
    fn of(pid: Pid) -> Option<Self> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_pid())).ok()?;
        // Behind the name, which may hold anything.
        let mut fields = stat.rsplit(')').next()?.split_ascii_whitespace();
        let state = *fields.next()?.as_bytes().first()?;
        let mut number = || fields.next()?.parse().ok();
        let (parent, _group, session) = (number()?, number()?, number()?);
        Some(Self {
            state,
            parent,
            session,
        })
    }
}
