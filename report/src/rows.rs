//! Rows of a table result, as its format writes them.

use gristmill_common::spec::{Format, KeyedBy, TableShape};

use crate::ReportError;
use crate::clip::clip;
use crate::part_files::PartFile;

/// The longest text of a cell on the page, in characters.
const CELL: usize = 300;

/// What the cells of a row are called, and how they are written.
#[derive(Debug)]
pub(crate) struct RowFormat {
    /// Names of the key's fields.
    pub(crate) keys: Vec<String>,
    /// Names of the values.
    pub(crate) values: Vec<String>,
    format: Format,
    /// How many lines of a part file stand before its rows.
    header: usize,
}

/// One row of a table.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    /// The key's fields and the values, as texts.
    pub(crate) cells: Vec<String>,
    /// The first value as a number, by which rows are chosen; 0 where there is none.
    pub(crate) weight: f64,
}

impl RowFormat {
    pub(crate) fn new(shape: &TableShape, format: Format) -> Self {
        let keys = match &shape.keyed_by {
            KeyedBy::Document => vec!["name".to_owned()],
            KeyedBy::Fields(names) => names.clone(),
        };
        let mut values: Vec<String> = match &shape.finish {
            Some(finish) => finish
                .figures
                .iter()
                .map(|(name, _)| name.clone())
                .chain(finish.texts.iter().map(|(name, _)| name.clone()))
                .collect(),
            None => (shape.columns.iter().map(|(name, _)| name.clone()))
                .chain(shape.distinct.clone())
                .collect(),
        };
        values.retain(|name| !name.is_empty());
        let asked = shape.finish.as_ref().is_some_and(|finish| finish.header);
        let header = match format {
            Format::Tsv | Format::Csv => usize::from(asked),
            // And a rule.
            Format::Table => 2,
            _ => 0,
        };
        Self {
            keys,
            values,
            format,
            header,
        }
    }

    /// How many lines of a part file stand before its rows.
    pub(crate) fn header(&self) -> usize {
        self.header
    }

    /// Names of all cells, in order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().chain(&self.values).map(String::as_str)
    }

    /// Reads a line without its end; the error says what is wrong with it.
    pub(crate) fn read(&self, line: &[u8]) -> Result<Row, String> {
        let cells = match self.format {
            Format::Jsonl => self.json_cells(line)?,
            Format::Table => table_cells(line),
            Format::Tsv => line.split(|&byte| byte == b'\t').map(unescape).collect(),
            _ => self.text_cells(line),
        };
        self.row(cells)
    }

    /// The rows of a file of comma-separated values (RFC 4180), whose fields may hold line breaks.
    pub(crate) fn read_csv(
        &self,
        file: PartFile,
        mut each: impl FnMut(Row),
    ) -> Result<(), ReportError> {
        let (path, reader) = file.into_reader();
        let malformed = |line: u64, what: String| ReportError::Malformed {
            path: path.clone(),
            line,
            what,
        };
        let mut records = csv::ReaderBuilder::new()
            .has_headers(self.header > 0)
            .from_reader(reader);
        for record in records.byte_records() {
            let record = record.map_err(|error| malformed(0, error.to_string()))?;
            let line = record.position().map_or(0, csv::Position::line);
            let text = |cell: &[u8]| String::from_utf8_lossy(cell).into_owned();
            let cells = record.iter().map(text).collect();
            each(self.row(cells).map_err(|what| malformed(line, what))?);
        }
        Ok(())
    }

    fn row(&self, cells: Vec<String>) -> Result<Row, String> {
        let wanted = self.keys.len() + self.values.len();
        if cells.len() != wanted {
            return Err(format!("{} cells, not {wanted}", cells.len()));
        }
        let first = cells.get(self.keys.len()).map(|cell| cell.parse::<f64>());
        Ok(Row {
            weight: match first {
                Some(Ok(number)) if number.is_finite() => number,
                _ => 0.0,
            },
            cells: cells.iter().map(|cell| clip(cell, CELL)).collect(),
        })
    }

    fn json_cells(&self, line: &[u8]) -> Result<Vec<String>, String> {
        let object: serde_json::Map<String, serde_json::Value> =
            serde_json::from_slice(line).map_err(|error| error.to_string())?;
        let cell = |name: &str| match object.get(name) {
            Some(serde_json::Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
            None => String::new(),
        };
        Ok(self.names().map(cell).collect())
    }

    /// A key may hold colons; the values behind it do not.
    fn text_cells(&self, line: &[u8]) -> Vec<String> {
        let text = String::from_utf8_lossy(line);
        let parts = self.values.len() + usize::from(!self.keys.is_empty());
        let mut cells: Vec<String> = text.rsplitn(parts, ':').map(str::to_owned).collect();
        cells.reverse();
        cells
    }
}

/// The cells of a row between bars, of which those inside cells have a backslash.
fn table_cells(line: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(line).replace("\\|", "\u{1}");
    let inside = text.strip_prefix('|').unwrap_or(&text);
    let inside = inside.strip_suffix('|').unwrap_or(inside);
    let cell = |cell: &str| unescape(cell.trim().replace('\u{1}', "|").as_bytes());
    inside.split('|').map(cell).collect()
}

/// A field of tab-separated values, its escapes undone; other bytes than UTF-8 become U+FFFD.
fn unescape(field: &[u8]) -> String {
    if !field.contains(&b'\\') {
        return String::from_utf8_lossy(field).into_owned();
    }
    let mut bytes = Vec::with_capacity(field.len());
    let mut at = 0;
    while let Some(&byte) = field.get(at) {
        let escaped = match (byte, field.get(at + 1)) {
            (b'\\', Some(b't')) => Some((b'\t', 2)),
            (b'\\', Some(b'n')) => Some((b'\n', 2)),
            (b'\\', Some(b'r')) => Some((b'\r', 2)),
            (b'\\', Some(b'\\')) => Some((b'\\', 2)),
            (b'\\', Some(b'x')) => hex(field.get(at + 2..at + 4)).map(|byte| (byte, 4)),
            _ => None,
        };
        let (byte, length) = escaped.unwrap_or((byte, 1));
        bytes.push(byte);
        at += length;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex(digits: Option<&[u8]>) -> Option<u8> {
    u8::from_str_radix(std::str::from_utf8(digits?).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use gristmill_common::table::Merge;

    use super::*;

    fn format(keys: &[&str], format: Format) -> RowFormat {
        let shape = TableShape {
            keyed_by: KeyedBy::Fields(keys.iter().map(|&key| key.to_owned()).collect()),
            columns: vec![("hits".into(), Merge::Sum)],
            distinct: None,
            top: None,
            finish: None,
        };
        RowFormat::new(&shape, format)
    }

    #[test]
    fn escapes_of_tsv_are_undone() {
        let row = format(&["a", "b"], Format::Tsv)
            .read(b"x\\ty\\\\n\\x7F\t\xFF\t12")
            .unwrap();
        assert_eq!(row.cells, ["x\ty\\n\u{7F}", "\u{FFFD}", "12"]);
        assert_eq!(row.weight, 12.0);
    }

    #[test]
    fn cells_of_a_table_stand_between_bars() {
        let row = format(&["a", "b"], Format::Table)
            .read(br"| a\|b\\\| |     | 7 |")
            .unwrap();
        assert_eq!(row.cells, ["a|b\\|", "", "7"]);
    }

    #[test]
    fn a_key_may_hold_colons_in_text() {
        let row = format(&["name"], Format::Text).read(b"a:b:c:7").unwrap();
        assert_eq!(row.cells, ["a:b:c", "7"]);
    }

    #[test]
    fn objects_are_read_by_name() {
        let row = format(&["a"], Format::Jsonl)
            .read(br#"{"a":"\u003cscript>","hits":340282366920938463463374607431768211455}"#);
        assert_eq!(row.unwrap().cells[0], "<script>");
    }

    #[test]
    fn a_row_with_other_cells_is_refused() {
        assert!(format(&["a"], Format::Tsv).read(b"1\t2\t3").is_err());
    }
}
