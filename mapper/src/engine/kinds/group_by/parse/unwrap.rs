//! What a container's or a system's log puts around a line: taken off before the line is parsed.

use gristmill_common::condition::Value;
use gristmill_common::container::{CriLine, DockerLine};
use gristmill_common::record::content;
use memchr::memchr;

use super::Reason;
use crate::engine::kinds::access_log::Prefix;
use crate::engine::kinds::group_by::field::{FieldId, Found, Names};
use crate::engine::kinds::group_by::json::Json;
use crate::engine::prepared::SpecError;

const NO_TEXT: Reason = "its wrapper holds no text";
const CUT: Reason = "the container's runtime cut this line, and its rest is not in this document";
const MIXED: Reason =
    "the container's runtime cut this line, and lines of the other stream stand between its parts";
const NO_BYTES: Reason = "its wrapper holds a list that is no list of bytes";

/// Takes one kind of wrapper off.
pub(in crate::engine::kinds::group_by) enum Unwrap {
    /// journalctl -o json.
    Json(JsonWrapper),
    /// Docker's json-file driver, where a line may come in parts; a line that is put together.
    Docker(JsonWrapper, Vec<u8>),
    /// What stands before the line.
    Prefix(Prefix),
    /// The same in a container's log, where a line may come in parts; a line that is put together.
    Cri(Vec<u8>),
}

impl Unwrap {
    /// The wrapper of this name.
    pub(in crate::engine::kinds::group_by) fn new(name: &str) -> Result<Self, SpecError> {
        match name {
            "docker" => Ok(Unwrap::Docker(JsonWrapper::new("log")?, Vec::new())),
            "journald" => JsonWrapper::new("MESSAGE").map(Unwrap::Json),
            "cri" => Ok(Unwrap::Cri(Vec::new())),
            "syslog" => Prefix::new(name).map(Unwrap::Prefix),
            _ => Err(SpecError(format!(
                "--unwrap {name}: write docker, cri, journald or syslog"
            ))),
        }
    }

    /// The line inside; blank lines stay blank.
    pub(in crate::engine::kinds::group_by) fn line<'a>(
        &'a mut self,
        text: &'a [u8],
    ) -> Result<&'a [u8], Reason> {
        match self {
            Unwrap::Prefix(prefix) => Ok(prefix.strip(text)),
            Unwrap::Cri(room) => join(text, room),
            Unwrap::Json(wrapper) => wrapper.text(text).map(content),
            Unwrap::Docker(wrapper, room) => {
                if text.len() < DockerLine::PART {
                    return wrapper.text(text).map(content);
                }
                join_docker(text, wrapper, room)?;
                Ok(content(room))
            }
        }
    }
}

/// A JSON object with the line in a field.
pub(in crate::engine::kinds::group_by) struct JsonWrapper {
    reader: Box<Json>,
    found: Found,
    field: FieldId,
    /// A line that is a list of bytes there.
    scratch: Vec<u8>,
}

impl JsonWrapper {
    fn new(field: &str) -> Result<Self, SpecError> {
        let mut names = Names::default();
        let field = names.field("--unwrap", field)?;
        Ok(Self {
            reader: Box::new(Json::new(&names)),
            found: Found::new(1),
            field,
            scratch: Vec::new(),
        })
    }

    /// The text in the field, with its terminator. That of a blank line is empty.
    fn text<'a>(&'a mut self, line: &'a [u8]) -> Result<&'a [u8], Reason> {
        if !self.reader.record::<false>(line, &mut self.found)? {
            return Ok(b"");
        }
        let list = self.found.place(self.field).filter(|&(start, end)| {
            // A text stands behind its quote.
            line[start..end].starts_with(b"[") && line[start - 1] != b'"'
        });
        if let Some((start, end)) = list {
            bytes_of(&line[start..end], &mut self.scratch)?;
            return Ok(&self.scratch);
        }
        match self.found.value(self.field, line) {
            Value::Text(text) => Ok(text),
            _ => Err(NO_TEXT),
        }
    }
}

/// Puts a line of Docker's together where Docker cut it. A line that Docker did not write stays as
/// it is.
fn join_docker(record: &[u8], wrapper: &mut JsonWrapper, room: &mut Vec<u8>) -> Result<(), Reason> {
    room.clear();
    let mut stream = None;
    let mut is_cut = false;
    let lines = record.split(|byte| *byte == b'\n');
    for (number, line) in lines.enumerate() {
        match DockerLine::parse(line) {
            Some(line) if *stream.get_or_insert(line.stderr) != line.stderr => return Err(MIXED),
            Some(line) => is_cut = line.partial,
            None if number > 0 => return Err(MIXED),
            None => {}
        }
        room.extend_from_slice(wrapper.text(line)?);
    }
    if is_cut { Err(CUT) } else { Ok(()) }
}

/// The line of a container's log, put together where the runtime cut it. A line without its prefix
/// stays as it is.
fn join<'a>(record: &'a [u8], room: &'a mut Vec<u8>) -> Result<&'a [u8], Reason> {
    if memchr(b'\n', record).is_none() {
        return match CriLine::parse(record) {
            None => Ok(record),
            Some(line) if line.partial => Err(CUT),
            Some(line) => Ok(line.text),
        };
    }
    room.clear();
    let mut stream = None;
    let mut is_cut = true;
    for line in record.split(|byte| *byte == b'\n') {
        let line = CriLine::parse(line).ok_or(MIXED)?;
        if *stream.get_or_insert(line.stderr) != line.stderr {
            return Err(MIXED);
        }
        is_cut = line.partial;
        room.extend_from_slice(line.text);
    }
    if is_cut {
        return Err(CUT);
    }
    Ok(room)
}

/// The bytes of a JSON list of numbers, as journald writes what is no UTF-8 or has control
/// characters.
fn bytes_of(list: &[u8], out: &mut Vec<u8>) -> Result<(), Reason> {
    out.clear();
    let inside = list
        .strip_prefix(b"[")
        .and_then(|list| list.strip_suffix(b"]"));
    let inside = inside.ok_or(NO_BYTES)?.trim_ascii();
    if inside.is_empty() {
        return Ok(());
    }
    for number in inside.split(|byte| *byte == b',') {
        let number = std::str::from_utf8(number.trim_ascii()).map_err(|_| NO_BYTES)?;
        out.push(number.parse().map_err(|_| NO_BYTES)?);
    }
    Ok(())
}
