//! Texts from the input, made visible and cut to what a page can show.

/// The first `most` characters of a text; an ellipsis says that there were more. Characters that
/// cannot be seen, or turn what stands around them, are shown as `⟨U+202E⟩`; line feeds and tabs
/// stay.
pub(crate) fn clip(text: &str, most: usize) -> String {
    let (text, more) = match text.char_indices().nth(most) {
        Some((end, _)) => (&text[..end], "…"),
        None => (text, ""),
    };
    let mut shown = String::with_capacity(text.len() + more.len());
    for char in text.chars() {
        match is_hidden(char) {
            true => shown.push_str(&format!("⟨U+{:04X}⟩", u32::from(char))),
            false => shown.push(char),
        }
    }
    shown + more
}

/// Whether a character is a control or a mark of direction (UAX 9, 2.1 to 2.6), has no width, or
/// cannot stand in HTML.
fn is_hidden(char: char) -> bool {
    match char {
        '\n' | '\t' => false,
        '\u{AD}' | '\u{61C}' | '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{FEFF}' => true,
        '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' => true,
        // Code points that are no characters.
        '\u{FDD0}'..='\u{FDEF}' => true,
        char => char.is_control() || u32::from(char) & 0xFFFE == 0xFFFE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_named_and_what_can_be_stays() {
        assert_eq!(clip("a\u{1}\u{0}b", 9), "a⟨U+0001⟩⟨U+0000⟩b");
        assert_eq!(clip("\u{202E}abc\r\n\tx", 9), "⟨U+202E⟩abc⟨U+000D⟩\n\tx");
        // Joiners are part of words and of emoji.
        assert_eq!(
            clip("می\u{200C}خواهم 👩\u{200D}🌾", 20),
            "می\u{200C}خواهم 👩\u{200D}🌾"
        );
        assert_eq!(clip("abc", 2), "ab…");
    }
}
