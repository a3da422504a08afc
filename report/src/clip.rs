//! Texts from the input, cut to what a page can show.

/// The first `most` characters of a text; an ellipsis says that there were more.
pub(crate) fn clip(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
