//! What a program writes to stderr: the last of it, and what it says to us in lines of Hadoop
//! Streaming.
//!
//! `reporter:counter:` lines are taken out and summed. `reporter:status:` lines stay, and say that
//! the program is alive.

use std::collections::VecDeque;
use std::io::{self, PipeReader, Read};
use std::os::fd::{AsFd, BorrowedFd};

use gristmill_common::counters::{Counter, Counters};

/// How much is kept, in bytes.
const KEPT: usize = 16 << 10;
/// How every line that is for us begins.
const REPORTER: &[u8] = b"reporter:";
/// The longest line that is for us, in bytes.
const LONGEST: usize = 4 << 10;

/// The last of what comes through a pipe.
pub(super) struct Stderr {
    pipe: Option<PipeReader>,
    lines: Lines,
}

#[derive(Default)]
struct Lines {
    kept: VecDeque<u8>,
    /// The beginning of a line that may be for us.
    line: Vec<u8>,
    /// The rest of the line is not for us.
    passing: bool,
    counters: Counters,
    /// Lines that count stay: they are a worker's, which counts by frames.
    keeps_all: bool,
    alive: bool,
}

impl Stderr {
    /// The stderr at the other end of a pipe. What a worker says is kept as it is: it counts by
    /// frames.
    ///
    /// # Errors
    /// When the pipe cannot be set up.
    pub(super) fn new(pipe: PipeReader, worker: bool) -> io::Result<Self> {
        rustix::io::ioctl_fionbio(&pipe, true)?;
        Ok(Self {
            pipe: Some(pipe),
            lines: Lines {
                keeps_all: worker,
                ..Lines::default()
            },
        })
    }

    /// To wait for more.
    pub(super) fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.pipe.as_ref().map(AsFd::as_fd)
    }

    /// Reads what has come, but not for ever.
    pub(super) fn read(&mut self) {
        let mut buffer = [0; 16 << 10];
        for _ in 0..64 {
            let Some(pipe) = &mut self.pipe else { return };
            match pipe.read(&mut buffer) {
                Ok(0) => self.pipe = None,
                Ok(got) => self.lines.take(&buffer[..got]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
    }

    /// Whether the program has said since the last call that it is alive.
    pub(super) fn says_alive(&mut self) -> bool {
        std::mem::take(&mut self.lines.alive)
    }

    /// The last of it, and what was counted.
    pub(super) fn finish(mut self) -> (Vec<u8>, Counters) {
        let rest = std::mem::take(&mut self.lines.line);
        self.lines.line(&rest);
        (self.lines.kept.into(), self.lines.counters)
    }
}

impl Lines {
    fn take(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let end = memchr::memchr(b'\n', bytes).map_or(bytes.len(), |at| at + 1);
            let (some, rest) = bytes.split_at(end);
            bytes = rest;
            let ends = some.ends_with(b"\n");
            if self.passing {
                self.keep(some);
                self.passing = !ends;
                continue;
            }
            self.line.extend_from_slice(some);
            let begun = self.line.len().min(REPORTER.len());
            let ours = self.line[..begun] == REPORTER[..begun] && self.line.len() <= LONGEST;
            if ends || !ours {
                let line = std::mem::take(&mut self.line);
                self.line(&line);
                self.passing = !ends;
            }
        }
    }

    fn line(&mut self, line: &[u8]) {
        // A job fails past the bound; what is held of one call has to have a bound, too.
        let counts = !self.keeps_all && self.counters.excess().is_none();
        match Counter::of_line(line).filter(|_| counts) {
            Some(counter) => self.counters.add(counter),
            None => {
                self.alive |= line.starts_with(b"reporter:status:");
                self.keep(line);
            }
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        self.kept.extend(bytes);
        let over = self.kept.len().saturating_sub(KEPT);
        self.kept.drain(..over);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_taken_out_however_the_bytes_come() {
        let said = b"one\nreporter:counter:a,b,2\nreport\nreporter:status:half\nx reporter:counter:a,b,9\n\
                     reporter:counter:a,b,40\nreporter:counter:broken\nlast";
        for piece in [1, 2, 7, 1000] {
            let mut lines = Lines::default();
            said.chunks(piece).for_each(|some| lines.take(some));
            let rest = std::mem::take(&mut lines.line);
            lines.line(&rest);
            let kept: Vec<u8> = lines.kept.into();
            assert_eq!(
                String::from_utf8_lossy(&kept),
                "one\nreport\nreporter:status:half\nx reporter:counter:a,b,9\nreporter:counter:broken\nlast"
            );
            let sum = Counter::new(b"a", b"b", 42).unwrap();
            assert_eq!(lines.counters.iter().collect::<Vec<_>>(), [sum]);
            assert!(lines.alive);
        }
    }

    #[test]
    fn a_line_without_end_is_not_held() {
        let mut lines = Lines::default();
        lines.take(b"reporter:");
        for _ in 0..1000 {
            lines.take(&[b'x'; 1000]);
        }
        assert!(lines.line.len() <= LONGEST && lines.kept.len() == KEPT);
    }
}
