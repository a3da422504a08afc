//! Feeding a program and reading what it answers at the same time, so that neither waits for the
//! other for ever.

use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::call::retry;
use super::child::Pipes;

/// The size of a pipe that is asked for, in bytes: with the usual 64 KiB, both sides wake each
/// other up too often.
const PIPE: usize = 512 << 10;

/// The two pipes of a program, neither of which blocks.
pub(super) struct Pump {
    input: Option<PipeWriter>,
    output: PipeReader,
}

/// What came of waiting for a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moved {
    /// Something was written or read.
    Some,
    /// Nothing for as long as was allowed.
    Nothing,
    /// The program has closed its output.
    Ended,
}

impl Pump {
    /// Takes over a program's pipes; `large` where much goes through them.
    ///
    /// # Errors
    /// When they cannot be set up.
    pub(super) fn new(pipes: Pipes, large: bool) -> io::Result<Self> {
        rustix::io::ioctl_fionbio(&pipes.output, true)?;
        if let Some(input) = &pipes.input {
            rustix::io::ioctl_fionbio(input, true)?;
        }
        if large {
            // More is only faster; where the user has too many pipes it is refused.
            if let Some(input) = &pipes.input {
                let _ = rustix::pipe::fcntl_setpipe_size(input, PIPE);
            }
            let _ = rustix::pipe::fcntl_setpipe_size(&pipes.output, PIPE);
        }
        Ok(Self {
            input: pipes.input,
            output: pipes.output,
        })
    }

    /// Writes from `from`, taking out what was written, and reads into `into`; waits at most `wait`
    /// for either. A program that reads no more is no error: `from` is dropped then.
    ///
    /// # Errors
    /// When a pipe fails.
    pub(super) fn turn(
        &mut self,
        from: &mut &[u8],
        into: &mut Vec<u8>,
        wait: Option<Duration>,
    ) -> io::Result<Moved> {
        let mut fds = vec![PollFd::new(&self.output, PollFlags::IN)];
        if let (Some(input), false) = (&self.input, from.is_empty()) {
            fds.push(PollFd::new(input, PollFlags::OUT));
        }
        let time = wait.map(|wait| Timespec {
            tv_sec: wait.as_secs() as i64,
            tv_nsec: wait.subsec_nanos().into(),
        });
        if retry(|| poll(&mut fds, time.as_ref()))? == 0 {
            return Ok(Moved::Nothing);
        }
        let ready: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
        if ready.get(1) == Some(&true)
            && let Some(input) = &mut self.input
        {
            match input.write(from) {
                Ok(written) => *from = &from[written..],
                Err(error) if is_later(&error) => {}
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => *from = &[],
                Err(error) => return Err(error),
            }
        }
        if ready[0] {
            let start = into.len();
            into.resize(start + READ, 0);
            let got = self.output.read(&mut into[start..]);
            into.truncate(start + got.as_ref().map_or(0, |got| *got));
            match got {
                Ok(0) => return Ok(Moved::Ended),
                Ok(_) => {}
                Err(error) if is_later(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Moved::Some)
    }

    /// Ends the program's input.
    pub(super) fn close_input(&mut self) {
        self.input = None;
    }
}

/// How much is read at once, in bytes.
const READ: usize = 64 << 10;

fn is_later(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}
