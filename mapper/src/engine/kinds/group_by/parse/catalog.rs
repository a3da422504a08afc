//! Which fields the records of a text have.

use std::collections::HashSet;
use std::ops::Range;

use gristmill_common::spec::{GroupBy, Parse};

use super::logfmt::pairs;
use super::ltsv::labelled;
use super::server_log::ServerLog;
use super::{Reason, layouts, pattern, separated, w3c};

/// The most fields that are told.
const MOST: usize = 1000;
/// The most places of a list that are told: all of a long one would hide every other field.
const PLACES: usize = 10;

/// Names of fields as they are typed, in order of their first record.
#[derive(Debug, Default)]
pub(in crate::engine::kinds::group_by) struct Catalog {
    names: Vec<String>,
    known: HashSet<String>,
    /// Some fields or places are left out.
    cut: bool,
}

impl Catalog {
    /// The fields that all records of a format have, whatever they hold.
    pub(in crate::engine::kinds::group_by) fn of_format(options: &GroupBy) -> Self {
        let parse = &options.parse.0[..];
        let mut catalog = Self::default();
        let names = if options.parse.delimiter().is_some() {
            options.fields.clone()
        } else {
            let spaced = layouts::SPACED.iter().find(|layout| layout.name == parse);
            let spaced = spaced.map(layouts::Layout::field_names);
            spaced
                .or_else(|| pattern::field_names(parse))
                .or_else(|| ServerLog::field_names(parse))
                .unwrap_or_default()
        };
        for name in names {
            catalog.add(flat(&name));
        }
        catalog
    }

    /// All of them.
    pub(in crate::engine::kinds::group_by) fn into_names(self) -> Vec<String> {
        self.names
    }

    /// Whether some are left out, because there are very many or in long lists.
    pub(in crate::engine::kinds::group_by) fn is_cut(&self) -> bool {
        self.cut
    }

    /// Adds the columns that a header names.
    pub(in crate::engine::kinds::group_by) fn add_header(&mut self, parse: &Parse, header: &[u8]) {
        let names = match parse.delimiter() {
            Some(delimiter) => separated::names_of(header, delimiter),
            None => Ok(w3c::names_of(header)),
        };
        for name in names.unwrap_or_default() {
            self.add(flat(&name));
        }
        let has = |name: &str| self.known.contains(name);
        if parse.0 == "w3c" && has("date") && has("time") {
            self.add("datetime".into());
        }
    }

    /// Adds the fields of a record whose fields have names of its own.
    pub(in crate::engine::kinds::group_by) fn add_record(&mut self, parse: &str, text: &[u8]) {
        match parse {
            "json" | "caddy" => {
                if let Ok(value) = serde_json::from_slice(text) {
                    self.add_json("", &value);
                }
            }
            "logfmt" => self.add_keys(text, |give| pairs(text, |key, _| give(key)).map(drop)),
            "ltsv" => self.add_keys(text, |give| labelled(text, |label, _| give(label))),
            _ => {}
        }
    }

    /// Adds the names that `read` finds in a record, unless that is none.
    fn add_keys(
        &mut self,
        text: &[u8],
        read: impl FnOnce(&mut dyn FnMut(Range<usize>)) -> Result<(), Reason>,
    ) {
        let mut found = Vec::new();
        let mut give = |key| found.push(String::from_utf8_lossy(&text[key]).into_owned());
        if read(&mut give).is_ok() {
            found.into_iter().for_each(|name| self.add(flat(&name)));
        }
    }

    /// Adds what is in an object or a list, by its path.
    fn add_json(&mut self, path: &str, value: &serde_json::Value) {
        let inside = |step: &str| match path {
            "" => step.to_owned(),
            path => format!("{path}.{step}"),
        };
        match value {
            serde_json::Value::Object(fields) => {
                for (name, value) in fields {
                    self.add_json(&inside(&escaped(name)), value);
                }
            }
            serde_json::Value::Array(list) => {
                self.cut |= list.len() > PLACES;
                for (at, value) in list.iter().take(PLACES).enumerate() {
                    self.add_json(&inside(&at.to_string()), value);
                }
            }
            _ => {}
        }
        let empty = match value {
            serde_json::Value::Object(fields) => fields.is_empty(),
            serde_json::Value::Array(list) => list.is_empty(),
            _ => true,
        };
        if empty && !path.is_empty() {
            self.add(path.to_owned());
        }
    }

    fn add(&mut self, name: String) {
        if self.known.contains(&name) {
            return;
        }
        if self.names.len() == MOST {
            self.cut = true;
            return;
        }
        self.known.insert(name.clone());
        self.names.push(name);
    }
}

/// A name that has no steps, as it is typed in a list: dots in it need no backslash unless a step
/// would be empty.
fn flat(name: &str) -> String {
    match name.split('.').any(str::is_empty) || name.contains('\\') {
        true => escaped(name),
        false => name.replace(',', "\\,"),
    }
}

fn escaped(name: &str) -> String {
    (name.replace('\\', "\\\\").replace('.', "\\.")).replace(',', "\\,")
}
