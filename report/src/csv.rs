//! Comma-separated values (RFC 4180) whose quotes tell a text from no value: `\N` is null, `"\N"` a
//! text; nothing between commas is no value, `""` the empty text.

use std::io::{self, BufRead};

/// A field, and whether it stood in quotes.
pub(crate) struct Field {
    pub(crate) text: Vec<u8>,
    pub(crate) quoted: bool,
}

/// Reads one record, whose quoted fields may hold line breaks; `None` at the end. `line` counts the
/// lines read.
///
/// # Errors
/// What the reader says; a record of more than `most` bytes.
pub(crate) fn next_record(
    reader: &mut impl BufRead,
    most: usize,
    line: &mut u64,
) -> io::Result<Option<Vec<Field>>> {
    let mut bytes = Vec::new();
    // Inside of quotes as long as their number is odd: a quote in a field is two.
    let mut quotes = 0;
    loop {
        let before = bytes.len();
        let left = (most - bytes.len()) as u64;
        io::Read::take(&mut *reader, left).read_until(b'\n', &mut bytes)?;
        if bytes.len() == before {
            return Ok((!bytes.is_empty()).then(|| fields(&bytes)));
        }
        *line += 1;
        quotes += memchr::memchr_iter(b'"', &bytes[before..]).count();
        match bytes.strip_suffix(b"\n") {
            Some(record) if quotes % 2 == 0 => return Ok(Some(fields(record))),
            None if bytes.len() >= most => {
                let error = io::Error::new(io::ErrorKind::InvalidData, "the record is too long");
                return Err(error);
            }
            _ => {}
        }
    }
}

fn fields(record: &[u8]) -> Vec<Field> {
    let empty = || Field {
        text: Vec::new(),
        quoted: false,
    };
    let mut all = Vec::new();
    let (mut field, mut inside) = (empty(), false);
    let mut bytes = record.iter().peekable();
    while let Some(&byte) = bytes.next() {
        match byte {
            b'"' if inside && bytes.peek() == Some(&&b'"') => {
                bytes.next();
                field.text.push(b'"');
            }
            b'"' => {
                inside = !inside;
                field.quoted = true;
            }
            b',' if !inside => all.push(std::mem::replace(&mut field, empty())),
            byte => field.text.push(byte),
        }
    }
    all.push(field);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_told_and_undone() {
        let text = b"a,\"b\"\"\n, c\",,\"\"\n\\N,\"\\N\"\nlast";
        let (mut reader, mut line) = (&text[..], 0);
        let mut records = Vec::new();
        while let Some(record) = next_record(&mut reader, 100, &mut line).unwrap() {
            let fields = record.into_iter();
            records.push(
                fields
                    .map(|field| (String::from_utf8(field.text).unwrap(), field.quoted))
                    .collect::<Vec<_>>(),
            );
        }
        let field = |text: &str, quoted| (text.to_owned(), quoted);
        assert_eq!(
            records,
            [
                vec![
                    field("a", false),
                    field("b\"\n, c", true),
                    field("", false),
                    field("", true)
                ],
                vec![field("\\N", false), field("\\N", true)],
                vec![field("last", false)],
            ]
        );
        assert_eq!(line, 4);
        assert!(next_record(&mut &text[..], 5, &mut 0).is_err());
    }
}
