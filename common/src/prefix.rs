//! Texts cut to a number of bytes, never inside a character.

/// The longest prefix of a text that has at most `most` bytes and ends between two characters.
#[must_use]
pub fn prefix(text: &str, most: usize) -> &str {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_is_whole_or_not_there() {
        let prefixes: Vec<&str> = (0..7).map(|most| prefix("aäß", most)).collect();
        assert_eq!(prefixes, ["", "a", "a", "aä", "aä", "aäß", "aäß"]);
    }
}
