//! Running a chunk where it can do no harm: in child processes with limits.
//!
//! A chunk that came back may have killed the mapper that had it. A child runs it; if the child
//! dies, further children find the record that kills, by halves, and it is set aside: the verdict
//! is an observed death, never a number of deliveries. It must not know queues.

mod child;
mod request;

use std::io::{Read, Write};
use std::ops::Range;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use gristmill_common::chunk::Chunk;
use gristmill_common::own_program::own_program;
use rustix::process::Signal;
use tracing::warn;

use crate::engine::job_file::JobFile;
use crate::engine::mapper::{Mapped, Mapper, PoisonRecord};
use crate::work::assignment::{Assignment, Limits};

pub use child::child;
pub(crate) use child::limit;
use request::{Answer, Request};

/// The subcommand of the binary that runs [`child`].
pub const SUBCOMMAND: &str = "isolated-chunk";
/// How often a child is looked at.
const LOOK: Duration = Duration::from_millis(2);
/// A child that does nothing at all is given up after so many times its processor time.
pub(crate) const PATIENCE: u32 = 10;
/// With this many poison records, the rest of the chunk is not tried any more.
const MOST_POISON: usize = 1000;
/// No chunk's outcomes are larger than this.
const MOST_ANSWER: u64 = 1 << 30;

/// Why a chunk was not mapped in a child process.
#[derive(Debug)]
pub(crate) enum NotRun {
    /// No child could be started, or one does not behave as such: nothing is known about the chunk.
    Retryable(String),
    /// It kills even without its records.
    Fatal(String),
}

impl From<String> for NotRun {
    fn from(reason: String) -> Self {
        NotRun::Retryable(reason)
    }
}

/// Maps a chunk in child processes; `payload` is its message, `attempt` for the log. Records that
/// kill are set aside.
///
/// # Errors
/// When nothing is known about the chunk, or it cannot be run at all.
pub(crate) fn isolate(
    job: &Assignment,
    chunk: &Chunk,
    attempt: u64,
    payload: &Bytes,
    limits: Limits,
) -> Result<Mapped, NotRun> {
    let records = Mapper::new(job.prepared.clone(), &job.spec, job.splits).count(chunk);
    let files = job.prepared.files();
    let mut poison: Vec<PoisonRecord> = Vec::new();
    let ask = |range: Option<Range<u64>>, poison: &[PoisonRecord]| {
        let request = Request {
            spec: job.spec.clone(),
            splits: job.splits,
            files: files.iter().map(|file| file.bytes().len() as u64).collect(),
            seconds: limits.seconds,
            memory: limits.memory,
            probe: range,
            poison: poison.to_vec(),
        };
        run(&request, files, payload, limits)
    };
    loop {
        let reason = match ask(None, &poison)? {
            Ended::Done(mapped) => return Ok(mapped),
            Ended::Died(reason) => reason,
        };
        let id = chunk.head.id;
        warn!(
            job = %job.label(),
            chunk = %id, attempt, "killed a child of this mapper: {reason}"
        );
        // A child that dies without any record says nothing about the records.
        if poison.is_empty()
            && let Ended::Died(reason) = ask(Some(0..0), &poison)?
        {
            return Err(NotRun::Fatal(reason));
        }
        let found = match poison.len() < MOST_POISON {
            true => find(records, &poison, &ask)?,
            false => None,
        };
        match found {
            Some(record) => {
                let at = poison.partition_point(|known| known.number < record.number);
                poison.insert(at, record);
            }
            // No record of it kills alone, or too many do.
            None if poison.len() as u64 == records => return Err(NotRun::Fatal(reason)),
            None => {
                poison = (0..records)
                    .map(|record| PoisonRecord {
                        number: record,
                        reason: format!("its chunk cannot be run: {reason}"),
                    })
                    .collect();
            }
        }
    }
}

/// Runs a chunk, or some records of it, without the known poison records.
type Ask<'a> = dyn Fn(Option<Range<u64>>, &[PoisonRecord]) -> Result<Ended, String> + 'a;

/// Looks for a record that kills when it runs alone (a poison record).
fn find(
    records: u64,
    poison: &[PoisonRecord],
    ask: &Ask<'_>,
) -> Result<Option<PoisonRecord>, String> {
    let mut range = 0..records;
    let mut reason = None;
    while range.end > range.start {
        if range.end - range.start == 1
            && let Some(reason) = reason
        {
            let record = range.start;
            let known = poison.iter().any(|known| known.number == record);
            return Ok((!known).then_some(PoisonRecord {
                number: record,
                reason,
            }));
        }
        let middle = range.start + (range.end - range.start).div_ceil(2);
        let (left, right) = (range.start..middle, middle..range.end);
        if let Ended::Died(why) = ask(Some(left.clone()), poison)? {
            (range, reason) = (left, Some(why));
        } else if right.is_empty() {
            return Ok(None);
        } else if let Ended::Died(why) = ask(Some(right.clone()), poison)? {
            (range, reason) = (right, Some(why));
        } else {
            return Ok(None);
        }
    }
    Ok(None)
}

enum Ended {
    Done(Mapped),
    Died(String),
}

/// Runs one child to its end.
fn run(
    request: &Request,
    files: &[JobFile],
    payload: &Bytes,
    limits: Limits,
) -> Result<Ended, String> {
    let wrong = |what: &str, error: &dyn std::fmt::Display| format!("{what} a child: {error}");
    let (mut child, mut input, output) = start(SUBCOMMAND)?;
    let mut head = serde_json::to_vec(request).map_err(|error| wrong("cannot ask", &error))?;
    head.push(b'\n');
    let (files, payload) = (files.to_vec(), payload.clone());
    let writer = thread::spawn(move || {
        // A child that is dead reads no more.
        let _ = input
            .write_all(&head)
            .and_then(|()| {
                files
                    .iter()
                    .try_for_each(|file| input.write_all(file.bytes()))
            })
            .and_then(|()| input.write_all(&payload));
    });
    let reader = thread::spawn(move || {
        let mut answer = Vec::new();
        let read = output.take(MOST_ANSWER).read_to_end(&mut answer);
        read.map(|_| answer)
    });
    let patience = Duration::from_secs(limits.seconds.max(1)) * PATIENCE;
    let status = wait(&mut child, patience);
    let _ = writer.join();
    let answer = reader.join();
    let status = match status {
        Ok(Some(status)) => status,
        Ok(None) => return Ok(Ended::Died("it came to no end".into())),
        Err(error) => return Err(wrong("cannot wait for", &error)),
    };
    if let Some(reason) = death(status) {
        return Ok(Ended::Died(reason));
    }
    let answer = match answer {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => return Err(wrong("cannot read from", &error)),
        Err(_) => return Err(wrong("cannot read from", &"a thread panicked")),
    };
    match Answer::decode(&answer) {
        Some(answer) => Ok(Ended::Done(answer.into())),
        None => Err(wrong("misunderstood", &status)),
    }
}

/// Starts this program anew as a child that runs a subcommand, with pipes to and from it.
pub(crate) fn start(subcommand: &str) -> Result<(Child, ChildStdin, ChildStdout), String> {
    let wrong = |error: std::io::Error| format!("cannot start a child: {error}");
    let mut child = Command::new(own_program().map_err(wrong)?)
        .arg(subcommand)
        .env_remove("GRISTMILL_BROKER")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(wrong)?;
    match (child.stdin.take(), child.stdout.take()) {
        (Some(input), Some(output)) => Ok((child, input, output)),
        _ => Err("cannot talk to a child: no pipes".into()),
    }
}

/// Waits for a child; one that takes too long is killed (`None`).
fn wait(child: &mut Child, patience: Duration) -> std::io::Result<Option<ExitStatus>> {
    let end = Instant::now() + patience;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() > end {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(LOOK);
    }
}

/// The processor time that a running child has used; none where the system does not tell.
pub(crate) fn processor_time(child: &Child) -> Option<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).ok()?;
    // proc(5): behind the name, which may hold anything, utime is the 12th and stime the 13th.
    let mut fields = stat.rsplit(')').next()?.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    let all = ticks()? + ticks()?;
    let second = rustix::param::clock_ticks_per_second().max(1);
    Some(Duration::from_millis(all * 1000 / second))
}

/// How a child died, if it did.
pub(crate) fn death(status: ExitStatus) -> Option<String> {
    if status.success() {
        return None;
    }
    let signal = status.signal();
    Some(match signal.and_then(Signal::from_named_raw) {
        // The limit of processor time.
        Some(Signal::XCPU) => "it came to no end".into(),
        Some(Signal::ABORT) => "the processor aborted (or ran out of memory)".into(),
        Some(Signal::KILL) => "the processor was killed (out of memory)".into(),
        Some(Signal::SEGV) => "the processor crashed (segmentation fault)".into(),
        _ => match signal {
            Some(signal) => format!("the processor was killed by signal {signal}"),
            None => format!("the processor ended its process ({status})"),
        },
    })
}
