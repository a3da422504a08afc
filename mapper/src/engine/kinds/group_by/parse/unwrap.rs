//! What a container's or a system's log puts around a line: taken off before the line is parsed.

use gristmill_common::condition::Value;

use super::Reason;
use crate::engine::kinds::access_log::Prefix;
use crate::engine::kinds::group_by::field::{FieldId, Found, Names};
use crate::engine::kinds::group_by::json::Json;
use crate::engine::prepared::SpecError;

const NO_TEXT: Reason = "its wrapper holds no text";

/// Takes one kind of wrapper off.
pub(in crate::engine::kinds::group_by) enum Unwrap {
    /// A JSON object with the line in a field: Docker's json-file driver, journalctl -o json.
    Json {
        reader: Box<Json>,
        found: Found,
        field: FieldId,
    },
    /// What stands before the line.
    Prefix(Prefix),
}

impl Unwrap {
    /// The wrapper of this name.
    pub(in crate::engine::kinds::group_by) fn new(name: &str) -> Result<Self, SpecError> {
        let field = match name {
            "docker" => "log",
            "journald" => "MESSAGE",
            "cri" | "syslog" => return Prefix::new(name).map(Unwrap::Prefix),
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
        })
    }

    /// The line inside; blank lines stay blank.
    pub(in crate::engine::kinds::group_by) fn line<'a>(
        &'a mut self,
        text: &'a [u8],
    ) -> Result<&'a [u8], Reason> {
        match self {
            Unwrap::Prefix(prefix) => Ok(prefix.strip(text)),
            Unwrap::Json {
                reader,
                found,
                field,
            } => {
                if !reader.record::<false>(text, found)? {
                    return Ok(b"");
                }
                match found.value(*field, text) {
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
