//! Finished rows as lines of text. It must not know how rows were merged or where lines go.

mod csv;
pub(crate) mod json;
mod markdown;
mod tsv;

use gristmill_common::decimal;
use gristmill_common::key;
use gristmill_common::spec::{ABSENT, Figure, Format, KeyedBy, NULL, TEXT, TableShape};

use self::markdown::Markdown;
use crate::engine::reduce_error::ReduceError;

/// Prints the rows of one table in one format.
#[derive(Debug)]
pub(crate) struct Renderer {
    format: Format,
    keyed_by: KeyedBy,
    /// Whether keys of one field are encoded like keys of several.
    encoded: bool,
    /// Whether the fields of a key begin with a mark, and columns are figures.
    reported: bool,
    header: bool,
    columns: Vec<Column>,
    /// Names of the columns after those, whose values are the last fields of keys.
    texts: Vec<String>,
    /// Set where rows are lined up.
    markdown: Option<Box<Markdown>>,
    line: Vec<u8>,
}

/// A printed column.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    name: String,
    /// Its values are decimals, not counts.
    decimal: bool,
}

/// A field of a key as it is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cell<'a> {
    /// The records do not have it.
    Absent,
    /// It has no value.
    Null,
    Text(&'a [u8]),
}

impl<'a> Cell<'a> {
    /// The cell of a field that begins with a mark.
    fn marked(field: &'a [u8]) -> Option<Self> {
        match field {
            [ABSENT] => Some(Cell::Absent),
            [NULL] => Some(Cell::Null),
            [TEXT, text @ ..] => Some(Cell::Text(text)),
            _ => None,
        }
    }
}

/// Bytes before a document's name in its key: split and ordinal.
const PLACE: usize = 8;

impl Renderer {
    /// Prints a table of this shape.
    pub(crate) fn new(shape: &TableShape, format: Format) -> Self {
        let column = |name: &String, decimal| Column {
            name: name.clone(),
            decimal,
        };
        let mut columns: Vec<Column> = match &shape.finish {
            Some(finish) => (finish.figures.iter())
                .map(|(name, figure)| column(name, figure.is_decimal()))
                .collect(),
            None => (shape.columns.iter().map(|(name, _)| name))
                .chain(&shape.distinct)
                .map(|name| column(name, false))
                .collect(),
        };
        columns.retain(|column| !column.name.is_empty());
        let keys: Vec<String> = match &shape.keyed_by {
            KeyedBy::Document => vec!["name".to_owned()],
            KeyedBy::Fields(names) => names.clone(),
        };
        let texts: Vec<String> = (shape.finish.iter())
            .flat_map(|finish| finish.texts.iter().map(|(name, _)| name.clone()))
            .collect();
        let markdown = (format == Format::Table).then(|| {
            let names = keys.iter().chain(columns.iter().map(|column| &column.name));
            let names = names
                .chain(&texts)
                .map(|name| markdown::cell(name.as_bytes()));
            let mut numbers = vec![false; keys.len()];
            numbers.extend(columns.iter().map(|_| true));
            numbers.extend(texts.iter().map(|_| false));
            Box::new(Markdown::new(names.collect(), numbers))
        });
        Self {
            format,
            keyed_by: shape.keyed_by.clone(),
            encoded: shape.encoded(),
            reported: shape.finish.is_some(),
            header: shape.finish.as_ref().is_some_and(|finish| finish.header),
            columns,
            texts,
            markdown,
            line: Vec::new(),
        }
    }

    /// What is left to print after all rows.
    pub(crate) fn rest(&mut self) -> &[u8] {
        self.line.clear();
        if let Some(markdown) = &mut self.markdown {
            markdown.rest(&mut self.line);
        }
        &self.line
    }

    /// The line before all rows; empty if there is none.
    pub(crate) fn header(&self) -> Vec<u8> {
        let (KeyedBy::Fields(names), true) = (&self.keyed_by, self.header) else {
            return Vec::new();
        };
        let names = names
            .iter()
            .chain(self.columns.iter().map(|column| &column.name))
            .chain(&self.texts);
        let mut line = Vec::new();
        for name in names {
            match self.format {
                Format::Tsv => tsv::push_escaped(&mut line, name.as_bytes()),
                Format::Csv => csv::push_text(&mut line, name.as_bytes()),
                _ => return Vec::new(),
            }
            line.push(if self.format == Format::Tsv {
                b'\t'
            } else {
                b','
            });
        }
        line.pop();
        line.push(b'\n');
        line
    }

    /// The row as a line, its end included; what there is to print of a table that is lined up. The
    /// values are the columns, distinct last.
    pub(crate) fn line(&mut self, key: &[u8], values: &[u128]) -> Result<&[u8], ReduceError> {
        let fields;
        let wrong = || ReduceError::Malformed("a key of the wrong shape".into());
        let cells: Vec<Cell<'_>> = match &self.keyed_by {
            KeyedBy::Document => vec![Cell::Text(key.get(PLACE..).unwrap_or_default())],
            KeyedBy::Fields(names) if names.len() == 1 && !self.encoded => vec![Cell::Text(key)],
            KeyedBy::Fields(names) => {
                fields = key::fields(key)
                    .filter(|fields| fields.len() == names.len() + self.texts.len())
                    .ok_or_else(wrong)?;
                (fields.iter())
                    .map(|field| match self.reported {
                        true => Cell::marked(field).ok_or_else(wrong),
                        false => Ok(Cell::Text(field)),
                    })
                    .collect::<Result<_, _>>()?
            }
        };
        let values = &values[..values.len().min(self.columns.len())];
        let (cells, texts) = cells.split_at(cells.len() - self.texts.len());
        self.line.clear();
        if let Some(markdown) = &mut self.markdown {
            let mut row: Vec<String> = cells.iter().copied().map(shown).collect();
            for (column, &value) in self.columns.iter().zip(values) {
                let mut number = Vec::new();
                push_value(&mut number, column, value, NULL_TEXT);
                row.push(String::from_utf8_lossy(&number).into_owned());
            }
            row.extend(texts.iter().copied().map(shown));
            markdown.row(row, &mut self.line);
            return Ok(&self.line);
        }
        match self.format {
            Format::Jsonl => {
                let names: &[String] = match &self.keyed_by {
                    KeyedBy::Document => &["name".to_owned()],
                    KeyedBy::Fields(names) => names,
                };
                let texts = self.texts.iter().zip(texts);
                json::push_row(&mut self.line, names, cells, (&self.columns, values), texts);
            }
            Format::Tsv => {
                let reported = self.reported;
                let push = |line: &mut Vec<u8>, cell: Cell<'_>| push_tsv(line, cell, reported);
                self.push_separated(b'\t', (cells, values, texts), push);
            }
            Format::Csv => self.push_separated(b',', (cells, values, texts), push_csv),
            Format::Text | Format::Conllu | Format::Frames | Format::Tar | Format::Table => {
                self.push_separated(b':', (cells, values, &[]), |line, cell| {
                    if let Cell::Text(text) = cell {
                        line.extend_from_slice(text);
                    }
                });
            }
        }
        if values.is_empty() && self.format != Format::Jsonl {
            // What would stand between the key and a value.
            self.line.pop();
        }
        self.line.push(b'\n');
        Ok(&self.line)
    }

    /// The cells before the values, the values, and the cells behind them.
    fn push_separated(
        &mut self,
        separator: u8,
        (cells, values, texts): (&[Cell<'_>], &[u128], &[Cell<'_>]),
        push: impl Fn(&mut Vec<u8>, Cell<'_>),
    ) {
        for cell in cells {
            push(&mut self.line, *cell);
            self.line.push(separator);
        }
        push_values(&mut self.line, &self.columns, values, separator);
        for cell in texts {
            self.line.push(separator);
            push(&mut self.line, *cell);
        }
    }
}

fn push_tsv(line: &mut Vec<u8>, cell: Cell<'_>, reported: bool) {
    match cell {
        Cell::Absent => line.push(b'-'),
        Cell::Null => line.extend_from_slice(NULL_TEXT),
        Cell::Text(b"-") if reported => line.extend_from_slice(b"\\-"),
        Cell::Text(text) => tsv::push_escaped(line, text),
    }
}

fn push_csv(line: &mut Vec<u8>, cell: Cell<'_>) {
    match cell {
        Cell::Absent => {}
        Cell::Null => line.extend_from_slice(NULL_TEXT),
        Cell::Text(text) => csv::push_text(line, text),
    }
}

/// A cell for people.
fn shown(cell: Cell<'_>) -> String {
    match cell {
        Cell::Absent => "-".into(),
        Cell::Null => "\\N".into(),
        Cell::Text(b"-") => "\\-".into(),
        Cell::Text(text) => markdown::cell(text),
    }
}

/// What stands for no value in TSV and CSV.
const NULL_TEXT: &[u8] = b"\\N";

fn push_values(line: &mut Vec<u8>, columns: &[Column], values: &[u128], between: u8) {
    for (at, (column, &value)) in columns.iter().zip(values).enumerate() {
        if at > 0 {
            line.push(between);
        }
        push_value(line, column, value, NULL_TEXT);
    }
}

/// Appends a column's value; `null` stands for none.
fn push_value(line: &mut Vec<u8>, column: &Column, value: u128, null: &[u8]) {
    if !column.decimal {
        return push_number(line, value);
    }
    match Figure::scaled(value) {
        Some(scaled) => decimal::push(line, scaled),
        None => line.extend_from_slice(null),
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
