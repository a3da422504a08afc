//! Starting and signalling processes of a node. It must not know what they do.

use std::ffi::OsStr;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::NodeError;

/// Closes every descriptor but the standard three before the program starts: a broker that holds
/// its parent's pipes keeps whoever reads them waiting after the tests are over.
const CLOSE_AND_EXEC: &str = r#"
for fd in /proc/$$/fd/*; do
    fd=${fd##*/}
    [ "$fd" -le 2 ] || eval "exec $fd>&-" 2>/dev/null
done
exec "$@"
"#;

/// A command in a process group of its own, with no descriptor of this process but the standard
/// three, its output going to `log`.
pub(crate) fn command(program: &OsStr, log: &std::fs::File) -> Result<Command, NodeError> {
    let copy = || log.try_clone().map_err(NodeError::io("the broker's log"));
    let mut command = Command::new("bash");
    command
        .args(["-c", CLOSE_AND_EXEC, "bash"])
        .arg(program)
        .stdin(Stdio::null())
        .stdout(copy()?)
        .stderr(copy()?)
        .process_group(0);
    Ok(command)
}

/// Sends a signal to one process; a process that is gone is no error.
pub(crate) fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = to_pid(pid) {
        let _ = kill_process(pid, signal);
    }
}

/// Sends a signal to a whole process group.
pub(crate) fn signal_group(group: u32, signal: Signal) {
    if let Some(group) = to_pid(group) {
        let _ = kill_process_group(group, signal);
    }
}

/// Whether a process still runs (a zombie does not).
pub(crate) fn is_alive(pid: u32) -> bool {
    state(pid).is_some_and(|state| !matches!(state, 'Z' | 'X'))
}

/// What a process does, as the kernel says it in one letter (proc(5)): `T` is stopped.
pub(crate) fn state(pid: u32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

fn to_pid(pid: u32) -> Option<Pid> {
    i32::try_from(pid).ok().and_then(Pid::from_raw)
}

/// Waits for a child to end; false when it has not after `limit`.
pub(crate) fn wait(child: &mut Child, limit: Duration) -> bool {
    let end = Instant::now() + limit;
    loop {
        match child.try_wait() {
            Ok(None) if Instant::now() < end => std::thread::sleep(Duration::from_millis(20)),
            Ok(None) => return false,
            Ok(Some(_)) | Err(_) => return true,
        }
    }
}
