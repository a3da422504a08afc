//! A table in Markdown whose columns are aligned, for people.
//!
//! Widths are those of the first rows, which are held back until they are known: a wider value that
//! comes later is out of line, and memory stays bounded.

/// So many rows are held back.
const ROWS: usize = 10_000;
/// So many bytes of them at most.
const BYTES: usize = 4 << 20;
/// No column is made wider for one long value.
const WIDEST: usize = 60;
/// The narrowest column: `---`.
const NARROWEST: usize = 3;

/// Prints rows below their columns' names.
#[derive(Debug)]
pub(super) struct Markdown {
    names: Vec<String>,
    /// Which columns are numbers, which stand at the right.
    numbers: Vec<bool>,
    held: Vec<Vec<String>>,
    size: usize,
    /// Once they are known.
    widths: Option<Vec<usize>>,
}

impl Markdown {
    pub(super) fn new(names: Vec<String>, numbers: Vec<bool>) -> Self {
        Self {
            names,
            numbers,
            held: Vec::new(),
            size: 0,
            widths: None,
        }
    }

    /// Takes a row, whose cells have no line feeds; appends what can be printed.
    pub(super) fn row(&mut self, cells: Vec<String>, out: &mut Vec<u8>) {
        if let Some(widths) = &self.widths {
            return push_row(out, &cells, widths, &self.numbers);
        }
        self.size += cells.iter().map(String::len).sum::<usize>();
        self.held.push(cells);
        if self.held.len() >= ROWS || self.size >= BYTES {
            self.rest(out);
        }
    }

    /// Appends what is held back.
    pub(super) fn rest(&mut self, out: &mut Vec<u8>) {
        if self.widths.is_some() {
            return;
        }
        let mut widths: Vec<usize> = (self.names.iter())
            .map(|name| width(name).max(NARROWEST))
            .collect();
        for row in &self.held {
            for (most, cell) in widths.iter_mut().zip(row) {
                *most = (*most).max(width(cell).min(WIDEST));
            }
        }
        push_row(out, &self.names, &widths, &self.numbers);
        for (width, number) in widths.iter().zip(&self.numbers) {
            let end = if *number { ':' } else { '-' };
            let rule = format!("| {}{end} ", "-".repeat(width - 1));
            out.extend_from_slice(rule.as_bytes());
        }
        out.extend_from_slice(b"|\n");
        for row in std::mem::take(&mut self.held) {
            push_row(out, &row, &widths, &self.numbers);
        }
        self.widths = Some(widths);
    }
}

/// A text as a cell: on one line, and without a bar that would end it.
pub(super) fn cell(text: &[u8]) -> String {
    let mut escaped = Vec::with_capacity(text.len());
    super::tsv::push_escaped(&mut escaped, text);
    String::from_utf8_lossy(&escaped).replace('|', "\\|")
}

fn push_row(out: &mut Vec<u8>, cells: &[String], widths: &[usize], numbers: &[bool]) {
    for ((cell, most), number) in cells.iter().zip(widths).zip(numbers) {
        let blanks = " ".repeat(most.saturating_sub(width(cell)));
        let padded = match number {
            false => format!("| {cell}{blanks} "),
            true => format!("| {blanks}{cell} "),
        };
        out.extend_from_slice(padded.as_bytes());
    }
    out.extend_from_slice(b"|\n");
}

fn width(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(rows: &[[&str; 2]]) -> String {
        let mut markdown = Markdown::new(vec!["key".into(), "hits".into()], vec![false, true]);
        let mut out = Vec::new();
        for row in rows {
            let [key, hits] = row.map(|one| cell(one.as_bytes()));
            markdown.row(vec![key, hits], &mut out);
        }
        markdown.rest(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn columns_are_aligned() {
        let table = printed(&[["größer", "1"], ["a|b\n", "12345"], ["", "\\N"]]);
        let expected = "\
| key    |  hits |
| ------ | ----: |
| größer |     1 |
| a\\|b\\n | 12345 |
|        |   \\\\N |
";
        assert_eq!(table, expected);
        assert_eq!(printed(&[]), "| key | hits |\n| --- | ---: |\n");
    }

    #[test]
    fn rows_past_those_held_back_are_printed_at_once() {
        let mut rows = vec![["a", "1"]; ROWS];
        rows.push(["longer", "2"]);
        let table = printed(&rows);
        let mut lines = table.lines().skip(ROWS + 1);
        assert_eq!(lines.next(), Some("| a   |    1 |"));
        assert_eq!(lines.next(), Some("| longer |    2 |"));
        assert_eq!(lines.next(), None);
        let long = "x".repeat(1000);
        let table = printed(&[[&long, "1"], ["a", "2"]]);
        let last = table.lines().last().unwrap();
        assert_eq!(last, format!("| a{} |    2 |", " ".repeat(WIDEST - 1)));
    }
}
