//! What a mapper and a keeper say to each other over their socket: JSON behind its length, with the
//! descriptors of the program's pipes beside the first byte. Both are the same program.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use gristmill_common::counters::Counter;
use gristmill_common::spec::Exec;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, send, sendmsg,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::confine::Cell;

/// The longest message: a command line and an environment.
const MOST: usize = 16 << 20;
/// The most descriptors beside one message.
const MOST_FDS: usize = 2;

/// SIGXCPU, by which the kernel says that the processor time is used up.
const CPU_TIME: i32 = 24;

/// What a keeper is asked.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Ask {
    /// To run a program; the descriptors of its input and output come with it.
    Run(Call),
    /// To end the program that runs, and all its descendants, if it has not ended by itself within
    /// so many milliseconds.
    Kill(u64),
    /// To remove these folders if the mapper dies.
    Inherit(Vec<Vec<u8>>),
    /// To let the program that runs, and all its descendants, have this many seconds of processor
    /// time from now on.
    Renew(u64),
    /// To end. Without it, the mapper has died.
    Leave,
}

/// One run of a program.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Call {
    /// The program and its arguments.
    pub(super) words: Vec<Vec<u8>>,
    /// Its whole environment.
    pub(super) env: Vec<(Vec<u8>, Vec<u8>)>,
    /// The folder that it starts in.
    pub(super) folder: Vec<u8>,
    /// It reads descriptor 3 and writes descriptor 4, not standard input and output.
    pub(super) worker: bool,
    /// The longest that it may take, in milliseconds.
    pub(super) timeout: Option<u64>,
    /// The most resident memory of it and its descendants, in bytes.
    pub(super) memory: u64,
    /// What it is confined to, if it is.
    pub(super) cell: Option<Cell>,
}

/// How a program ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ending {
    pub(super) how: How,
    /// Processes that it left behind and that were killed.
    pub(super) left: u32,
    /// The last that it wrote to stderr.
    pub(super) stderr: Vec<u8>,
    /// What it counted.
    pub(super) counters: Vec<Counter>,
}

/// The ways to end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum How {
    /// It could not be started.
    NotStarted(String),
    /// By itself, with this status.
    Exit(i32),
    /// By this signal, which nobody here sent.
    Signal(i32),
    /// It took too long and was killed.
    TimedOut,
    /// It had more memory than it may and was killed.
    Memory,
    /// It was killed because somebody asked for it.
    Killed,
    /// The keeper itself is gone.
    Lost,
}

/// Sends a message, and descriptors with it.
///
/// # Errors
/// When the other side is gone.
pub(super) fn tell(
    socket: impl AsFd,
    message: &impl Serialize,
    fds: &[BorrowedFd<'_>],
) -> io::Result<()> {
    let json = serde_json::to_vec(message)?;
    let mut bytes = (json.len() as u32).to_be_bytes().to_vec();
    bytes.extend_from_slice(&json);
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_FDS))];
    let mut beside = SendAncillaryBuffer::new(&mut space);
    if !fds.is_empty() && !beside.push(SendAncillaryMessage::ScmRights(fds)) {
        return Err(io::Error::other("too many descriptors"));
    }
    let sent = retry(|| {
        sendmsg(
            &socket,
            &[IoSlice::new(&bytes)],
            &mut beside,
            SendFlags::NOSIGNAL,
        )
    })?;
    let mut rest = &bytes[sent..];
    while !rest.is_empty() {
        let sent = retry(|| send(&socket, rest, SendFlags::NOSIGNAL))?;
        rest = &rest[sent..];
    }
    Ok(())
}

/// Receives a message and its descriptors; `None` when the other side is gone.
///
/// # Errors
/// When what comes is no message.
pub(super) fn hear<T: DeserializeOwned>(
    socket: impl AsFd,
) -> io::Result<Option<(T, Vec<OwnedFd>)>> {
    let mut fds = Vec::new();
    let mut head = [0; 4];
    if !fill(&socket, &mut head, &mut fds)? {
        return Ok(None);
    }
    let len = u32::from_be_bytes(head) as usize;
    if len > MOST {
        return Err(io::Error::other("a message that is too long"));
    }
    let mut json = vec![0; len];
    if !fill(&socket, &mut json, &mut fds)? {
        return Ok(None);
    }
    Ok(Some((serde_json::from_slice(&json)?, fds)))
}

fn fill(socket: impl AsFd, buffer: &mut [u8], fds: &mut Vec<OwnedFd>) -> io::Result<bool> {
    let mut at = 0;
    while at < buffer.len() {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_FDS))];
        let mut beside = RecvAncillaryBuffer::new(&mut space);
        let got = retry(|| {
            let mut slices = [IoSliceMut::new(&mut buffer[at..])];
            recvmsg(&socket, &mut slices, &mut beside, RecvFlags::CMSG_CLOEXEC)
        });
        let got = match got {
            Err(rustix::io::Errno::CONNRESET) => 0,
            other => other?.bytes,
        };
        for message in beside.drain() {
            if let RecvAncillaryMessage::ScmRights(received) = message {
                fds.extend(received);
            }
        }
        if got == 0 {
            return Ok(false);
        }
        at += got;
    }
    Ok(true)
}

/// Repeats a system call that a signal interrupts.
pub(super) fn retry<T>(mut call: impl FnMut() -> rustix::io::Result<T>) -> rustix::io::Result<T> {
    loop {
        match call() {
            Err(rustix::io::Errno::INTR) => {}
            other => return other,
        }
    }
}

impl How {
    /// In words, for a quarantine entry: the same cause gives the same words.
    pub(super) fn words(&self, exec: &Exec) -> String {
        let Exec {
            timeout, memory, ..
        } = *exec;
        match self {
            How::NotStarted(why) => format!("cannot be started: {why}"),
            How::Exit(status) => format!("exit status {status}"),
            How::Signal(CPU_TIME) if exec.cpu_time.is_some() => format!(
                "killed for using more than {} s of processor time (--cpu-time)",
                exec.cpu_time.unwrap_or_default()
            ),
            How::Signal(signal) => format!("killed by signal {signal}{}", name_of(*signal)),
            How::TimedOut => format!("killed after {timeout} s (--timeout)"),
            How::Memory => format!(
                "killed for using more than {} of memory (--child-memory)",
                gristmill_common::size::ByteSize(memory)
            ),
            How::Killed => "killed".into(),
            How::Lost => "lost its keeper".into(),
        }
    }
}

fn name_of(signal: i32) -> &'static str {
    match signal {
        4 => " (SIGILL)",
        6 => " (SIGABRT)",
        8 => " (SIGFPE)",
        9 => " (SIGKILL)",
        11 => " (SIGSEGV)",
        13 => " (SIGPIPE)",
        15 => " (SIGTERM)",
        24 => " (SIGXCPU)",
        25 => " (SIGXFSZ)",
        _ => "",
    }
}
