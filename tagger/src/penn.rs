//! The Penn Treebank's own style of tags, from those that the English Web Treebank uses. Must not
//! know of models.

/// The tag of `token` as older corpora and NLTK would write it: `to` is always TO; dashes,
/// semicolons and dots of omission are `:`; what the Web Treebank added (HYPH, NFP, ADD, AFX, GW,
/// XX) becomes the tag used before.
pub fn penn_style<'a>(token: &[u8], tag: &'a str) -> &'a str {
    match tag {
        "IN" if token.eq_ignore_ascii_case(b"to") => "TO",
        "NN" if token == b"#" => "#",
        "," | "." | ":" | "SYM" | "NFP" | "HYPH" if pause(token) => ":",
        "HYPH" => ":",
        "NFP" => "SYM",
        "ADD" | "GW" => "NN",
        "AFX" => "JJ",
        "XX" => "FW",
        _ => tag,
    }
}

/// Marks that stand for a pause: `;`, `:`, `-`, `--`, `...`, the dashes and the ellipsis of
/// Unicode.
fn pause(token: &[u8]) -> bool {
    let dots = token.len() > 1 && token.iter().all(|byte| *byte == b'.');
    let dashes = !token.is_empty() && token.iter().all(|byte| *byte == b'-');
    dots || dashes
        || [
            ";", ":", "/", "\u{2013}", "\u{2014}", "\u{2015}", "\u{2026}",
        ]
        .contains(&std::str::from_utf8(token).unwrap_or(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_follow_the_older_corpora() {
        for (token, web, penn) in [
            ("to", "IN", "TO"),
            ("To", "TO", "TO"),
            ("in", "IN", "IN"),
            (";", ",", ":"),
            ("-", "HYPH", ":"),
            ("-", "NFP", ":"),
            ("\u{2014}", ",", ":"),
            ("...", ".", ":"),
            (".", ".", "."),
            (",", ",", ","),
            (":-)", "NFP", "SYM"),
            ("a@b.org", "ADD", "NN"),
            ("non", "AFX", "JJ"),
            ("#", "NN", "#"),
            ("dog", "NN", "NN"),
        ] {
            assert_eq!(penn_style(token.as_bytes(), web), penn, "{token} {web}");
        }
    }
}
