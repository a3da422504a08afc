//! What a program leaves when it kills its own keeper: processes whose parent this process becomes,
//! since it is a child subreaper. They are told from its own children and killed.
//!
//! Each keeper leads a session, so what is below it can never come into the session of this
//! process, and this process's other children are in that. In a container's first process, a daemon
//! that somebody else started there would be killed, too.

use std::collections::HashSet;
use std::io;
use std::process::{Child, Command};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use rustix::io::Errno;
use rustix::process::{
    Pid, Signal, WaitOptions, getpid, getsid, kill_process, set_child_subreaper, waitpid,
};

use super::family::{children, kill_all_below};

/// Children of this process that are no orphans: its keepers, and what it had before any.
static OURS: OnceLock<Mutex<HashSet<Pid>>> = OnceLock::new();

fn ours() -> MutexGuard<'static, HashSet<Pid>> {
    let ours = OURS.get_or_init(|| {
        // Without it they become the children of another process, and are not found.
        let _ = set_child_subreaper(Some(getpid()));
        Mutex::new(children(getpid()).into_iter().collect())
    });
    ours.lock().unwrap_or_else(PoisonError::into_inner)
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
    if !ended_well {
        kill_orphans();
    }
}

/// Sees to a keeper that its program has killed or stopped, and to what is left then. Whoever waits
/// for the program sees its pipes end.
pub(super) fn see_to(keeper: Pid) {
    match state(keeper) {
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
    let here = getsid(None).ok();
    kill_all_below(|| {
        let mut orphans = children(getpid());
        orphans.retain(|pid| !ours.contains(pid) && getsid(Some(*pid)).ok() != here);
        // What has ended is taken note of, so that it is gone.
        orphans.retain(|pid| !matches!(waitpid(Some(*pid), WaitOptions::NOHANG), Ok(Some(_))));
        orphans
    });
}

/// The state of a child of this process, by `proc(5)`.
fn state(of: Pid) -> Option<u8> {
    let stat = std::fs::read(format!("/proc/{}/stat", of.as_raw_pid())).ok()?;
    let end = stat.iter().rposition(|byte| *byte == b')')?;
    let mut fields = stat[end + 1..].split(|byte| *byte == b' ').skip(1);
    let (state, parent) = (fields.next()?, fields.next()?);
    let parent: i32 = std::str::from_utf8(parent).ok()?.parse().ok()?;
    (parent == getpid().as_raw_pid()).then(|| state.first().copied())?
}
