//! Rows of a table result, as its format writes them.

use gristmill_common::spec::{Format, KeyedBy, TableShape};

use crate::cell::{Cell, has_marks};
use crate::csv::Field;

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
    /// Fields may be absent, and their texts are marked.
    marks: bool,
}

/// One row of a table.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    /// The key's fields and the values.
    pub(crate) cells: Vec<Cell>,
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
            marks: has_marks(format, shape.finish.is_some()),
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
            Format::Tsv => (line.split(|&byte| byte == b'\t'))
                .map(|field| Cell::of_tsv(field, self.marks))
                .collect(),
            _ => self.text_cells(line),
        };
        self.row(cells)
    }

    /// A record of comma-separated values; the error says what is wrong with it.
    pub(crate) fn of_csv(&self, fields: &[Field]) -> Result<Row, String> {
        let cell = |field: &Field| Cell::of_csv(&field.text, field.quoted);
        self.row(fields.iter().map(cell).collect())
    }

    fn row(&self, cells: Vec<Cell>) -> Result<Row, String> {
        let wanted = self.keys.len() + self.values.len();
        if cells.len() != wanted {
            return Err(format!("{} cells, not {wanted}", cells.len()));
        }
        let first = cells.get(self.keys.len()).and_then(Cell::text);
        Ok(Row {
            weight: match first.map(str::parse::<f64>) {
                Some(Ok(number)) if number.is_finite() => number,
                _ => 0.0,
            },
            cells: cells.into_iter().map(Cell::clipped).collect(),
        })
    }

    fn json_cells(&self, line: &[u8]) -> Result<Vec<Cell>, String> {
        let object: serde_json::Map<String, serde_json::Value> =
            serde_json::from_slice(line).map_err(|error| error.to_string())?;
        let cell = |name: &str| Cell::of_json(object.get(name));
        Ok(self.names().map(cell).collect())
    }

    /// A key may hold colons; the values behind it do not.
    fn text_cells(&self, line: &[u8]) -> Vec<Cell> {
        let text = String::from_utf8_lossy(line);
        let parts = self.values.len() + usize::from(!self.keys.is_empty());
        let cell = |cell: &str| Cell::Text(cell.to_owned());
        let mut cells: Vec<Cell> = text.rsplitn(parts, ':').map(cell).collect();
        cells.reverse();
        cells
    }
}

/// The cells of a row between bars, of which those inside cells have a backslash.
fn table_cells(line: &[u8]) -> Vec<Cell> {
    let text = String::from_utf8_lossy(line).replace("\\|", "\u{1}");
    let inside = text.strip_prefix('|').unwrap_or(&text);
    let inside = inside.strip_suffix('|').unwrap_or(inside);
    let cell = |cell: &str| Cell::of_tsv(cell.trim().replace('\u{1}', "|").as_bytes(), true);
    inside.split('|').map(cell).collect()
}

#[cfg(test)]
mod tests {
    use gristmill_common::table::Merge;

    use super::*;

    fn texts(row: &Row) -> Vec<&str> {
        row.cells.iter().map(Cell::label).collect()
    }

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
        assert_eq!(texts(&row), ["x\ty\\n⟨U+007F⟩", "\u{FFFD}", "12"]);
        assert_eq!(row.weight, 12.0);
    }

    #[test]
    fn cells_of_a_table_stand_between_bars() {
        let row = format(&["a", "b"], Format::Table)
            .read(br"| a\|b\\\| |     | 7 |")
            .unwrap();
        assert_eq!(texts(&row), ["a|b\\|", "(empty)", "7"]);
    }

    #[test]
    fn a_key_may_hold_colons_in_text() {
        let row = format(&["name"], Format::Text).read(b"a:b:c:7").unwrap();
        assert_eq!(texts(&row), ["a:b:c", "7"]);
    }

    #[test]
    fn objects_are_read_by_name() {
        let row = format(&["a"], Format::Jsonl)
            .read(br#"{"a":"\u003cscript>","hits":340282366920938463463374607431768211455}"#);
        assert_eq!(texts(&row.unwrap())[0], "<script>");
    }

    #[test]
    fn a_row_with_other_cells_is_refused() {
        assert!(format(&["a"], Format::Tsv).read(b"1\t2\t3").is_err());
    }
}
