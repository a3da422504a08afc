//! Web servers' logs, with the fields and formats of `access-log`.

use gristmill_common::record::{Splitter, content};

use super::columns::is_dash;
use super::{Each, Parser, Reason};
use crate::engine::kinds::access_log::{LogField, LogReader, Tells};
use crate::engine::kinds::group_by::field::{FieldId, Found, Names};
use crate::engine::kinds::group_by::time::Unit;
use crate::engine::prepared::SpecError;

/// All fields that server logs may have.
const NAMES: [&str; 12] = [
    "host", "user", "time", "method", "path", "query", "protocol", "status", "bytes", "referer",
    "agent", "vhost",
];

/// Reads lines of web servers.
pub(super) struct ServerLog {
    reader: LogReader,
    fields: Vec<LogField>,
    ids: Vec<FieldId>,
}

impl ServerLog {
    /// The log of this name, if there is one.
    pub(super) fn named(name: &str, names: &Names) -> Result<Option<Self>, SpecError> {
        let Some(reader) = reader(name)? else {
            return Ok(None);
        };
        let (mut fields, mut ids) = (Vec::new(), Vec::new());
        for (id, typed) in names.flat() {
            let field = LogField::from_name(&typed).filter(|&field| reader.has(field));
            fields.push(field.ok_or_else(|| {
                SpecError(format!(
                    "`{typed}` is not a field of {name} (fields of server logs are {}, as far as the \
                     format has them)",
                    NAMES.join(", ")
                ))
            })?);
            ids.push(id);
        }
        let tells = reader.tells();
        let finer = (names.units.iter()).find(|(_, unit)| match unit {
            Unit::Minute => tells < Tells::Minute,
            Unit::Hour => tells < Tells::Hour,
            Unit::Day | Unit::Month => false,
        });
        if let Some((_, unit)) = finer.filter(|(id, _)| fields[usize::from(id.0)] == LogField::Time)
        {
            return Err(SpecError(format!(
                "time:{}: the times of {name} do not say it; ask for {}, or add the directive to the \
                 format",
                unit.name(),
                if tells < Tells::Hour {
                    "time:day"
                } else {
                    "time:hour"
                },
            )));
        }
        Ok(Some(Self {
            reader,
            fields,
            ids,
        }))
    }

    /// The fields of the log of this name.
    pub(super) fn field_names(name: &str) -> Option<Vec<String>> {
        let reader = reader(name).ok()??;
        let has = |name: &&&str| LogField::from_name(name).is_some_and(|field| reader.has(field));
        Some(
            NAMES
                .iter()
                .filter(has)
                .map(|name| (*name).to_owned())
                .collect(),
        )
    }

    /// Another of the same, for another thread.
    pub(super) fn fresh(&self) -> Self {
        Self {
            reader: self.reader.fresh(),
            fields: self.fields.clone(),
            ids: self.ids.clone(),
        }
    }
}

impl Parser for ServerLog {
    fn record(&mut self, text: &[u8], found: &mut Found) -> Result<bool, Reason> {
        if text.is_empty() {
            return Ok(false);
        }
        let ids = &self.ids;
        self.reader.read(text, &self.fields, |number, value| {
            put(found, ids[number], value);
        })?;
        Ok(true)
    }

    fn records(
        &mut self,
        text: &[u8],
        splitter: &Splitter,
        found: &mut Found,
        each: &mut Each<'_>,
    ) -> Option<u64> {
        if !matches!(splitter, Splitter::Lines) {
            return None;
        }
        let (wanted, ids) = (&self.fields[..], &self.ids[..]);
        self.reader
            .read_lines(text, |at, line, fields| match fields {
                Ok(fields) => {
                    found.clear();
                    fields.values(wanted, |number, value| put(found, ids[number], value));
                    each(at, line, Ok((found, line)));
                }
                Err(_) if content(line).is_empty() => {}
                Err(reason) => each(at, line, Err(reason)),
            })
    }
}

/// Puts a value into `found`, unless the server had none.
#[inline]
fn put(found: &mut Found, id: FieldId, value: &[u8]) {
    if !is_dash(value) {
        found.put(id, value);
    }
}

/// The reader of a log of this name, if there is one.
fn reader(name: &str) -> Result<Option<LogReader>, SpecError> {
    let format = match name {
        "access-log" => None,
        "common" | "combined" | "vhost-combined" => Some(name),
        _ => match name.strip_prefix("apache:") {
            Some(format) => Some(format),
            None => return Ok(None),
        },
    };
    LogReader::new(format).map(Some)
}
