//! Lines of containers' logs, which the runtime may have cut in parts.
//!
//! A record is a line, or all parts of one and what stands between them: the other stream's lines
//! may.

mod cri;
mod docker;

use memchr::memchr;

pub use cri::CriLine;
pub use docker::DockerLine;

/// Who wrote a container's log, and so how its parts are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Runtime {
    /// Kubernetes' runtimes.
    Cri,
    /// Docker's json-file driver.
    Docker,
}

impl Runtime {
    /// So many bytes of a line tell what it is: time, stream and tags, or a part as Docker writes
    /// it, six bytes for each of its own at most.
    fn enough(self) -> usize {
        match self {
            Runtime::Cri => 96,
            Runtime::Docker => 6 * DockerLine::PART + 96,
        }
    }

    /// Whether a line is of stderr, and whether it goes on. `None` if it is no line of such a log.
    fn read(self, line: &[u8]) -> Option<(bool, bool)> {
        match self {
            Runtime::Cri => CriLine::parse(line).map(|line| (line.stderr, line.partial)),
            Runtime::Docker => DockerLine::parse(line).map(|line| (line.stderr, line.partial)),
        }
    }
}

/// Looks for the end of one record in bytes that come piece by piece.
#[derive(Clone, Debug)]
pub struct Parts {
    runtime: Runtime,
    /// Whether a line of stdout, of stderr is cut and goes on.
    open: [bool; 2],
    /// What is known of the beginning of a line that is not whole yet.
    head: Vec<u8>,
}

impl Parts {
    /// Looks in the log of a runtime.
    #[must_use]
    pub fn new(runtime: Runtime) -> Self {
        Self {
            runtime,
            open: [false; 2],
            head: Vec::new(),
        }
    }

    /// The end of the last whole record in `bytes`, which begin with a record.
    #[must_use]
    pub fn last_end(runtime: Runtime, bytes: &[u8]) -> Option<usize> {
        let mut end = 0;
        while let Some(len) = Self::new(runtime).end(&bytes[end..]) {
            end += len;
        }
        (end > 0).then_some(end)
    }

    /// The end of the record, if it is in `bytes`, which follow those of the calls before.
    pub fn end(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        while let Some(end) = memchr(b'\n', &bytes[at..]) {
            let line = &bytes[at..at + end];
            at += end + 1;
            if self.head.is_empty() {
                self.line(line);
            } else {
                self.keep(line);
                let head = std::mem::take(&mut self.head);
                self.line(&head);
            }
            if self.open == [false; 2] {
                return Some(at);
            }
        }
        self.keep(&bytes[at..]);
        None
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = self.runtime.enough() - self.head.len();
        self.head.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn line(&mut self, line: &[u8]) {
        let line = &line[..line.len().min(self.runtime.enough())];
        if let Some((stderr, partial)) = self.runtime.read(line) {
            self.open[usize::from(stderr)] = partial;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(runtime: Runtime, text: &str, step: usize) -> Vec<usize> {
        let (mut found, mut parts) = (Vec::new(), Parts::new(runtime));
        let (mut at, mut stop) = (0, 0);
        while at < text.len() {
            if stop == at {
                stop = (at + step).min(text.len());
            }
            match parts.end(&text.as_bytes()[at..stop]) {
                Some(end) => {
                    at += end;
                    found.push(at);
                    parts = Parts::new(runtime);
                }
                None => at = stop,
            }
        }
        found
    }

    #[test]
    fn a_record_of_cri_ends_where_no_line_is_open_however_the_bytes_come() {
        const TIME: &str = "2026-11-28T10:00:00.123456789Z";
        let long = "y".repeat(300);
        let lines = [
            ("stdout F whole", true),
            ("stdout P one,", false),
            ("stderr F between", false),
            (&*format!("stdout P {long}"), false),
            ("stdout F three", true),
            ("stderr P a", false),
            ("stdout P b", false),
            ("stderr F a", false),
            ("stdout F b", true),
        ];
        let (mut text, mut ends) = (String::new(), Vec::new());
        for (line, ends_here) in lines {
            text += &format!("{TIME} {line}\n");
            if ends_here {
                ends.push(text.len());
            }
        }
        text += "no such line\n";
        ends.push(text.len());
        for step in [1, 7, 95, 96, 97, 5000] {
            assert_eq!(found(Runtime::Cri, &text, step), ends, "{step}");
        }
    }

    #[test]
    fn a_record_of_docker_ends_where_no_line_is_open_however_the_bytes_come() {
        let part = "p".repeat(DockerLine::PART);
        let (mut text, mut ends) = (String::new(), Vec::new());
        for (line, stream, ends_here) in [
            ("whole\\n", "stdout", true),
            ("no newline", "stdout", true),
            (&*part, "stdout", false),
            ("between\\n", "stderr", false),
            (&*part, "stdout", false),
            ("end\\n", "stdout", true),
            (&*format!("{part}\\n"), "stderr", true),
        ] {
            text += &format!("{{\"log\":\"{line}\",\"stream\":\"{stream}\",\"time\":\"t\"}}\n");
            if ends_here {
                ends.push(text.len());
            }
        }
        for step in [1, 100, 16_000, 1 << 20] {
            assert_eq!(found(Runtime::Docker, &text, step), ends, "{step}");
        }
    }
}
