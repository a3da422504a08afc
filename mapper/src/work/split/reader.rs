//! Reading a split where it can do no harm: in a process of its own, which cuts it and sends the
//! chunks to the mapper that started it. It may die of it; that is what it is for.

use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use gristmill_common::chunk::ChunkHead;
use gristmill_common::crash;
use gristmill_common::progress::Progress;
use gristmill_common::shutdown::Shutdown;
use gristmill_common::spec::JobSpec;
use gristmill_common::split_task::{SourceState, SplitTask};
use gristmill_common::wire::{self, BodyForm};
use gristmill_input::{ChunkSink, Halt, Located, ObjectSource, Objects, Plan, Reading, read_split};
use rustix::process::Resource;
use serde::{Deserialize, Serialize};

use super::frames::{Frame, ReadEnd};
use super::sources::attached_parts;
use super::{account_of, is_hopeless};
use crate::work::isolate::limit;

/// The longest request: a spec, and the names of a split's sources.
const MOST_REQUEST: u64 = 256 << 20;
/// How often it is said that reading goes on.
const BEAT: Duration = Duration::from_millis(500);

/// What is to be read: a line of JSON, and behind it the bytes of the sources that came with the
/// split.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ReadRequest {
    pub(super) spec: JobSpec,
    pub(super) task: SplitTask,
    /// Where the sources are.
    pub(super) paths: Vec<Vec<u8>>,
    /// The folder for nested archives that need seeking.
    pub(super) tmp: PathBuf,
    /// Bytes of address space.
    pub(super) memory: u64,
}

/// Reads the split that stdin names and writes its chunks to stdout; `objects` is where URLs lead.
///
/// # Errors
/// When the request makes no sense, a limit cannot be set, or nobody takes the chunks.
pub fn read_apart(
    input: impl Read,
    output: impl Write + Send,
    objects: &dyn Objects,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let mut line = Vec::new();
    let mut request = BufReader::new(input).take(MOST_REQUEST);
    request.read_until(b'\n', &mut line)?;
    let mut attached = Vec::new();
    request.read_to_end(&mut attached)?;
    let attached = Bytes::from(attached);
    let request: ReadRequest = serde_json::from_slice(&line)?;
    limit(Resource::As, request.memory, request.memory)?;
    // A core dump of every such process would fill the disk.
    limit(Resource::Core, 0, 0)?;
    let mut located = Vec::new();
    let mut parts = attached_parts(&request.task, &attached);
    for (source, path) in request.task.sources.iter().zip(request.paths) {
        located.push(match &source.state {
            SourceState::Object(version) => {
                let url = std::str::from_utf8(&source.name)?;
                let object = objects.at(url, version.size, &version.version)?;
                Located::Object(ObjectSource(object))
            }
            SourceState::Attached(_) => parts.next().ok_or("a source that did not come")?,
            SourceState::File(_) | SourceState::Unreadable(_) => {
                Located::File(PathBuf::from(OsString::from_vec(path)))
            }
        });
    }
    let plan = Plan::of_task(&request.task, &located);
    let (progress, shutdown) = (Progress::default(), Shutdown::new());
    let reading = Reading::new(&plan, &request.spec, request.tmp, &progress, &shutdown)?;
    let output = Mutex::new(output);
    let done = AtomicBool::new(false);
    let end = std::thread::scope(|scope| {
        scope.spawn(|| beat(&progress, &done, &output));
        let read = read_split(&reading, request.task.split, &mut Sender(&output));
        done.store(true, Ordering::Release);
        match read {
            Ok(account) => ReadEnd::Whole(account_of(request.task.split, account)),
            Err(halt) => ReadEnd::Halted {
                hopeless: is_hopeless(&halt),
                reason: halt.to_string(),
            },
        }
    });
    say(&output, &Frame::End(end))?;
    Ok(())
}

/// Says now and then that reading goes on, while it does.
fn beat(progress: &Progress, done: &AtomicBool, output: &Mutex<impl Write>) {
    let mut before = 0;
    while !done.load(Ordering::Acquire) {
        std::thread::sleep(BEAT);
        let read = Progress::get(&progress.bytes_read);
        if read != before && say(output, &Frame::Alive).is_err() {
            return;
        }
        before = read;
    }
}

fn say(output: &Mutex<impl Write>, frame: &Frame) -> io::Result<()> {
    let mut output = output.lock().map_err(|_| io::Error::other("a panic"))?;
    frame.write(&mut *output)
}

/// Sends chunks as they are cut.
struct Sender<'a, W>(&'a Mutex<W>);

impl<W: Write> ChunkSink for Sender<'_, W> {
    fn take(&mut self, head: ChunkHead, body: Vec<u8>) -> Result<(), Halt> {
        crash::point("chunk-cut");
        let (message, _) = wire::encode_chunk(&head, body, BodyForm::Raw)
            .map_err(|error| Halt::Sink(Box::new(error)))?;
        // Whoever reads may have gone.
        say(self.0, &Frame::Chunk(message)).map_err(|_| Halt::Stopped)
    }
}
