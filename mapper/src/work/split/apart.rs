//! A split that came back: it is read in a process of its own, because reading it may have ended
//! the mapper that had it.
//!
//! If that process dies, what it has sent is used, and an entry of the quarantine says of each
//! source that is left that it was not read to its end: nobody knows how many records that is.

use std::collections::BTreeMap;
use std::io::{BufReader, Write};
use std::os::unix::ffi::OsStringExt;
use std::process::{Child, ChildStdout};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

use bytes::Bytes;
use gristmill_common::chunk::{Chunk, ChunkHead, Quarantined};
use gristmill_common::id::ChunkId;
use gristmill_common::split_task::{SplitAccount, SplitTask};
use gristmill_common::wire::{self, Check, Message};
use gristmill_input::Located;
use tracing::warn;

use super::error_of;
use super::frames::{Frame, ReadEnd};
use super::mapping::Mapping;
use super::reader::ReadRequest;
use crate::work::assignment::{Assignment, MapError, SplitReading};
use crate::work::isolate::{PATIENCE, death, processor_time, start};

/// How often a stop is looked for while nothing comes.
const LOOK: Duration = Duration::from_millis(200);

/// The subcommand of the binary that runs [`super::reader::read_apart`].
pub const READER: &str = "isolated-split";

/// Reads a split, whose sources are `located` and partly came with it, in a process of its own and
/// maps its chunks; `None` when somebody else is to do it.
///
/// # Errors
/// When the job cannot go on, or not here.
pub(super) fn read(
    job: &Assignment,
    task: &SplitTask,
    (located, attached): (&[Located], &Bytes),
    settings: &SplitReading,
    mapping: &mut Mapping<'_>,
) -> Result<Option<SplitAccount>, MapError> {
    let request = ReadRequest {
        spec: job.spec.clone(),
        task: task.clone(),
        paths: (located.iter())
            .map(|located| match located {
                Located::File(path) => path.clone().into_os_string().into_vec(),
                Located::Object(_) => Vec::new(),
            })
            .collect(),
        tmp: settings.tmp.clone(),
        memory: job.limits.memory,
    };
    let mut reader = Reader::start(&request, attached)?;
    let mut taken = Taken::default();
    // As long as a chunk may take to be mapped; reading says when it goes on.
    let patience = Duration::from_secs(job.limits.seconds.max(1));
    let mut silent = Duration::ZERO;
    let mut used = Duration::ZERO;
    let died = loop {
        if settings.stop.is_stopping() {
            return Ok(None);
        }
        let frame = reader.frames.recv_timeout(LOOK);
        if matches!(frame, Err(RecvTimeoutError::Timeout)) {
            silent += LOOK;
        } else {
            silent = Duration::ZERO;
            used = reader.processor_time();
        }
        match frame {
            Ok(Frame::Alive) => {}
            Ok(Frame::Chunk(message)) => {
                let message = Bytes::from(message);
                let Ok(Message::Chunk(chunk)) = wire::decode(&message, Check::Full) else {
                    return Err(MapError::Unable("a reader sent what is no chunk".into()));
                };
                taken.note(&chunk);
                if !mapping.map(&chunk)? {
                    return Ok(None);
                }
            }
            Ok(Frame::End(ReadEnd::Whole(account))) => return Ok(Some(account)),
            Ok(Frame::End(ReadEnd::Halted { hopeless, reason })) => {
                return Err(error_of(hopeless, reason));
            }
            Err(RecvTimeoutError::Timeout) if silent > patience => {
                if reader.processor_time().saturating_sub(used) > patience / 2 {
                    break "it came to no end".to_owned();
                }
                // It waits for its storage, which says nothing about the split.
                if silent > patience * PATIENCE {
                    let seconds = silent.as_secs();
                    let reason = format!("nothing could be read of a split for {seconds} s");
                    return Err(MapError::Unable(reason));
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break reader.death()?,
        }
    };
    let reason = format!("reading it ended a process: {died}; the rest was not read");
    warn!(job = %job.label(), split = task.split, chunks = taken.chunks, "{reason}");
    let rest = taken.rest(task, &reason);
    if !mapping.map(&rest)? {
        return Ok(None);
    }
    taken.note(&rest);
    Ok(Some(taken.account(task.split)))
}

/// The process that reads.
struct Reader {
    child: Child,
    frames: Receiver<Frame>,
}

impl Reader {
    fn start(request: &ReadRequest, attached: &[u8]) -> Result<Self, MapError> {
        let (child, mut input, output) = start(READER).map_err(MapError::Unable)?;
        let (sender, frames) = sync_channel(1);
        let reader = Self { child, frames };
        let line = serde_json::to_vec(request);
        let mut line =
            line.map_err(|error| MapError::Unable(format!("cannot ask a child: {error}")))?;
        line.push(b'\n');
        // A process that is dead reads no more; its end is seen below.
        let _ = (input.write_all(&line)).and_then(|()| input.write_all(attached));
        drop(input);
        std::thread::spawn(move || pass_on(output, |frame| sender.send(frame).is_ok()));
        Ok(reader)
    }

    fn processor_time(&self) -> Duration {
        processor_time(&self.child).unwrap_or_default()
    }

    /// How the process died, whose output has ended.
    fn death(&mut self) -> Result<String, MapError> {
        match self.child.wait() {
            Ok(status) => Ok(death(status).unwrap_or_else(|| "it stopped half-way".into())),
            Err(error) => Err(MapError::Unable(format!(
                "cannot wait for a child: {error}"
            ))),
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Passes frames on until there are no more, or nobody takes them.
fn pass_on(output: ChildStdout, mut pass: impl FnMut(Frame) -> bool) {
    let mut output = BufReader::new(output);
    // What is no frame is the end too.
    while let Ok(Some(frame)) = Frame::read(&mut output) {
        if !pass(frame) {
            return;
        }
    }
}

/// What was read of a split.
#[derive(Default)]
struct Taken {
    chunks: u32,
    records: BTreeMap<u32, u64>,
    /// The source that was read last.
    source: Option<u32>,
}

impl Taken {
    fn note(&mut self, chunk: &Chunk) {
        self.chunks += 1;
        for piece in &chunk.head.pieces {
            *self.records.entry(piece.source).or_default() += u64::from(piece.records);
            self.source = self.source.max(Some(piece.source));
        }
        for fault in &chunk.head.faults {
            *self.records.entry(fault.source).or_default() += fault.records();
            self.source = self.source.max(Some(fault.source));
        }
    }

    /// A chunk that says of each source that is left that it was not read.
    fn rest(&self, task: &SplitTask, reason: &str) -> Chunk {
        let first = self.source.unwrap_or(task.first_source);
        let sources = (task.first_source..).zip(&task.sources);
        let faults = sources.filter(|(number, _)| *number >= first);
        let faults = faults.map(|(source, named)| Quarantined {
            source,
            document: named.name.to_vec(),
            offset: 0,
            reason: reason.to_owned(),
            sample: Vec::new(),
            stretch: None,
            stderr: Vec::new(),
        });
        let head = ChunkHead {
            id: ChunkId {
                split: task.split,
                index: self.chunks,
            },
            pieces: Vec::new(),
            faults: faults.collect(),
        };
        // It is no larger than the task that names the same sources.
        let hash = wire::hash_of_chunk(&head, &[]).unwrap_or_default();
        Chunk {
            head,
            body: Bytes::new(),
            hash,
        }
    }

    fn account(self, split: u32) -> SplitAccount {
        SplitAccount {
            split,
            chunks: self.chunks,
            records: self.records.into_iter().collect(),
            passed_over: 0,
        }
    }
}
