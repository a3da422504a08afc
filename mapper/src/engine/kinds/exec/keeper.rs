//! The keeper: a process between a mapper and the user's program, which ends with all it started.
//!
//! A mapper has one for each program that runs at a time. It is the child subreaper of the program,
//! so whatever the program starts, and however that tries to get away, stays below it. It sees to
//! time and memory, keeps the last of stderr, and kills everything when the mapper is gone. If the
//! mapper died, it removes the temporary folders too.

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use gristmill_common::own_program::own_program;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{
    Pid, PidfdFlags, Resource, Rlimit, getpid, getrlimit, pidfd_open, set_child_subreaper,
    setrlimit, setsid,
};

use super::call::{Ask, Call, Ending, How, hear, retry, tell};
use super::confine;
use super::doors::{Doors, close_inherited};
use super::family::{Reaped, descendants, kill_all};
use super::group::Group;
use super::limits::renew;
use super::memory_watch::MemoryWatch;
use super::stderr::Stderr;

/// How often it is looked after what the program has started.
const TICK: Duration = Duration::from_millis(25);
/// How often it is looked whether the program has ended, where no descriptor tells.
const LOOK: Duration = Duration::from_millis(2);
/// How long those that a program leaves behind may take to end by themselves.
const GRACE: Duration = Duration::from_millis(200);
/// How often a folder is tried to be removed that others still use.
const REMOVALS: u32 = 100;
/// No dump of a core; the largest file that a program may write, in bytes; its open files.
const LIMITS: [(Resource, u64); 3] = [
    (Resource::Core, 0),
    (Resource::Fsize, 16 << 30),
    (Resource::Nofile, 64 << 10),
];

/// Runs the keeper until its mapper, at the other end of `socket`, is gone.
///
/// # Errors
/// When this process cannot be made a keeper, or the mapper says what makes no sense.
pub fn keeper(socket: impl AsFd) -> io::Result<()> {
    close_inherited()?;
    // Out of reach of who kills all of its mapper's group, and without its terminal, at which a
    // program would wait for ever.
    let _ = setsid();
    set_child_subreaper(Some(getpid()))?;
    for (resource, most) in LIMITS {
        // A lower limit that is in force already stays.
        let Rlimit { current, maximum } = getrlimit(resource);
        let least = |limit: Option<u64>| Some(limit.map_or(most, |limit| limit.min(most)));
        let limit = Rlimit {
            current: least(current),
            maximum: least(maximum),
        };
        let _ = setrlimit(resource, limit);
    }
    // Where memory is out, this process and its program go before the mapper does.
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
    let mut inherited = Vec::new();
    let served = serve(&socket, &mut inherited);
    let died = match &served {
        Ok(parted) => matches!(parted, Parted::Died),
        Err(_) => hung_up(&socket) && !is_dismissed(&socket),
    };
    if died {
        for folder in inherited {
            remove(Path::new(&OsString::from_vec(folder)));
        }
    }
    served.map(drop)
}

/// How a keeper and its mapper parted.
enum Parted {
    /// The mapper said that it is done.
    Dismissed,
    /// The mapper has closed the socket without a word: it is dead.
    Died,
}

fn serve(socket: &impl AsFd, inherited: &mut Vec<Vec<u8>>) -> io::Result<Parted> {
    let mut doors = Doors::open()?;
    let mut group = Group::join();
    while let Some((ask, fds)) = hear::<Ask>(socket)? {
        match ask {
            Ask::Run(call) => match run(socket, &call, fds, (&mut doors, &mut group))? {
                Ok(ending) => tell(socket, &ending, &[])?,
                Err(parted) => return Ok(parted),
            },
            // It had ended before.
            Ask::Kill(_) | Ask::Renew(_) => {}
            Ask::Inherit(folders) => *inherited = folders,
            Ask::Leave => return Ok(Parted::Dismissed),
        }
    }
    Ok(Parted::Died)
}

/// Whether nobody holds the other end of the socket any more.
fn hung_up(socket: &impl AsFd) -> bool {
    let mut fds = [PollFd::new(socket, PollFlags::empty())];
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let polled = retry(|| poll(&mut fds, Some(&now)));
    polled.is_ok() && fds[0].revents().contains(PollFlags::HUP)
}

/// Whether the mapper's last words, not heard yet, are that it is done.
fn is_dismissed(socket: &impl AsFd) -> bool {
    while let Ok(Some((ask, _))) = hear::<Ask>(socket) {
        if matches!(ask, Ask::Leave) {
            return true;
        }
    }
    false
}

/// Removes a folder that others may still be writing into, or removing.
fn remove(folder: &Path) {
    for _ in 0..REMOVALS {
        match std::fs::remove_dir_all(folder) {
            Err(_) if folder.exists() => std::thread::sleep(Duration::from_millis(20)),
            _ => return,
        }
    }
}

/// Runs one program to its end, or until the mapper is gone.
fn run(
    socket: &impl AsFd,
    call: &Call,
    fds: Vec<OwnedFd>,
    (doors, group): (&mut Doors, &mut Option<Group>),
) -> io::Result<Result<Ending, Parted>> {
    group.take_if(|group| !group.hold(call.memory));
    let (stderr, to_stderr) = io::pipe()?;
    let mut stderr = Stderr::new(stderr, call.worker)?;
    let started = start(call, fds, to_stderr.into(), doors);
    let main = match started {
        Ok(main) => main,
        Err(error) => {
            return Ok(Ok(Ending {
                how: How::NotStarted(error.to_string()),
                left: 0,
                stderr: Vec::new(),
                counters: Vec::new(),
            }));
        }
    };
    let mut reaped = Reaped::default();
    let how = watch(socket, call, main, &mut stderr, (&mut reaped, group))?;
    let mut left = 0;
    if how.is_none() {
        let end = Instant::now() + GRACE;
        reaped.look(main);
        while !reaped.all && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(2));
            stderr.read();
            reaped.look(main);
        }
        if !reaped.all {
            left = kill_all(main, &mut reaped);
        }
    } else {
        kill_all(main, &mut reaped);
    }
    stderr.read();
    let how = match how {
        Some(Stop::Parted(parted)) => return Ok(Err(parted)),
        Some(Stop::Because(how)) => how,
        None if group.as_mut().is_some_and(Group::is_short) => How::Memory,
        None => match reaped.main {
            Some(status) => match (status.exit_status(), status.terminating_signal()) {
                (Some(code), _) => How::Exit(code),
                (None, signal) => How::Signal(signal.unwrap_or_default()),
            },
            None => How::Killed,
        },
    };
    let (stderr, counters) = stderr.finish();
    Ok(Ok(Ending {
        how,
        left,
        stderr,
        counters: counters.iter().collect(),
    }))
}

fn start(call: &Call, fds: Vec<OwnedFd>, stderr: OwnedFd, doors: &mut Doors) -> io::Result<Pid> {
    let mut fds = fds.into_iter();
    let (Some(input), Some(output)) = (fds.next(), fds.next()) else {
        return Err(io::Error::other("no pipes"));
    };
    let mut words = call.words.iter().cloned().map(OsString::from_vec);
    let pair = |(name, value): &(Vec<u8>, Vec<u8>)| {
        let (name, value) = (name.clone(), value.clone());
        (OsString::from_vec(name), OsString::from_vec(value))
    };
    let env = call.env.iter().map(pair);
    let mut command;
    if let Some(cell) = &call.cell {
        command = Command::new(own_program()?);
        command.args(confine::words(cell, env, words)).env_clear();
    } else {
        command = Command::new(words.next().unwrap_or_default());
        command.args(words).env_clear().envs(env);
    }
    command
        .current_dir(PathBuf::from(OsString::from_vec(call.folder.clone())))
        // Ctrl-C is for the mapper, which ends the program in order.
        .process_group(0);
    if call.worker {
        doors.lead_to(&input, &output)?;
        command.stdin(Stdio::null());
        command.stdout(stderr.try_clone()?);
    } else {
        command.stdin(input).stdout(output);
    }
    let child = command.stderr(stderr).spawn();
    if call.worker {
        doors.close()?;
    }
    Ok(Pid::from_child(&child?))
}

/// Why a program is ended.
enum Stop {
    /// The mapper is gone.
    Parted(Parted),
    Because(How),
}

/// Waits until the program ends (`None`) or must be ended.
fn watch(
    socket: &impl AsFd,
    call: &Call,
    main: Pid,
    stderr: &mut Stderr,
    (reaped, group): (&mut Reaped, &mut Option<Group>),
) -> io::Result<Option<Stop>> {
    let mut began = Instant::now();
    let timeout = call.timeout.map(Duration::from_millis);
    // Kernels before 5.3 have no such descriptor, and some containers forbid it.
    let ended = pidfd_open(main, PidfdFlags::empty()).ok();
    let mut tick = began + TICK;
    let mut memory = MemoryWatch::new(call.memory);
    let mut kill_at = None;
    loop {
        let now = Instant::now();
        if timeout.is_some_and(|timeout| now >= began + timeout) {
            return Ok(Some(Stop::Because(How::TimedOut)));
        }
        if kill_at.is_some_and(|at| now >= at) {
            return Ok(Some(Stop::Because(How::Killed)));
        }
        if now >= tick {
            tick = now + TICK;
            // Children of children that have ended.
            reaped.look(main);
        }
        if memory.is_too_much(now, group.as_mut()) {
            return Ok(Some(Stop::Because(How::Memory)));
        }
        let mut until = timeout.map_or(tick, |timeout| tick.min(began + timeout));
        if ended.is_none() {
            reaped.look(main);
            if reaped.main.is_some() {
                return Ok(None);
            }
            until = until.min(now + LOOK);
        }
        let left = until.saturating_duration_since(now);
        let mut fds = vec![PollFd::new(socket, PollFlags::IN)];
        let at_end = ended.as_ref().map(|ended| {
            fds.push(PollFd::new(ended, PollFlags::IN));
            fds.len() - 1
        });
        let at_stderr = stderr.fd().map(|stderr| {
            fds.push(PollFd::from_borrowed_fd(stderr, PollFlags::IN));
            fds.len() - 1
        });
        let time = Timespec {
            tv_sec: left.as_secs() as i64,
            tv_nsec: left.subsec_nanos().into(),
        };
        match poll(&mut fds, Some(&time)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let ready: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
        if at_stderr.is_some_and(|at| ready[at]) {
            stderr.read();
            if stderr.says_alive() {
                began = Instant::now();
            }
        }
        if ready[0] {
            match hear::<Ask>(socket) {
                Ok(Some((Ask::Kill(later), _))) => {
                    kill_at = Some(Instant::now() + Duration::from_millis(later));
                }
                Ok(Some((Ask::Renew(seconds), _))) => renew(&descendants(getpid()), seconds),
                Ok(Some((Ask::Leave, _))) => return Ok(Some(Stop::Parted(Parted::Dismissed))),
                _ => return Ok(Some(Stop::Parted(Parted::Died))),
            }
            continue;
        }
        if at_end.is_some_and(|at| ready[at]) || reaped.main.is_some() {
            return Ok(None);
        }
    }
}
