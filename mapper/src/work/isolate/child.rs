//! The child's side: one chunk, within limits. It may die of it; that is what it is for.

use std::io::{BufRead, BufReader, Read, Write};
use std::sync::Arc;

use bytes::Bytes;
use gristmill_common::crash;
use gristmill_common::wire::{self, Check, MAX_MESSAGE, Message};
use gristmill_jobs::file::MAX_FILE;
use rustix::process::{Resource, Rlimit, setrlimit};

use super::request::{Answer, Request};
use crate::engine::job_file::JobFile;
use crate::engine::mapper::Mapper;
use crate::engine::prepared::Prepared;

/// The longest request: a spec, and the poison records that are known.
const MOST_REQUEST: u64 = 64 << 20;

/// Maps the chunk that stdin brings and writes the outcomes to stdout.
///
/// # Errors
/// When the request makes no sense, or a limit cannot be set.
pub fn child(
    input: impl Read,
    mut output: impl Write,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let mut input = BufReader::new(input);
    let mut line = Vec::new();
    let mut request = input.by_ref().take(MOST_REQUEST);
    request.read_until(b'\n', &mut line)?;
    let request: Request = serde_json::from_slice(&line)?;
    // At the first limit comes SIGXCPU, which tells the end of patience from other deaths.
    let seconds = request.seconds.max(1);
    limit(Resource::Cpu, seconds, seconds + 5)?;
    limit(Resource::As, request.memory, request.memory)?;
    // A core dump of every child would fill the disk.
    limit(Resource::Core, 0, 0)?;
    let mut files = Vec::new();
    for &length in &request.files {
        let mut file = Vec::new();
        let most = length.min(MAX_FILE);
        input.by_ref().take(most).read_to_end(&mut file)?;
        files.push(file);
    }
    let mut message = Vec::new();
    input
        .take(MAX_MESSAGE as u64 + 1)
        .read_to_end(&mut message)?;
    let Message::Chunk(chunk) = wire::decode(&Bytes::from(message), Check::Full)? else {
        return Err("not a chunk".into());
    };
    crash::point("isolated");
    let loaded = |file: Vec<u8>| JobFile::of_job(&request.spec, file.into());
    let files = files.into_iter().map(loaded).collect::<Result<_, _>>()?;
    let prepared = Arc::new(Prepared::with_files(&request.spec, files)?);
    let mut mapper = Mapper::new(prepared, &request.spec, request.splits);
    let mapped = match request.probe {
        Some(range) => {
            mapper.probe(&chunk, range, &request.poison);
            Default::default()
        }
        None => mapper.map_around(&chunk, &request.poison)?,
    };
    output.write_all(&Answer::of(mapped).encode())?;
    Ok(output.flush()?)
}

/// Limits what this process may use.
pub(crate) fn limit(resource: Resource, soft: u64, hard: u64) -> std::io::Result<()> {
    let limit = Rlimit {
        current: Some(soft),
        maximum: Some(hard),
    };
    Ok(setrlimit(resource, limit)?)
}
