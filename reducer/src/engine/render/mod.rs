//! Finished rows as lines of text. It must not know how rows were merged or where lines go.

pub(crate) mod json;
mod tsv;

use gristmill_common::key;
use gristmill_common::spec::{Format, KeyedBy, TableShape};

use crate::engine::reduce_error::ReduceError;

/// Prints the rows of one table in one format.
#[derive(Debug)]
pub(crate) struct Renderer {
    format: Format,
    keyed_by: KeyedBy,
    /// Whether keys of one field are encoded like keys of several.
    encoded: bool,
    columns: Vec<String>,
    line: Vec<u8>,
}

/// Bytes before a document's name in its key: split and ordinal.
const PLACE: usize = 8;

impl Renderer {
    /// Prints a table of this shape.
    pub(crate) fn new(shape: &TableShape, format: Format) -> Self {
        let mut columns: Vec<String> = shape.columns.iter().map(|(name, _)| name.clone()).collect();
        columns.extend(shape.distinct.clone());
        columns.retain(|name| !name.is_empty());
        Self {
            format,
            keyed_by: shape.keyed_by.clone(),
            encoded: shape.distinct.is_some(),
            columns,
            line: Vec::new(),
        }
    }

    /// The row as a line, its end included. The values are the columns, distinct last.
    pub(crate) fn line(&mut self, key: &[u8], values: &[u128]) -> Result<&[u8], ReduceError> {
        let fields;
        let parts: Vec<&[u8]> = match &self.keyed_by {
            KeyedBy::Document => vec![key.get(PLACE..).unwrap_or_default()],
            KeyedBy::Fields(names) if names.len() == 1 && !self.encoded => vec![key],
            KeyedBy::Fields(names) => {
                fields = key::fields(key)
                    .filter(|fields| fields.len() == names.len())
                    .ok_or_else(|| ReduceError::Malformed("a key of the wrong shape".into()))?;
                fields.iter().map(Vec::as_slice).collect()
            }
        };
        let values = &values[..values.len().min(self.columns.len())];
        self.line.clear();
        match self.format {
            Format::Jsonl => {
                let names: &[String] = match &self.keyed_by {
                    KeyedBy::Document => &["name".to_owned()],
                    KeyedBy::Fields(names) => names,
                };
                json::push_row(&mut self.line, names, &parts, &self.columns, values);
            }
            Format::Tsv => {
                for part in parts {
                    tsv::push_escaped(&mut self.line, part);
                    self.line.push(b'\t');
                }
                push_numbers(&mut self.line, values, b'\t');
            }
            Format::Text | Format::Conllu | Format::Frames | Format::Tar => {
                for part in parts {
                    self.line.extend_from_slice(part);
                    self.line.push(b':');
                }
                push_numbers(&mut self.line, values, b':');
            }
        }
        if values.is_empty() && self.format != Format::Jsonl {
            // What would stand between the key and a value.
            self.line.pop();
        }
        self.line.push(b'\n');
        Ok(&self.line)
    }
}

fn push_numbers(line: &mut Vec<u8>, values: &[u128], between: u8) {
    for (at, &value) in values.iter().enumerate() {
        if at > 0 {
            line.push(between);
        }
        push_number(line, value);
    }
}

/// Appends a plain decimal integer.
pub(crate) fn push_number(line: &mut Vec<u8>, mut value: u128) {
    // 2^128 has 39 digits.
    let mut digits = [0; 39];
    let mut at = digits.len();
    loop {
        at -= 1;
        // 128-bit division is slow; most numbers are small.
        if let Ok(small) = u64::try_from(value) {
            digits[at] = b'0' + (small % 10) as u8;
            value = u128::from(small / 10);
        } else {
            digits[at] = b'0' + (value % 10) as u8;
            value /= 10;
        }
        if value == 0 {
            break;
        }
    }
    line.extend_from_slice(&digits[at..]);
}
