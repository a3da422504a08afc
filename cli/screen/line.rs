//! A line of a screen: words with colours, cut to the terminal's width. What comes from a broker is
//! untrusted and cannot steer the terminal.

/// How words look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    Plain,
    /// Names and headings.
    Strong,
    /// What one need not read.
    Dim,
    Good,
    Bad,
}

impl Look {
    /// Select graphic rendition (ECMA-48), by the terminal's own colours.
    fn begin(self) -> &'static str {
        match self {
            Look::Plain => "",
            Look::Strong => "\x1b[1m",
            Look::Dim => "\x1b[2m",
            Look::Good => "\x1b[32m",
            Look::Bad => "\x1b[31m",
        }
    }
}

/// A line of a screen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Line(Vec<(Look, String)>);

impl Line {
    /// Adds words.
    pub(super) fn with(mut self, look: Look, words: impl Into<String>) -> Self {
        self.0.push((look, words.into()));
        self
    }

    /// Adds words in a column of `width` characters and a blank: on its left side, or the right one
    /// for numbers.
    pub(super) fn column(self, look: Look, words: &str, width: usize, right: bool) -> Self {
        let words = clip(words, width);
        let cell = match right {
            true => format!("{words:>width$} "),
            false => format!("{words:<width$} "),
        };
        self.with(look, cell)
    }

    /// Appends it in at most `columns` columns.
    pub(super) fn write(&self, columns: usize, colors: bool, out: &mut Vec<u8>) {
        let mut room = columns;
        for (look, words) in &self.0 {
            let words = clip(words, room);
            room -= words.chars().count();
            let begin = if colors { look.begin() } else { "" };
            out.extend_from_slice(begin.as_bytes());
            out.extend_from_slice(words.as_bytes());
            if !begin.is_empty() {
                out.extend_from_slice(b"\x1b[0m");
            }
        }
    }

    /// Its words.
    #[cfg(test)]
    pub(super) fn text(&self) -> String {
        self.0.iter().map(|(_, words)| words.as_str()).collect()
    }
}

/// At most `width` characters, the last one `…` if there were more; control characters, which could
/// steer the terminal, are replaced.
fn clip(words: &str, width: usize) -> String {
    let mut kept: String = (words.chars().take(width + 1))
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect();
    if kept.chars().count() > width {
        kept = kept.chars().take(width.saturating_sub(1)).collect();
        if width > 0 {
            kept.push('…');
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(line: &Line, columns: usize, colors: bool) -> String {
        let mut out = Vec::new();
        line.write(columns, colors, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn lines_are_cut_to_the_terminal() {
        let line = Line::default()
            .column(Look::Bad, "stalled", 8, false)
            .column(Look::Plain, "7", 3, true)
            .with(Look::Plain, "ends here");
        assert_eq!(written(&line, 99, false), "stalled    7 ends here");
        assert_eq!(written(&line, 15, false), "stalled    7 e…");
        assert_eq!(written(&line, 3, false), "st…");
        assert_eq!(written(&line, 1, false), "…");
        assert_eq!(written(&line, 0, false), "");
        assert_eq!(
            written(&line, 99, true),
            "\u{1b}[31mstalled  \u{1b}[0m  7 ends here"
        );
    }

    #[test]
    fn nothing_from_outside_steers_the_terminal() {
        let line = Line::default().with(Look::Plain, "a\u{1b}[2Jb\r\n\u{9b}c\u{7f}");
        let shown = written(&line, 99, false);
        assert!(!shown.chars().any(char::is_control), "{shown:?}");
        assert!(shown.starts_with("a\u{fffd}[2Jb"));
    }
}
