//! What a container's or a system's log puts around a line: taken off before the line is parsed.

use gristmill_common::condition::Value;
use gristmill_common::cri::CriLine;
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
    /// A JSON object with the line in a field: Docker's json-file driver, journalctl -o json.
    Json {
        reader: Box<Json>,
        found: Found,
        field: FieldId,
        /// A line that is a list of bytes there.
        room: Vec<u8>,
    },
    /// What stands before the line.
    Prefix(Prefix),
    /// The same in a container's log, where a line may come in parts; a line that is put together.
    Cri(Vec<u8>),
}

impl Unwrap {
    /// The wrapper of this name.
    pub(in crate::engine::kinds::group_by) fn new(name: &str) -> Result<Self, SpecError> {
        let field = match name {
            "docker" => "log",
            "journald" => "MESSAGE",
            "cri" => return Ok(Unwrap::Cri(Vec::new())),
            "syslog" => return Prefix::new(name).map(Unwrap::Prefix),
            _ => {
                return Err(SpecError(format!(
                    "--unwrap {name}: write docker, cri, journald or syslog"
                )));
            }
        };
        let mut names = Names::default();
        let field = names.field("--unwrap", field)?;
        Ok(Unwrap::Json {
            reader: Box::new(Json::new(&names)),
            found: Found::new(1),
            field,
            room: Vec::new(),
        })
    }

    /// The line inside; blank lines stay blank.
    pub(in crate::engine::kinds::group_by) fn line<'a>(
        &'a mut self,
        text: &'a [u8],
    ) -> Result<&'a [u8], Reason> {
        match self {
            Unwrap::Prefix(prefix) => Ok(prefix.strip(text)),
            Unwrap::Cri(room) => join(text, room),
            Unwrap::Json {
                reader,
                found,
                field,
                room,
            } => {
                if !reader.record::<false>(text, found)? {
                    return Ok(b"");
                }
                let list = found.place(*field).filter(|&(start, end)| {
                    // A text stands behind its quote.
                    text[start..end].starts_with(b"[") && text[start - 1] != b'"'
                });
                let value = match list {
                    Some((start, end)) => {
                        bytes_of(&text[start..end], room)?;
                        Value::Text(room)
                    }
                    None => found.value(*field, text),
                };
                match value {
                    Value::Text(line) => {
                        let line = line.strip_suffix(b"\n").unwrap_or(line);
                        Ok(line.strip_suffix(b"\r").unwrap_or(line))
                    }
                    _ => Err(NO_TEXT),
                }
            }
        }
    }
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
