//! What a text in no known format may be, in words with the way out.

use gristmill_common::record::{BOM, content};

use super::separated::names_of;

/// What a text may be that is in no format known by its lines.
pub(in crate::engine::kinds::group_by) fn hint(text: &[u8]) -> Option<&'static str> {
    let text = text.strip_prefix(BOM).unwrap_or(text);
    if is_json_of_lines(text) {
        return Some(
            "it looks like JSON that spans lines; one value a line is read: jq -c '.[]' of an array, \
             jq -c . of objects",
        );
    }
    has_semicolons(text).then_some(
        "it looks like CSV with semicolons; tabs are read: tr ';' '\\t' (where no value holds either), \
         and --parse tsv",
    )
}

/// The format of a text that is one line, ended by its end: the names of columns, among which are
/// all of `wanted`.
pub(in crate::engine::kinds::group_by) fn header_alone(
    text: &[u8],
    wanted: &[String],
) -> Option<&'static str> {
    let text = text.strip_prefix(BOM).unwrap_or(text);
    let line = text
        .strip_suffix(b"\n")
        .filter(|line| !line.contains(&b'\n'))?;
    [("csv", b','), ("tsv", b'\t')]
        .into_iter()
        .find(|&(_, delimiter)| {
            let names = names_of(content(line), delimiter).unwrap_or_default();
            names.len() > 1 && !wanted.is_empty() && wanted.iter().all(|name| names.contains(name))
        })
        .map(|(name, _)| name)
}

/// Whether a text begins with an object or array that its first line does not end.
fn is_json_of_lines(text: &[u8]) -> bool {
    let text = text.trim_ascii_start();
    let line = text.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let more = line.len() < text.trim_ascii_end().len();
    match line.trim_ascii_end() {
        [b'[' | b'{'] => more,
        [b'{', rest @ ..] => {
            more && rest.trim_ascii_start().starts_with(b"\"") && !rest.ends_with(b"}")
        }
        // Or all in one line.
        [b'[', rest @ ..] => rest.trim_ascii_start().starts_with(b"{"),
        _ => false,
    }
}

/// Whether the first lines have as many semicolons each.
fn has_semicolons(text: &[u8]) -> bool {
    let count = |line: &[u8]| memchr::memchr_iter(b';', line).count();
    let mut lines = text
        .split_inclusive(|&byte| byte == b'\n')
        .map(count)
        .take(3);
    let first = lines.next().unwrap_or_default();
    first > 0 && lines.next() == Some(first) && lines.next().is_none_or(|third| third == first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_of_several_lines_and_semicolons_have_a_way_out() {
        for text in [
            "[\n  {\n    \"k\": 1\n  }\n]\n",
            "{\n  \"k\": 1\n}\n",
            "{\"k\": [1,\n 2]}\n",
            "[{\"k\":1},{\"k\":2}]",
        ] {
            assert!(
                hint(text.as_bytes()).is_some_and(|hint| hint.contains("jq -c")),
                "{text}"
            );
        }
        let words = hint(b"\xEF\xBB\xBFa;b\n1;2,5\n3;4\n").unwrap();
        assert!(words.contains("semicolons"), "{words}");
        for text in [
            "a; b\nc\n",
            "[info] started\n[info] ended\n",
            "",
            "one\n",
            "{x}\n{y}\n",
        ] {
            assert_eq!(hint(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn a_header_alone_is_one_if_it_names_what_is_asked_for() {
        let wanted = ["user".to_owned(), "n".to_owned()];
        assert_eq!(header_alone(b"user,n,time\r\n", &wanted), Some("csv"));
        assert_eq!(header_alone(b"n\tuser\n", &wanted), Some("tsv"));
        assert_eq!(header_alone(b"user,n", &wanted), None);
        assert_eq!(header_alone(b"user,m\n", &wanted), None);
        assert_eq!(header_alone(b"user,n\n1,2\n", &wanted), None);
        assert_eq!(header_alone(b"hello, world\n", &[]), None);
    }
}
