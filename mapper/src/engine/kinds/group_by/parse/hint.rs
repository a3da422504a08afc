//! What a text in no known format may be, in words with the way out.

use gristmill_common::record::{BOM, content};
use gristmill_common::spec::Parse;

use super::detect::SEPARATED;
use super::separated::names_of;

/// What a text may be that is in no format known by its lines.
pub(in crate::engine::kinds::group_by) fn hint(text: &[u8]) -> Option<&'static str> {
    let text = text.strip_prefix(BOM).unwrap_or(text);
    if is_json_of_lines(text) {
        return Some(
            "it looks like JSON, but not one record a line: jq -c '.[]' makes lines of a list, \
             jq -c . of objects that span lines",
        );
    }
    None
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
    SEPARATED.into_iter().find(|&parse| {
        let delimiter = Parse::from(parse).delimiter();
        let names = delimiter.and_then(|delimiter| names_of(content(line), delimiter).ok());
        let names = names.unwrap_or_default();
        names.len() > 1 && !wanted.is_empty() && wanted.iter().all(|name| names.contains(name))
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_of_several_lines_has_a_way_out() {
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
        assert_eq!(header_alone(b"n;user\n", &wanted), Some("csv:;"));
        assert_eq!(header_alone(b"user,n", &wanted), None);
        assert_eq!(header_alone(b"user,m\n", &wanted), None);
        assert_eq!(header_alone(b"user,n\n1,2\n", &wanted), None);
        assert_eq!(header_alone(b"hello, world\n", &[]), None);
    }
}
